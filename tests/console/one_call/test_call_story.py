"""How a call ended and why, in a sentence that an administrator understands: every reason, and what was going on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ari_agent.console.one_call.call_log import log_lines
from ari_agent.console.one_call.call_story import told
from ari_agent.console.one_call.cause_words import q850_words, sip_words
from ari_agent.console.one_call.end_phase import phase_at_end
from ari_agent.console.words import seconds
from ari_agent.contract.disconnection import DisconnectionReason
from tests.console.conftest import a_call
from tests.console.one_call.test_call_page import ANSWERED, NEVER_ANSWERED

R = DisconnectionReason
SENTENCES: Mapping[DisconnectionReason, str] = {
    R.USER_HANGUP: "The caller hung up.",
    R.AGENT_HANGUP: "The agent hung up.",
    R.CALL_TRANSFER: "The call was transferred to +1999.",
    R.VOICEMAIL_REACHED: "A voicemail box answered, and the agent ended the call.",
    R.IVR_REACHED: "A menu of another telephone system answered, and the call was ended.",
    R.INACTIVITY: "Nobody said anything for as long as the agent allows, and the call was ended.",
    R.MACHINE_DETECTED: "An answering machine answered, and the call was ended.",
    R.MAX_DURATION_REACHED: "The call reached the longest time that its agent allows, and was ended.",
    R.USER_REQUESTED_DNC: "The caller asked not to be called again.",
    R.USER_REQUESTED_CALLBACK: "The caller asked to be called back.",
    R.TRANSFER_BRIDGED: "The transfer agent connected the caller with the target, and left the call.",
    R.TRANSFER_CANCELLED: "The transfer agent did not connect the caller, and the transfer was cancelled.",
    R.MANUAL_STOPPED: "The call was ended over the API or the console.",
    R.CALL_TAKE_OVER: "Somebody took the call over from the agent.",
    R.NO_CONCURRENCY_FALLBACK: "All slots were in use, and the caller was connected with the fallback number.",
    R.DIAL_BUSY: "The caller was busy.",
    R.DIAL_FAILED: "The call could not be placed.",
    R.DIAL_NO_ANSWER: "The caller did not answer.",
    R.INVALID_DESTINATION: "The number that was dialled does not exist, or is not complete.",
    R.TELEPHONY_PROVIDER_PERMISSION_DENIED: "The carrier refused the call: this trunk may not place it.",
    R.TELEPHONY_PROVIDER_UNAVAILABLE: "The carrier did not answer, or could not take the call.",
    R.SIP_ROUTING_ERROR: "The carrier found no way to the number that was dialled.",
    R.MARKED_AS_SPAM: "The far end refused the call as spam.",
    R.USER_DECLINED: "The caller declined the call.",
    R.NETWORK_BLOCKED: "The network of the far end blocked the call.",
    R.CONCURRENCY_LIMIT_REACHED: "All slots were in use, so no agent took the call.",
    R.NO_VALID_PAYMENT: "The account has no valid payment.",
    R.SCAM_DETECTED: "The call was taken for fraud, and was ended.",
    R.CREDIT_EXHAUSTED: "The account's credit is used up.",
    R.BUDGET_REACHED: "The account's budget is used up.",
    R.ERROR_INBOUND_WEBHOOK: "The inbound webhook was asked who takes the call, and gave no usable answer.",
    R.ERROR_LLM_WEBSOCKET_OPEN: "The agent could not be reached.",
    R.ERROR_LLM_WEBSOCKET_LOST_CONNECTION: "The connection to the agent was lost.",
    R.ERROR_LLM_WEBSOCKET_RUNTIME: "The agent failed during the call.",
    R.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD: "The agent sent a message that its protocol does not allow.",
    R.ERROR_FRONTEND_CORRUPTED_PAYLOAD: "The browser or app of the user sent what its protocol does not allow.",
    R.ERROR_TWILIO: "The carrier failed.",
    R.ERROR_NO_AUDIO_RECEIVED: "No audio came from the caller.",
    R.ERROR_ASR: "Speech recognition failed.",
    R.ERROR_RETELL: "The controller or Asterisk failed.",
    R.ERROR_UNKNOWN: "The call failed, and nobody knows why.",
    R.ERROR_USER_NOT_JOINED: "Nobody joined the web call in time.",
    R.REGISTERED_CALL_TIMEOUT: "The call was registered, and nobody dialled it in time.",
}


@pytest.mark.parametrize("reason", DisconnectionReason)
def test_each_reason_has_its_sentence(reason: DisconnectionReason) -> None:
    assert told(a_call(disconnection_reason=reason, transfer_destination="+1999")) == SENTENCES[reason]


def by(who: str, **facts: Any) -> dict[str, Any]:
    return {"hangup": {"who": who, "timestamp": 1, **facts}}


@pytest.mark.parametrize(
    ("reason", "facts", "sentence"),
    [
        ("manual_stopped", by("system"), "The controller was stopped, and gave the call up."),
        (
            "manual_stopped",
            by("asterisk", q850_cause=16),
            "Asterisk ended the call: its administrator did, or a time limit of the dialplan.",
        ),
        ("error_retell", by("asterisk"), "Asterisk ended the call, as it stopped or its network failed."),
        (
            "error_no_audio_received",
            by("asterisk", reason="rtp_timeout"),
            "Asterisk ended the call, as no audio came from the caller: rtp_timeout.",
        ),
        ("call_transfer", by("target"), "The call was transferred to a person; the target hung up in the end."),
        ("call_transfer", by("caller"), "The call was transferred to a person; the caller hung up in the end."),
        ("call_transfer", by("system"), "The call was transferred to a person."),
        (
            "dial_busy",
            {"direction": "outbound", "call_status": "not_connected", **by("far_end", sip_status=486)},
            "The person called was busy (SIP 486, busy here).",
        ),
        (
            "dial_failed",
            {"direction": "outbound", "call_status": "not_connected", **by("system", sip_status=599, reason="no.")},
            "The call could not be placed (SIP 599): no.",
        ),
        ("user_hangup", by("caller", sip_status=487), "The caller hung up."),
    ],
)
def test_the_sentence_says_who_else_it_was(reason: str, facts: dict[str, Any], sentence: str) -> None:
    assert told(a_call(disconnection_reason=reason, **facts)) == sentence


Event = tuple[int, str, dict[str, Any]]
DIALLED: Sequence[Event] = [(40, "record_began", {}), (50, "agent_dialled", {})]
TALKING: Sequence[Event] = [*DIALLED, (90, "agent_connected", {}), (95, "state", {"state": "talking"})]


@pytest.mark.parametrize(
    ("events", "during"),
    [
        ([(10, "inbound_webhook_asked", {})], "while the inbound webhook was asked (4.0 s)"),
        ([(10, "inbound_webhook_asked", {}), (900, "inbound_webhook_answered", {})], ""),
        ([(10, "inbound_webhook_asked", {}), (900, "routed", {})], ""),
        (DIALLED[:1], "before its agent was dialled (4.0 s)"),
        ([*DIALLED[:1], (50, "state", {"state": "diverted"})], "while the fallback number was tried (4.0 s)"),
        (DIALLED, "while its agent was being reached (4.0 s)"),
        ([*DIALLED, (60, "agent_failed", {})], ""),
        (TALKING, ""),
        ([*TALKING, (3010, "state", {"state": "transferring"})], "while a transfer was on its way (1.0 s)"),
        ([*TALKING, (3010, "state", {"state": "consulting"}), (3500, "state", {"state": "talking"})], ""),
        ([*TALKING, (3010, "state", {"state": "consulting"}), (3500, "state", {"state": "bridged"})], ""),
        ([*TALKING, (3010, "hold", {"holds": True})], "while the call was on hold (1.0 s)"),
        ([*TALKING, (3010, "hold", {"holds": True}), (3500, "hold", {"holds": False})], ""),
        ([*TALKING, (3010, "turn", {"what": "agent_asked"})], "while the agent's answer was awaited (1.0 s)"),
        ([*TALKING, (3010, "turn", {"what": "agent_asked"}), (3200, "turn", {"what": "agent_sentence"})], ""),
        ([*TALKING, (3660, "turn", {"what": "user_voice_began"})], "while the caller spoke (0.35 s)"),
        ([*TALKING, (3010, "turn", {"what": "user_voice_began"}), (3500, "turn", {"what": "user_voice_ended"})], ""),
        ([*TALKING, (3010, "hold", {"holds": "maybe"}), (3020, "state", {"state": ["x"]}), (3030, "turn", {})], ""),
        ([], ""),
    ],
)
def test_the_log_tells_what_was_going_on(events: Sequence[Event], during: str) -> None:
    ended = [*events, (4010, "call_ended", {}), (9000, "hold", {"holds": True})]
    lines = log_lines(b"".join(json.dumps({"ms": ms, "event": e, **f}).encode() + b"\n" for ms, e, f in ended))
    assert phase_at_end(lines) == during.replace("(4.0 s)", f"({seconds(4010 - events[-1][0])})" if events else "")


@pytest.mark.parametrize(
    ("facts", "event", "sentence"),
    [
        (
            {"sip": NEVER_ANSWERED},
            "inbound_webhook_asked",
            "The caller hung up before it was answered, while the inbound webhook was asked (2.0 s).",
        ),
        ({"sip": NEVER_ANSWERED}, "record_began", "The caller hung up before it was answered."),
        ({"sip": ANSWERED}, "agent_dialled", "The caller hung up while its agent was being reached (2.0 s)."),
        ({"disconnection_reason": "inactivity"}, "agent_dialled", SENTENCES[R.INACTIVITY]),
    ],
)
def test_the_sentence_says_what_was_going_on(facts: dict[str, Any], event: str, sentence: str) -> None:
    lines = log_lines(f'{{"ms": 1, "event": "{event}"}}\n{{"ms": 2001, "event": "call_ended"}}\n'.encode())
    assert told(a_call(**facts), lines) == sentence


def test_codes_have_words_where_they_are_known() -> None:
    assert (sip_words(486), sip_words(499)) == ("SIP 486, busy here", "SIP 499")
    assert (q850_words(16), q850_words(99)) == ("16, normal clearing", "99")
    assert (seconds(350), seconds(3240), seconds(75_400)) == ("0.35 s", "3.2 s", "75 s")
