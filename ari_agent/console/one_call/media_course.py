"""The quality of a call's audio over its time, out of its public log. Pure."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from ari_agent.console.one_call.call_log import LogLine, number

_MOST: Final = 1440
"""So many stretches are shown: four hours, at 10 s each."""
_NEAR_S: Final = 5.0
"""What is measured so near to a count is of the same stretch."""


@dataclass(slots=True)
class Stretch:
    """Some seconds of a call. at_s: its end, since the call began. None: not known.

    lost, late: packets of the caller's. lost_percent: of all packets that they sent. concealed_ms: sound that the agent
    got in their place. jitter_ms: of the way from the phone; there_...: of what the phone got, as it has reported so
    far.
    """

    at_s: float
    lost: float | None = None
    lost_percent: float | None = None
    late: float | None = None
    concealed_ms: float | None = None
    jitter_ms: float | None = None
    there_jitter_ms: float | None = None
    there_loss_percent: float | None = None
    round_trip_ms: float | None = None


def media_course(lines: Sequence[LogLine]) -> Sequence[Stretch]:
    """Return the stretches of a call in their order; empty where the log counts no audio of a phone."""
    found = [_counted(line) for line in lines if line.event == "media"][:_MOST]
    for line in lines:
        if line.event == "media_quality" and found:
            # both come every 10 s, either of them first
            place = bisect(found, line.ms / 1000, key=lambda stretch: stretch.at_s)
            nearest = min(found[max(0, place - 1) : place + 1], key=lambda stretch: abs(stretch.at_s - line.ms / 1000))
            if abs(nearest.at_s - line.ms / 1000) < _NEAR_S:
                _measured(nearest, line)
    return found if any(stretch.lost is not None for stretch in found) else ()


def columns(course: Sequence[Stretch]) -> Sequence[str]:
    """Return the names of the figures that at least one stretch has, in their order."""
    names = [field.name for field in fields(Stretch) if field.name != "at_s"]
    return [name for name in names if any(getattr(stretch, name) is not None for stretch in course)]


def _counted(line: LogLine) -> Stretch:
    counters = line.facts.get("counters")
    received = _of(counters, "packets_received")
    stretch = Stretch(line.ms / 1000)
    if received is None and _of(counters, "packets_lost") is None:
        return stretch
    lost = _of(counters, "packets_lost") or 0.0
    stretch.lost, stretch.late = lost, _of(counters, "packets_late") or 0.0
    stretch.lost_percent = round(100 * lost / max(1.0, lost + (received or 0.0)), 2)
    stretch.concealed_ms = _of(counters, "concealed_ms") or 0.0
    return stretch


def _measured(stretch: Stretch, line: LogLine) -> None:
    theirs, ours = line.facts.get("caller_to_agent"), line.facts.get("agent_to_caller")
    stretch.jitter_ms = _of(theirs, "jitter_ms")
    stretch.there_jitter_ms = _of(ours, "jitter_ms")
    stretch.there_loss_percent = _of(ours, "loss_percent")
    stretch.round_trip_ms = number(line.facts.get("round_trip_ms"))


def _of(facts: Any, name: str) -> float | None:
    return number(facts.get(name)) if isinstance(facts, dict) else None
