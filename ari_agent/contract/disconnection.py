"""Why a call ended, and what that makes of its status.

Source: Retell's `disconnection_reason` (Get Call, 2026-08) with the older values that deployed code still reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class CallStatus(StrEnum):
    """`call_status` of the call object."""

    REGISTERED = "registered"
    NOT_CONNECTED = "not_connected"
    ONGOING = "ongoing"
    ENDED = "ended"
    ERROR = "error"


class DisconnectionReason(StrEnum):
    """`disconnection_reason` of the call object."""

    USER_HANGUP = "user_hangup"
    AGENT_HANGUP = "agent_hangup"
    CALL_TRANSFER = "call_transfer"
    VOICEMAIL_REACHED = "voicemail_reached"
    IVR_REACHED = "ivr_reached"
    INACTIVITY = "inactivity"
    MACHINE_DETECTED = "machine_detected"
    MAX_DURATION_REACHED = "max_duration_reached"
    USER_REQUESTED_DNC = "user_requested_dnc"
    USER_REQUESTED_CALLBACK = "user_requested_callback"
    TRANSFER_BRIDGED = "transfer_bridged"
    TRANSFER_CANCELLED = "transfer_cancelled"
    MANUAL_STOPPED = "manual_stopped"
    CALL_TAKE_OVER = "call_take_over"
    NO_CONCURRENCY_FALLBACK = "no_concurrency_fallback"

    DIAL_BUSY = "dial_busy"
    DIAL_FAILED = "dial_failed"
    DIAL_NO_ANSWER = "dial_no_answer"
    INVALID_DESTINATION = "invalid_destination"
    TELEPHONY_PROVIDER_PERMISSION_DENIED = "telephony_provider_permission_denied"
    TELEPHONY_PROVIDER_UNAVAILABLE = "telephony_provider_unavailable"
    SIP_ROUTING_ERROR = "sip_routing_error"
    MARKED_AS_SPAM = "marked_as_spam"
    USER_DECLINED = "user_declined"
    NETWORK_BLOCKED = "network_blocked"

    CONCURRENCY_LIMIT_REACHED = "concurrency_limit_reached"
    NO_VALID_PAYMENT = "no_valid_payment"
    SCAM_DETECTED = "scam_detected"
    CREDIT_EXHAUSTED = "credit_exhausted"
    BUDGET_REACHED = "budget_reached"
    ERROR_INBOUND_WEBHOOK = "error_inbound_webhook"
    ERROR_LLM_WEBSOCKET_OPEN = "error_llm_websocket_open"
    ERROR_LLM_WEBSOCKET_LOST_CONNECTION = "error_llm_websocket_lost_connection"
    ERROR_LLM_WEBSOCKET_RUNTIME = "error_llm_websocket_runtime"
    ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD = "error_llm_websocket_corrupt_payload"
    ERROR_FRONTEND_CORRUPTED_PAYLOAD = "error_frontend_corrupted_payload"
    ERROR_TWILIO = "error_twilio"
    ERROR_NO_AUDIO_RECEIVED = "error_no_audio_received"
    ERROR_ASR = "error_asr"
    ERROR_RETELL = "error_retell"
    ERROR_UNKNOWN = "error_unknown"
    ERROR_USER_NOT_JOINED = "error_user_not_joined"
    REGISTERED_CALL_TIMEOUT = "registered_call_timeout"

    @property
    def call_status(self) -> CallStatus:
        """The status of a call that ended for this reason: `ended`, `not_connected` or `error`."""
        return _STATUS[self]


_NOT_CONNECTED: Final = frozenset(
    {
        DisconnectionReason.DIAL_BUSY,
        DisconnectionReason.DIAL_FAILED,
        DisconnectionReason.DIAL_NO_ANSWER,
        DisconnectionReason.INVALID_DESTINATION,
        DisconnectionReason.TELEPHONY_PROVIDER_PERMISSION_DENIED,
        DisconnectionReason.TELEPHONY_PROVIDER_UNAVAILABLE,
        DisconnectionReason.SIP_ROUTING_ERROR,
        DisconnectionReason.MARKED_AS_SPAM,
        DisconnectionReason.USER_DECLINED,
        DisconnectionReason.NETWORK_BLOCKED,
    }
)
_FIRST_ERROR: Final = list(DisconnectionReason).index(DisconnectionReason.CONCURRENCY_LIMIT_REACHED)


def _status(position: int, reason: DisconnectionReason) -> CallStatus:
    if reason in _NOT_CONNECTED:
        return CallStatus.NOT_CONNECTED
    return CallStatus.ERROR if position >= _FIRST_ERROR else CallStatus.ENDED


_STATUS: Final[Mapping[DisconnectionReason, CallStatus]] = {
    reason: _status(position, reason) for position, reason in enumerate(DisconnectionReason)
}
