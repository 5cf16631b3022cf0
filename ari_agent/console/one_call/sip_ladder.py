"""The signalling of a call as a picture: who sent what to whom, from the top to the bottom. Pure.

The steps are those of the call object's `sip`: what Asterisk's events tell, not a capture of packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.sip_timeline import SipEvent

_ROW: Final = 34
_HEAD: Final = 40
_COLUMN: Final = 260
_MARGIN: Final = 110
_MOST_STEPS: Final = 200
_LABELS: Final = {"dialplan": "goes on in the dialplan"}
"""What is no message."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message. x1 to x2: from whom to whom; equal where it is told by nobody. y: how far down. In pixels."""

    x1: int
    x2: int
    y: int
    label: str
    after_ms: int
    failed: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """A picture of width x height pixels. parties: a vertical line each, at x."""

    width: int
    height: int
    parties: Sequence[tuple[int, str]]
    arrows: Sequence[Arrow]


def ladder(call: Call) -> Ladder | None:
    """Return the picture of a call's signalling; None where nothing of it is known."""
    if not call.sip:
        return None
    steps = call.sip[:_MOST_STEPS]
    far_end = call.from_number if call.direction is CallDirection.INBOUND else call.to_number
    names = [far_end or "caller", "Asterisk"]
    if any(step.leg == "target" for step in steps):
        names.append(call.transfer_destination or "target")
    columns = [_MARGIN + place * _COLUMN for place in range(len(names))]
    began = steps[0].timestamp
    arrows = [
        _arrow(step, columns, _HEAD + (row + 1) * _ROW, int(step.timestamp - began)) for row, step in enumerate(steps)
    ]
    height = _HEAD + (len(steps) + 1) * _ROW
    return Ladder(columns[-1] + _MARGIN, height, list(zip(columns, names, strict=True)), arrows)


def _arrow(step: SipEvent, columns: Sequence[int], y: int, after_ms: int) -> Arrow:
    ours, theirs = columns[1], columns[2 if step.leg == "target" else 0]
    x1, x2 = (theirs, ours) if step.direction == "received" else (ours, theirs if step.direction else ours)
    label: str = _LABELS.get(step.event, step.event)
    if step.sip_status and str(step.sip_status) != step.event:
        label += f" ({step.sip_status})"
    if step.q850_cause:
        label += f" Q.850 {step.q850_cause}"
    return Arrow(x1, x2, y, label, after_ms, failed="failure" in step.event)
