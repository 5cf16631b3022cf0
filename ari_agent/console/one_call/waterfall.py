"""The turns of a call as a picture, tied to transcript and recording. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.console.one_call.call_log import LogLine, number
from ari_agent.console.one_call.transcript_rows import TranscriptRow
from ari_agent.console.one_call.turn_times import TurnTimes, turn_times
from ari_agent.contract.call import Call

WIDTH: Final = 1000
"""The width of a bar's picture, in its own units."""
_LONGEST_MS: Final = 10_000
"""A bar of a longer turn ends at the edge."""
_NEAR_S: Final = 3.0
"""An utterance is that of a turn where it begins so near to what was heard."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a turn in the picture. step: of STEPS. x, width: in units of the picture."""

    step: str
    x: float
    width: float
    is_slow: bool


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn. at_s: when the answer was heard, in seconds of the recording; None where that is not known.

    row: the place of the answer in the rows of the transcript, from 0; None where that is not known.
    """

    turn: TurnTimes
    bars: Sequence[Bar]
    at_s: float | None
    row: int | None


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All turns of a call. scale_ms: what the whole width stands for. has_steps: of some turn more than the whole."""

    turns: Sequence[TurnRow]
    scale_ms: int
    has_steps: bool


def waterfall(call: Call, lines: Sequence[LogLine], rows: Sequence[TranscriptRow]) -> Waterfall | None:
    """Return the picture of a call's turns; None where none was measured. rows: of the transcript."""
    turns = turn_times(lines)
    if not turns:
        return None
    longest_ms = min(max(turn.took_ms for turn in turns), _LONGEST_MS)
    scale_ms = max(500, -(-int(longest_ms) // 500) * 500)
    began_ms = recording_began_ms(call, lines)
    return Waterfall([_row(turn, scale_ms, began_ms, rows) for turn in turns], scale_ms, any(t.steps for t in turns))


def recording_began_ms(call: Call, lines: Sequence[LogLine]) -> float | None:
    """Return when the recording began, as the log counts; None where the log or the call does not say so."""
    at_ms = number(lines[0].facts.get("at")) if lines and lines[0].event == "call_began" else None
    return None if at_ms is None or call.start_timestamp is None else call.start_timestamp - at_ms


def _row(turn: TurnTimes, scale_ms: int, began_ms: float | None, rows: Sequence[TranscriptRow]) -> TurnRow:
    def x(at_ms: float) -> float:
        return round(min(at_ms, scale_ms) / scale_ms * WIDTH, 1)

    bars = [
        Bar(step.name, x(step.began_ms), round(x(step.began_ms + step.took_ms) - x(step.began_ms), 1), step.is_slow)
        for step in turn.steps
    ] or [Bar("caller", 0.0, x(turn.took_ms), bool(turn.slow))]
    if began_ms is None:
        return TurnRow(turn, bars, None, None)
    at_s = round((turn.ended_ms + turn.took_ms - began_ms) / 1000, 2)
    near = [
        (abs(row.at_s - at_s), place) for place, row in enumerate(rows) if row.kind == "agent" and row.at_s is not None
    ]
    distance_s, place = min(near, default=(_NEAR_S, 0))
    return TurnRow(turn, bars, max(0.0, at_s), place if distance_s < _NEAR_S else None)
