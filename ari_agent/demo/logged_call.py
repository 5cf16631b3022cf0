"""Whether the public log of the scripted call tells every step of it, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ari_agent.demo.report import StepFailed

Line = Mapping[str, Any]

LAST: Final = "log_ended"
_FROM_AGENT: Final = {"event": "agent_message", "direction": "received"}
_TO_AGENT: Final = {"event": "agent_message", "direction": "sent"}
_TO_CALLER: Final = {"event": "sip", "leg": "caller", "direction": "sent"}
_FROM_CALLER: Final = {"event": "sip", "leg": "caller", "direction": "received"}


def lines_of(text: str) -> list[Line]:
    """Return the lines of a log. Raises: StepFailed, if one is no JSON object."""
    try:
        lines = [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        raise StepFailed(f"a line of the public log is no JSON: {error}") from None
    if not all(isinstance(line, dict) for line in lines):
        raise StepFailed("a line of the public log is no JSON object")
    return lines


def has_ended(lines: Sequence[Line]) -> bool:
    """Return whether nothing will be added to a log any more."""
    return bool(lines) and lines[-1].get("event") == LAST


def checked_log(lines: Sequence[Line], *, call_id: str, number: str, customer_name: str) -> str:
    """Return what was found in the lines of a log that has ended.

    number: what was dialled. customer_name: what the inbound webhook has answered.

    Raises:
        StepFailed: a step of the call is missing, or stands before one that it came after; the text has its line.
    """
    times = [line.get("ms", -1) for line in lines]
    if times != sorted(times) or times[0] != 0:
        raise StepFailed(f"the lines of the public log are not in the order of their ms: {times}")
    if lines[-1].get("lines") != len(lines) - 1 or "left_out" in lines[-1]:
        raise StepFailed(f"the public log has {len(lines)} lines, the last of which is {dict(lines[-1])}")
    chains = _chains(call_id, number, customer_name)
    for wanted in chains:
        _check_order(lines, wanted)
    steps = sum(map(len, chains))
    return f"{len(lines)} lines, from the INVITE to call_analyzed delivered; {steps} things that happened, in order"


def _chains(call_id: str, number: str, customer_name: str) -> tuple[Sequence[Line], ...]:
    """Return what the lines of a log must hold: each of these in its order, and independent of the others."""
    variables = {"answer": {"dynamic_variables": {"customer_name": customer_name}}}
    return (
        (
            {"event": "call_began", "call_id": call_id, "direction": "inbound"},
            {"event": "number", "number": number},
            {"event": "draw"},
            {"event": "inbound_webhook_asked"},
            {"event": "inbound_webhook_answered", "content": variables},
            {"event": "routed", "decision": "connect"},
            {"event": "record_began", "to_number": number},
            {"event": "agent_dialled", "protocol": "twilio"},
            {**_TO_AGENT, "kind": "start"},
            {"event": "agent_connected"},
            {"event": "state", "state": "talking"},
            {"event": "key", "content": "1"},
            {**_TO_AGENT, "kind": "dtmf", "content": {"dtmf": {"digit": "1"}}},
            {**_FROM_AGENT, "kind": "mark", "content": {"mark": {"name": "rising tone"}}},
            {**_TO_AGENT, "kind": "mark", "content": {"mark": {"name": "rising tone"}}},
            {"event": "key", "content": "2"},
            {**_TO_AGENT, "kind": "dtmf", "content": {"dtmf": {"digit": "2"}}},
            {**_FROM_AGENT, "kind": "mark", "content": {"mark": {"name": "long tone"}}},
            {**_FROM_AGENT, "kind": "clear"},
            {**_TO_AGENT, "kind": "mark", "content": {"mark": {"name": "long tone"}}},
            {"event": "key", "content": "9"},
            {**_TO_AGENT, "kind": "dtmf", "content": {"dtmf": {"digit": "9"}}},
            {**_FROM_AGENT, "kind": "transfer"},
            {"event": "command", "by": "agent", "command": "transfer"},
            {"event": "transfer", "step": "started"},
            {"event": "transfer_outcome", "status": "succeeded", "sip_status": 200},
            {**_TO_AGENT, "kind": "transfer"},
            {"event": "transfer", "step": "ended"},
            {"event": "call_ended", "disconnection_reason": "call_transfer"},
            {"event": LAST},
        ),
        (
            {**_FROM_CALLER, "message": "INVITE"},
            {**_TO_CALLER, "message": "180"},
            {"event": "inbound_webhook_answered"},
            {**_TO_CALLER, "message": "200"},
            {"event": "command", "by": "agent", "command": "transfer"},
            {**_TO_CALLER, "message": "REFER"},
            {**_FROM_CALLER, "message": "NOTIFY", "sip_status": 200},
            {**_TO_CALLER, "message": "BYE", "q850_cause": 16},
        ),
        tuple(
            {"event": "webhook", "webhook": webhook, "outcome": "delivered"}
            for webhook in ("call_started", "call_ended", "call_analyzed")
        ),
    )


def _check_order(lines: Sequence[Line], chain: Sequence[Line]) -> None:
    rest = iter(enumerate(lines, 1))
    place = 0
    for wanted in chain:
        place_before, place = place, next((number for number, line in rest if _holds(line, wanted)), 0)
        if not place:
            raise StepFailed(f"no line of the public log after line {place_before} has {json.dumps(wanted)}")


def _holds(found: object, wanted: object) -> bool:
    """Return whether a value is the wanted one; of an object, whether its members with these names are."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and _holds(found[name], value) for name, value in wanted.items()
        )
    return found == wanted
