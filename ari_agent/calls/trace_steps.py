"""The steps of a call's trace that its record tells, when it is over. Pure.

| step       | from                             | to                                                  |
|------------|----------------------------------|-----------------------------------------------------|
| `call`     | its first event                  | nothing of it is left                               |
| `ring`     | INVITE                           | 200, or what ended the call before                  |
| `transfer` | REFER, or INVITE to the target   | its outcome, where it failed or was a REFER         |
|            |                                  | the answer of a target that is dialled              |
| `turn`     | first word of an utterance       | last word, where they have times                    |
| `end`      | the call's end                   | record stored, and all that the call held given up  |

Of what was said, nothing is told but when, and by whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final, Literal

from ari_agent.contract.call import Call
from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.sip_timeline import SipEvent
from ari_agent.contract.trace import ROOT, Attribute, Step

NumbersTold = Literal["none", "masked", "full"]
"""Whether a trace tells the numbers of a call: not at all, but for the last two digits of each, or as they are."""

_OVER: Final = frozenset({"failure", "REFER failure", "BYE", "CANCEL", "dialplan"})
_UNMASKED: Final = 2


def steps_of(call: Call, *, began_ms: int, ended_ms: int, numbers: NumbersTold) -> Iterator[Step]:
    """Yield the steps of a call that is over, the root first; nothing for one that goes on without us.

    began_ms, ended_ms: when our work for the call began and ended, in milliseconds since 1970.
    """
    if call.end_timestamp is None:
        return
    reason = call.disconnection_reason
    error = reason.value if reason and reason.call_status is CallStatus.ERROR else None
    about = _about(call, numbers)
    yield Step(call.call_id, ROOT, began_ms, ended_ms, kind="server", attributes=about, error=error)
    events = tuple(call.sip or ())
    yield from _ring(call.call_id, [event for event in events if event.leg == "caller"])
    yield from _transfers(call.call_id, events)
    yield from _turns(call)
    yield Step(call.call_id, "end", call.end_timestamp, max(ended_ms, call.end_timestamp))


def _about(call: Call, numbers: NumbersTold) -> Mapping[str, Attribute]:
    identifier = call.telephony_identifier
    told: dict[str, Attribute | None] = {
        "ari_agent.call_id": call.call_id,
        "ari_agent.call_type": call.call_type,
        "ari_agent.agent_id": call.agent_id,
        "ari_agent.agent_version": call.agent_version,
        "ari_agent.direction": call.direction.value if call.direction else None,
        "ari_agent.call_status": call.call_status.value,
        "ari_agent.disconnection_reason": call.disconnection_reason.value if call.disconnection_reason else None,
        "ari_agent.duration_ms": call.duration_ms,
        "sip.call_id": identifier.sip_call_id if identifier else None,
        "ari_agent.from_number": _shown(call.from_number, numbers),
        "ari_agent.to_number": _shown(call.to_number, numbers),
    }
    if quality := call.media_quality:
        told["ari_agent.mos.caller_to_agent"] = quality.caller_to_agent.mos
        told["ari_agent.mos.agent_to_caller"] = quality.agent_to_caller.mos
    return {name: value for name, value in told.items() if value is not None}


def _shown(number: str | None, numbers: NumbersTold) -> str | None:
    if not number or numbers == "none":
        return None
    return number if numbers == "full" else "*" * (len(number) - _UNMASKED) + number[-_UNMASKED:]


def _ring(call_id: str, events: Sequence[SipEvent]) -> Iterator[Step]:
    if not events or events[0].event != "INVITE":
        return
    end = next((event for event in events if event.event == "200" or event.event in _OVER), None)
    if end:
        attributes = {"sip.response.status_code": end.sip_status or 200} if end.event == "200" or end.sip_status else {}
        yield Step(call_id, "ring", events[0].timestamp, end.timestamp, attributes=attributes)


def _transfers(call_id: str, events: Sequence[SipEvent]) -> Iterator[Step]:
    """Return a step for each REFER, and for each INVITE to a target."""
    for number, event in enumerate(events):
        if event.event != "REFER" and (event.event != "INVITE" or event.leg != "target"):
            continue
        following = [later for later in events[number + 1 :] if later.leg == event.leg]
        same = list(takewhile(lambda later: later.event not in ("REFER", "INVITE"), following))
        final = ("NOTIFY", "REFER failure", "BYE") if event.event == "REFER" else ("200", *_OVER)
        end = next((later for later in same if later.event in final), None)
        ended_ms = end.timestamp if end else event.timestamp
        status = end.sip_status if end else None
        failed = end is not None and (end.event in ("failure", "REFER failure", "CANCEL") or (status or 200) >= 300)
        attributes: dict[str, Attribute] = {"ari_agent.transfer.method": event.event}
        if status:
            attributes["sip.response.status_code"] = status
        error = (str(status) if status else "cancelled") if failed else None
        yield Step(call_id, "transfer", event.timestamp, ended_ms, str(number), attributes=attributes, error=error)


def _turns(call: Call) -> Iterator[Step]:
    if call.start_timestamp is None:
        return
    for number, utterance in enumerate(call.transcript_object or ()):
        starts = [word.start for word in utterance.words if word.start is not None]
        ends = [word.end for word in utterance.words if word.end is not None]
        if starts and ends:
            began_ms, ended_ms = (call.start_timestamp + round(second * 1000) for second in (min(starts), max(ends)))
            attributes = {"ari_agent.turn.role": utterance.role, "ari_agent.turn.words": len(utterance.words)}
            yield Step(call.call_id, "turn", began_ms, max(began_ms, ended_ms), str(number), attributes=attributes)
