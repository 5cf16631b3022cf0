"""How a call ended and why, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.console.one_call.call_log import LogLine
from ari_agent.console.one_call.cause_words import sip_words
from ari_agent.console.one_call.end_phase import phase_at_end
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.sip_timeline import HangupParty

R = DisconnectionReason

_ENDS: Final[Mapping[DisconnectionReason, str]] = {
    R.USER_HANGUP: "{far_end} hung up",
    R.AGENT_HANGUP: "The agent hung up",
    R.CALL_TRANSFER: "The call was transferred to {destination}",
    R.VOICEMAIL_REACHED: "A voicemail box answered, and the agent ended the call",
    R.IVR_REACHED: "A menu of another telephone system answered, and the call was ended",
    R.INACTIVITY: "Nobody said anything for as long as the agent allows, and the call was ended",
    R.MACHINE_DETECTED: "An answering machine answered, and the call was ended",
    R.MAX_DURATION_REACHED: "The call reached the longest time that its agent allows, and was ended",
    R.USER_REQUESTED_DNC: "{far_end} asked not to be called again",
    R.USER_REQUESTED_CALLBACK: "{far_end} asked to be called back",
    R.TRANSFER_BRIDGED: "The transfer agent connected the caller with the target, and left the call",
    R.TRANSFER_CANCELLED: "The transfer agent did not connect the caller, and the transfer was cancelled",
    R.MANUAL_STOPPED: "The call was ended over the API or the console",
    R.CALL_TAKE_OVER: "Somebody took the call over from the agent",
    R.NO_CONCURRENCY_FALLBACK: "All slots were in use, and the caller was connected with the fallback number",
    R.DIAL_BUSY: "{far_end} was busy",
    R.DIAL_FAILED: "The call could not be placed",
    R.DIAL_NO_ANSWER: "{far_end} did not answer",
    R.INVALID_DESTINATION: "The number that was dialled does not exist, or is not complete",
    R.TELEPHONY_PROVIDER_PERMISSION_DENIED: "The carrier refused the call: this trunk may not place it",
    R.TELEPHONY_PROVIDER_UNAVAILABLE: "The carrier did not answer, or could not take the call",
    R.SIP_ROUTING_ERROR: "The carrier found no way to the number that was dialled",
    R.MARKED_AS_SPAM: "The far end refused the call as spam",
    R.USER_DECLINED: "{far_end} declined the call",
    R.NETWORK_BLOCKED: "The network of the far end blocked the call",
    R.CONCURRENCY_LIMIT_REACHED: "All slots were in use, so no agent took the call",
    R.NO_VALID_PAYMENT: "The account has no valid payment",
    R.SCAM_DETECTED: "The call was taken for fraud, and was ended",
    R.CREDIT_EXHAUSTED: "The account's credit is used up",
    R.BUDGET_REACHED: "The account's budget is used up",
    R.ERROR_INBOUND_WEBHOOK: "The inbound webhook was asked who takes the call, and gave no usable answer",
    R.ERROR_LLM_WEBSOCKET_OPEN: "The agent could not be reached",
    R.ERROR_LLM_WEBSOCKET_LOST_CONNECTION: "The connection to the agent was lost",
    R.ERROR_LLM_WEBSOCKET_RUNTIME: "The agent failed during the call",
    R.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD: "The agent sent a message that its protocol does not allow",
    R.ERROR_FRONTEND_CORRUPTED_PAYLOAD: "The browser or app of the user sent what its protocol does not allow",
    R.ERROR_TWILIO: "The carrier failed",
    R.ERROR_NO_AUDIO_RECEIVED: "No audio came from {far_end_small}",
    R.ERROR_ASR: "Speech recognition failed",
    R.ERROR_RETELL: "The controller or Asterisk failed",
    R.ERROR_UNKNOWN: "The call failed, and nobody knows why",
    R.ERROR_USER_NOT_JOINED: "Nobody joined the web call in time",
    R.REGISTERED_CALL_TIMEOUT: "The call was registered, and nobody dialled it in time",
}
_BY_OTHERS: Final[Mapping[tuple[DisconnectionReason, HangupParty], str]] = {
    (R.MANUAL_STOPPED, "system"): "The controller was stopped, and gave the call up",
    (R.MANUAL_STOPPED, "asterisk"): "Asterisk ended the call: its administrator did, or a time limit of the dialplan",
    (R.ERROR_RETELL, "asterisk"): "Asterisk ended the call, as it stopped or its network failed",
    (R.ERROR_NO_AUDIO_RECEIVED, "asterisk"): "Asterisk ended the call, as no audio came from {far_end_small}",
}
"""What a reason means where it was not whom it mostly is that ended the call."""
_AFTERWARDS: Final[Mapping[str, str]] = {
    "caller": "; the caller hung up in the end",
    "far_end": "; the person called hung up in the end",
    "target": "; the target hung up in the end",
}
"""Who ended a call that was transferred."""
_STATUS: Final[Mapping[CallStatus, str]] = {
    CallStatus.REGISTERED: "The call has not begun",
    CallStatus.ONGOING: "The call is in progress",
}


def told(call: Call, log: Sequence[LogLine] = ()) -> str:
    """Return in one sentence how a call ended and why, or that it goes on. log: its public log, as far as there is one.

    What went wrong is said in the words of the call's `hangup.reason` or its last fault; they are text, and may hold
    what strangers wrote.
    """
    reason, hangup = call.disconnection_reason, call.hangup
    if reason is None:
        return f"{_STATUS.get(call.call_status, 'The call is over')}."
    by_others = _BY_OTHERS.get((reason, hangup.who)) if hangup else None
    end = (by_others or _ENDS[reason]).format(
        far_end=_far_end(call),
        far_end_small=_far_end(call).lower(),
        destination=call.transfer_destination or "a person",
    )
    why = (hangup.reason if hangup else None) or (call.faults[-1] if call.faults else None)
    told_so_far = f"{end}{_when(call, reason, log)}{_code(call)}"
    return f"{told_so_far}: {why.rstrip('.')}." if why else f"{told_so_far}."


_ANY_TIME: Final = frozenset({R.USER_HANGUP, R.AGENT_HANGUP, R.MANUAL_STOPPED, R.MAX_DURATION_REACHED, R.ERROR_RETELL})
"""Ends that may come at any time, so that it matters what was going on."""


def _when(call: Call, reason: DisconnectionReason, log: Sequence[LogLine]) -> str:
    """Return at which point of the call it ended, to be put behind the sentence; "" where that says nothing."""
    if reason is R.CALL_TRANSFER:
        return _AFTERWARDS.get(call.hangup.who, "") if call.hangup else ""
    if reason not in _ANY_TIME:
        return ""
    before, during = "" if _was_answered(call) else " before it was answered", phase_at_end(log)
    if not during or (before and during.startswith("before")):
        return before
    return f"{before}, {during}" if before else f" {during}"


def _code(call: Call) -> str:
    """Return the SIP status that refused the call, in words; "" where there was none."""
    status = call.hangup.sip_status if call.hangup else None
    return f" ({sip_words(status)})" if status and call.call_status is CallStatus.NOT_CONNECTED else ""


def _was_answered(call: Call) -> bool:
    return call.sip is None or any(step.event == "200" and step.leg == "caller" for step in call.sip)


def _far_end(call: Call) -> str:
    if call.call_type == "web_call":
        return "The user"
    return "The caller" if call.direction is CallDirection.INBOUND else "The person called"
