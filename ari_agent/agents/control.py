"""Call control and transcripts on an audio agent's websocket, the same in every protocol. Pure.

    agent -> us   {"event":"transfer","transfer":{"to":"+15551234567","mode":"sip_refer","headers":{"X-Case":"7"}}}
                  {"event":"transfer","transfer":{"action":"bridge"}}    or `cancel`: of a warm transfer on its way
                  {"event":"hangup","hangup":{"q850_cause":16}}        `hangup` may be left out
                  {"event":"dtmf","dtmf":{"digits":"12#"}}
                  {"event":"recording","recording":{"action":"pause"}}            or `resume`
                  {"event":"update","update":{"transcript":[{"role":"agent","content":"Hello."},...],
                                              "turntaking":"user_turn"}}     `turntaking` may be left out
    us -> agent   {"event":"transfer","transfer":{"status":"private_handoff","hears":"target","prompt":"..."}}
                  {"event":"transfer","transfer":{"status":"succeeded"}}
                  {"event":"transfer","transfer":{"status":"failed","sip_status":486,"message":"..."}}
                  {"event":"error","error":{"event":"dtmf","message":"..."}}      a request that cannot be done
                  {"event":"call_control","call_control":{"trigger_response":true,"additional_context":"..."}}
                                                      the API wants you to speak now, or to know this
                  {"event":"dtmf","dtmf":{"digit":"5","duration_ms":180}}         the caller pressed a key
                  {"event":"voicemail","voicemail":{"status":"greeting","action":"static_text","text":"Call us back."}}

`voicemail` comes twice when a machine has answered: with `greeting` at once, so that the agent holds its tongue, and
with `recording` when the greeting is over and the message is to be left.

A transcript is the whole of it so far, also as Retell writes it: `{"event_type":"update","transcript":[...]}`. It goes
into the call's record, and to the screen of a web call's user.

A request that is malformed is answered with what is wrong, and the call goes on: a wrong transfer target is a mistake
of the conversation, not of the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from ari_agent.agents.message import Asked, Refused, TranscriptMessage
from ari_agent.contract.call_control import (
    DtmfRequest,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
    VoicemailNotice,
)
from ari_agent.contract.call_update import CallControl
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.recording import RecordingRequest
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.contract.transfer_progress import TransferDecision, TransferProgress

REQUESTS: Final[
    Mapping[str, type[TransferRequest] | type[HangupRequest] | type[DtmfRequest] | type[RecordingRequest]]
] = {
    "transfer": TransferRequest,
    "hangup": HangupRequest,
    "dtmf": DtmfRequest,
    "recording": RecordingRequest,
}
"""The model of each call control request, by the name of its event."""
UPDATE: Final = "update"
"""The name of the event that carries a transcript."""
_MAX_EXPLANATION_CHARACTERS: Final = 500


def read_request(event: str, message: Mapping[str, object]) -> Asked | Refused:
    """Read a call control request: a message whose event is one of REQUESTS.

    A request that does not fit its model comes back as Refused, with the reason in at most 500 characters.
    """
    body = message.get(event)
    given = {} if body is None else body
    decides = event == "transfer" and isinstance(given, dict) and "action" in given
    try:
        return Asked((TransferDecision if decides else REQUESTS[event]).model_validate(given))
    except ValidationError as error:
        return Refused(event, explain(error, given, root=event)[:_MAX_EXPLANATION_CHARACTERS])


def read_update(text: bytes, message: Mapping[str, object]) -> TranscriptMessage | Refused:
    """Read a transcript: a message whose event is UPDATE. text: the message as it came.

    One that does not fit its model comes back as Refused, without what was said: the reason goes to the log as well.
    """
    given = message.get(UPDATE, message)
    try:
        update = TranscriptUpdate.model_validate(given)
    except ValidationError as error:
        return Refused(UPDATE, explain(error, given, root=UPDATE, shows_values=False)[:_MAX_EXPLANATION_CHARACTERS])
    if UPDATE in message or "event_type" not in message:
        text = b'{"event_type":"update",' + update.model_dump_json(exclude_unset=True).encode()[1:]
    return TranscriptMessage(update, text)


def transfer_answer(outcome: TransferOutcome) -> dict[str, object]:
    """Return the message that tells the agent how its transfer ended."""
    return {"event": "transfer", "transfer": outcome.model_dump(exclude_none=True)}


def transfer_progress(progress: TransferProgress) -> dict[str, object]:
    """Return the message that tells the agent what its transfer has come to."""
    return {"event": "transfer", "transfer": progress.model_dump(exclude_none=True)}


def voicemail_notice(notice: VoicemailNotice) -> dict[str, object]:
    """Return the message that tells the agent that a machine has answered."""
    return {"event": "voicemail", "voicemail": notice.model_dump(exclude_none=True)}


def live_control(control: CallControl) -> dict[str, object]:
    """Return the message that tells the agent what the API asks of it."""
    asked = {"trigger_response": control.trigger_response or None, "additional_context": control.additional_context}
    return {"event": "call_control", "call_control": {key: value for key, value in asked.items() if value is not None}}


def refusal(event: str, message: str) -> dict[str, object]:
    """Return the message that tells the agent why a request was not done.

    That of a transfer is a failed transfer, so that agents wait for one kind of answer.
    """
    if event == "transfer":
        return transfer_answer(TransferOutcome(status="failed", message=message))
    return {"event": "error", "error": {"event": event, "message": message}}
