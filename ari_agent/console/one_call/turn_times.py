"""How long each turn of a call took, step by step, out of its public log. Pure.

    speech ends ──▶ text ──▶ end of turn ──▶ first answer ──▶ first sound ──▶ at the caller

The log has a line for each part when that ends (docs/latency-and-metrics.md); a turn is complete with its `e2e`. Of an
audio agent, whose inside nobody knows, there are the whole and the round trip to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ari_agent.console.one_call.call_log import LogLine, number

MOST_TURNS: Final = 300
"""So many turns of a call are shown."""
STEPS: Final[Mapping[str, str]] = {
    "text": "text",
    "turn": "end of turn",
    "answer": "first answer",
    "sound": "first sound",
    "caller": "at the caller",
}
"""The steps of a turn, each named for what it leads to, in their order."""
SLOW_MS: Final[Mapping[str, int]] = {"text": 1000, "turn": 1000, "answer": 1500, "sound": 600, "caller": 600}
"""A step that takes longer is called slow."""
SLOW_ANSWER_MS: Final = 1500
"""An answer that takes longer is called slow, where its steps are not known."""


class TimedStep(NamedTuple):
    """One step of a turn. name: of STEPS. began_ms: since the caller's speech ended."""

    name: str
    began_ms: float
    took_ms: float

    @property
    def is_slow(self) -> bool:
        """Whether it took longer than SLOW_MS allows."""
        return self.took_ms > SLOW_MS[self.name]


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """One turn. ended_ms: when the caller's speech ended, since the call began. took_ms: until the caller was answered.

    steps: in their order, without those that are not known; empty for an audio agent. round_trip_ms: to the agent and
    back, as it was measured last.
    """

    ended_ms: float
    took_ms: float
    steps: Sequence[TimedStep] = ()
    round_trip_ms: float | None = None

    @property
    def slow(self) -> Sequence[str]:
        """Return what was slow, in words, the slowest first; empty where nothing was."""
        if not self.steps:
            return ("the answer",) if self.took_ms > SLOW_ANSWER_MS else ()
        slow = sorted((step for step in self.steps if step.is_slow), key=lambda step: -step.took_ms)
        return [STEPS[step.name] for step in slow]

    def took(self, name: str) -> float | None:
        """Return how long a step of STEPS took, in milliseconds; None where that is not known."""
        return next((step.took_ms for step in self.steps if step.name == name), None)


_ENDS: Final = {"asr": "text", "llm": "answer", "tts": "sound"}
"""The step that is over with the line of a part."""


def turn_times(lines: Sequence[LogLine]) -> Sequence[TurnTimes]:
    """Return the first MOST_TURNS turns of a call in their order."""
    found: list[TurnTimes] = []
    ends: dict[str, float] = {}
    round_trip_ms: float | None = None
    for line in lines:
        part, took_ms = line.facts.get("part"), number(line.facts.get("took_ms"))
        if line.event != "latency" or took_ms is None or took_ms < 0 or len(found) == MOST_TURNS:
            continue
        over_ms = line.ms - (number(line.facts.get("ago_ms")) or 0.0)
        if part == "llm_websocket_network_rtt":
            round_trip_ms = took_ms
        elif part == "e2e":
            found.append(_turn(over_ms, took_ms, ends, round_trip_ms))
            ends = {}
        elif part == "llm":
            # of an answer that was given up because the caller went on, nothing is of this turn
            ends = {"text": ends["text"]} if "text" in ends else {}
            ends |= {"turn": over_ms - took_ms, "answer": over_ms}
        elif part in _ENDS:
            # the first sound alone is waited for, and the last text
            ends = {**ends, _ENDS[part]: over_ms} if part == "asr" else {_ENDS[part]: over_ms, **ends}
    return found


def _turn(heard_ms: float, took_ms: float, ends: Mapping[str, float], round_trip_ms: float | None) -> TurnTimes:
    ended_ms = heard_ms - took_ms
    if not ends:
        return TurnTimes(ended_ms, took_ms, (), round_trip_ms)
    steps, at_ms = [], ended_ms
    for name in STEPS:
        if (over_ms := {**ends, "caller": heard_ms}.get(name)) is not None:
            until_ms = min(max(over_ms, at_ms), heard_ms)
            steps.append(TimedStep(name, at_ms - ended_ms, until_ms - at_ms))
            at_ms = until_ms
    return TurnTimes(ended_ms, took_ms, steps, round_trip_ms)
