"""How a call ended and why, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason

R = DisconnectionReason

_ENDS: Final[Mapping[DisconnectionReason, str]] = {
    R.USER_HANGUP: "{far_end} hung up",
    R.AGENT_HANGUP: "The agent hung up",
    R.CALL_TRANSFER: "The call was transferred to {destination}",
    R.VOICEMAIL_REACHED: "A voicemail box answered",
    R.IVR_REACHED: "A menu answered",
    R.INACTIVITY: "Nobody said anything for too long",
    R.MACHINE_DETECTED: "An answering machine answered",
    R.MAX_DURATION_REACHED: "The call reached the longest time that its agent allows",
    R.USER_REQUESTED_DNC: "{far_end} asked not to be called again",
    R.USER_REQUESTED_CALLBACK: "{far_end} asked to be called back",
    R.TRANSFER_BRIDGED: "The transfer agent handed the call over",
    R.TRANSFER_CANCELLED: "The transfer was cancelled",
    R.MANUAL_STOPPED: "The call was ended over the API or the console",
    R.CALL_TAKE_OVER: "Somebody took the call over",
    R.NO_CONCURRENCY_FALLBACK: "No line was free, and the caller went on to the fallback number",
    R.DIAL_BUSY: "{far_end} was busy",
    R.DIAL_FAILED: "The call could not be placed",
    R.DIAL_NO_ANSWER: "Nobody answered",
    R.INVALID_DESTINATION: "The number that was dialled does not exist",
    R.TELEPHONY_PROVIDER_PERMISSION_DENIED: "The carrier does not allow this call",
    R.TELEPHONY_PROVIDER_UNAVAILABLE: "The carrier was not reachable",
    R.SIP_ROUTING_ERROR: "The carrier could not route the call",
    R.MARKED_AS_SPAM: "The far end takes our number for spam",
    R.USER_DECLINED: "{far_end} declined the call",
    R.NETWORK_BLOCKED: "The far end's network blocks the call",
    R.CONCURRENCY_LIMIT_REACHED: "No line was free: as many calls as are allowed were in progress",
    R.NO_VALID_PAYMENT: "There is no valid payment",
    R.SCAM_DETECTED: "The call was taken for fraud",
    R.CREDIT_EXHAUSTED: "The credit is used up",
    R.BUDGET_REACHED: "The budget is used up",
    R.ERROR_INBOUND_WEBHOOK: "The inbound webhook gave no usable answer",
    R.ERROR_LLM_WEBSOCKET_OPEN: "The agent could not be reached",
    R.ERROR_LLM_WEBSOCKET_LOST_CONNECTION: "The connection to the agent was lost",
    R.ERROR_LLM_WEBSOCKET_RUNTIME: "The agent failed",
    R.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD: "The agent sent what nobody understands",
    R.ERROR_FRONTEND_CORRUPTED_PAYLOAD: "The browser sent what nobody understands",
    R.ERROR_TWILIO: "The carrier failed",
    R.ERROR_NO_AUDIO_RECEIVED: "No audio came from {far_end_small}",
    R.ERROR_ASR: "Speech recognition failed",
    R.ERROR_RETELL: "The controller failed",
    R.ERROR_UNKNOWN: "The call failed",
    R.ERROR_USER_NOT_JOINED: "Nobody joined the web call in time",
    R.REGISTERED_CALL_TIMEOUT: "The registered call never came",
}
_STATUS: Final[Mapping[CallStatus, str]] = {
    CallStatus.REGISTERED: "The call has not begun",
    CallStatus.ONGOING: "The call is in progress",
}


def told(call: Call) -> str:
    """Return in one sentence how a call ended and why, or that it goes on.

    What went wrong is said in the words of the call's `hangup.reason` or its last fault; they are text, and may hold
    what strangers wrote.
    """
    if call.disconnection_reason is None:
        return f"{_STATUS.get(call.call_status, 'The call is over')}."
    end = _ENDS[call.disconnection_reason].format(
        far_end=_far_end(call),
        far_end_small=_far_end(call).lower(),
        destination=call.transfer_destination or "a person",
    )
    when = "" if _was_answered(call) or call.disconnection_reason not in _BEFORE_ANSWER else " before it was answered"
    why = (call.hangup.reason if call.hangup else None) or (call.faults[-1] if call.faults else None)
    return f"{end}{when}: {why.rstrip('.')}." if why else f"{end}{when}."


_BEFORE_ANSWER: Final = frozenset({R.USER_HANGUP, R.AGENT_HANGUP, R.MANUAL_STOPPED})


def _was_answered(call: Call) -> bool:
    return call.sip is None or any(step.event == "200" and step.leg == "caller" for step in call.sip)


def _far_end(call: Call) -> str:
    if call.call_type == "web_call":
        return "The user"
    return "The caller" if call.direction is CallDirection.INBOUND else "The person called"
