"""Causes of hang-ups: Q.850, SIP statuses and Asterisk's own, to and from `disconnection_reason`. Pure.

Sources: Q.850 table 1, RFC 3261 section 21, Asterisk's hangup-cause mappings, and what an Asterisk 22 was seen to do.
The SIP rows of outgoing calls follow Retell's documented names where it documents the codes (403), and common sense
where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ari_agent.contract.disconnection import DisconnectionReason as Reason
from ari_agent.contract.q850 import (
    CALL_REJECTED,
    NETWORK_OUT_OF_ORDER,
    NO_CIRCUIT,
    NORMAL_CLEARING,
    TEMPORARY_FAILURE,
    UNALLOCATED_NUMBER,
)

# Asterisk itself ends a channel (`soft`): the cause tells why. A far end's BYE or CANCEL is never soft, and whatever
# cause it carries, the user hung up.
_SOFT: Final[Mapping[int, Reason]] = {
    4: Reason.ERROR_RETELL,  # Asterisk stops or restarts: special information tone
    38: Reason.ERROR_RETELL,  # network out of order
    44: Reason.ERROR_NO_AUDIO_RECEIVED,  # rtp_timeout of the endpoint: requested channel unavailable
    16: Reason.MANUAL_STOPPED,  # an administrator, or TIMEOUT(absolute) of the dialplan
    26: Reason.MANUAL_STOPPED,
    32: Reason.MANUAL_STOPPED,  # another ARI client
}

REQUEST_TIMEOUT: Final = 408
"""RFC 3261 section 21.4.9; Asterisk's own word where nobody has answered at all."""

_SIP: Final[Mapping[int, Reason]] = {
    401: Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED,
    403: Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED,
    407: Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED,
    404: Reason.INVALID_DESTINATION,
    410: Reason.INVALID_DESTINATION,
    484: Reason.INVALID_DESTINATION,
    604: Reason.INVALID_DESTINATION,
    408: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    477: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    500: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    502: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    503: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    504: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    480: Reason.DIAL_NO_ANSWER,
    487: Reason.DIAL_NO_ANSWER,
    482: Reason.SIP_ROUTING_ERROR,
    483: Reason.SIP_ROUTING_ERROR,
    486: Reason.DIAL_BUSY,
    600: Reason.DIAL_BUSY,
    603: Reason.USER_DECLINED,
    607: Reason.MARKED_AS_SPAM,
    608: Reason.MARKED_AS_SPAM,
}
# When no SIP status is known: another channel technology, or a call that never left.
_Q850: Final[Mapping[int, Reason]] = {
    1: Reason.INVALID_DESTINATION,
    22: Reason.INVALID_DESTINATION,
    28: Reason.INVALID_DESTINATION,
    17: Reason.DIAL_BUSY,
    18: Reason.DIAL_NO_ANSWER,
    19: Reason.DIAL_NO_ANSWER,
    21: Reason.USER_DECLINED,
    25: Reason.SIP_ROUTING_ERROR,
    27: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    34: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    38: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    41: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
    42: Reason.TELEPHONY_PROVIDER_UNAVAILABLE,
}

_OWN_CAUSES: Final[Mapping[Reason, int]] = {
    Reason.CONCURRENCY_LIMIT_REACHED: NO_CIRCUIT,
    Reason.NO_VALID_PAYMENT: CALL_REJECTED,
    Reason.SCAM_DETECTED: CALL_REJECTED,
    Reason.CREDIT_EXHAUSTED: CALL_REJECTED,
    Reason.BUDGET_REACHED: CALL_REJECTED,
    Reason.NETWORK_BLOCKED: CALL_REJECTED,
    Reason.USER_DECLINED: CALL_REJECTED,
    Reason.MARKED_AS_SPAM: CALL_REJECTED,
    Reason.INVALID_DESTINATION: UNALLOCATED_NUMBER,
    Reason.DIAL_BUSY: 17,
    Reason.DIAL_NO_ANSWER: 19,
    Reason.TELEPHONY_PROVIDER_UNAVAILABLE: NETWORK_OUT_OF_ORDER,
}

# Seen on Asterisk 22; whatever is not here becomes 603.
_REFUSALS: Final[Mapping[int, int]] = {
    1: 404,
    3: 404,
    17: 486,
    18: 408,
    19: 480,
    20: 480,
    31: 480,
    21: 403,
    22: 410,
    27: 502,
    28: 484,
    34: 503,
    42: 503,
    38: 500,
    127: 500,
    58: 488,
}


def status_of_refusal(cause: int) -> int:
    """Return the SIP status with which Asterisk refuses a call that it hangs up, unanswered, with this Q.850 cause."""
    return _REFUSALS.get(cause, 603)


def reason_for_hangup(cause: int | None, tech_cause: int | None = None, *, soft: bool = False) -> Reason:
    """Return why the caller's channel ended, when it was not we who ended it.

    cause, tech_cause, soft: of ChannelHangupRequest. A plain BYE has neither cause; CANCEL before the answer has 127
    and 487; a BYE with `Reason: Q.850;cause=31` has 31 and 480. All of these are the user hanging up. A far end that
    answers no request any more, such as the re-INVITE of a session timer (RFC 4028), has 18 and 408.
    """
    if is_dead_far_end(tech_cause):
        return Reason.ERROR_NO_AUDIO_RECEIVED
    if soft and tech_cause is None and cause is not None:
        return _SOFT.get(cause, Reason.USER_HANGUP)
    return Reason.USER_HANGUP


def is_dead_far_end(tech_cause: int | None) -> bool:
    """Whether a call in progress has ended because its far end answers no SIP request any more.

    tech_cause: of ChannelHangupRequest.
    """
    return tech_cause == REQUEST_TIMEOUT


def reason_for_dial(
    sip_status: int | None,
    *,
    cause: int | None = None,
    rang: bool = False,
    timed_out: bool = False,
    provisional: bool = True,
) -> Reason:
    """Return why an outgoing call was not answered.

    sip_status: `tech_cause` of its ChannelHangupRequest. cause: Q.850, used when there is no status.
    rang: the far end answered with 180 or 183 before. timed_out: we cancelled it when the ringing time was over.
    provisional: until then some provisional response had come. Without one nobody rang, and timer B (RFC 3261 section
    17.1.1.2: 32 s) would have made it a 408.
    """
    if timed_out and not provisional:
        sip_status = 408
    elif timed_out or (rang and sip_status == 408):
        return Reason.DIAL_NO_ANSWER
    if sip_status is not None:
        return _SIP.get(sip_status, Reason.DIAL_FAILED)
    return _Q850.get(cause or 0, Reason.DIAL_FAILED)


def q850_cause(reason: Reason, *, answered: bool = True) -> int:
    """Return the Q.850 cause with which we hang up, 1..127.

    Before the answer Asterisk makes a SIP status of it: 38 becomes 500, 34 becomes 503, 21 becomes 403, 1 becomes 404,
    while 41 would become 603, as if somebody had declined.
    """
    own = _OWN_CAUSES.get(reason)
    if own is not None:
        return own
    if reason.value.startswith("error_"):
        return TEMPORARY_FAILURE if answered else NETWORK_OUT_OF_ORDER
    return NORMAL_CLEARING
