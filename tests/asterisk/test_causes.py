"""Causes: every way a call can end has its disconnection_reason, and every reason a cause to hang up with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.causes import q850_cause, reason_for_dial, reason_for_hangup
from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.disconnection import DisconnectionReason as Reason

# Q.850 cause that Asterisk reports beside each SIP status of an outgoing call.
OUTGOING = [
    (401, 21, Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED),
    (403, 21, Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED),
    (407, 21, Reason.TELEPHONY_PROVIDER_PERMISSION_DENIED),
    (404, 1, Reason.INVALID_DESTINATION),
    (410, 22, Reason.INVALID_DESTINATION),
    (484, 28, Reason.INVALID_DESTINATION),
    (604, 1, Reason.INVALID_DESTINATION),
    (408, 18, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
    (480, 19, Reason.DIAL_NO_ANSWER),
    (482, 127, Reason.SIP_ROUTING_ERROR),
    (483, 19, Reason.SIP_ROUTING_ERROR),
    (486, 17, Reason.DIAL_BUSY),
    (600, 17, Reason.DIAL_BUSY),
    (500, 38, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
    (502, 27, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
    (503, 34, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
    (504, 102, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
    (603, 21, Reason.USER_DECLINED),
    (607, 127, Reason.MARKED_AS_SPAM),
    (608, 127, Reason.MARKED_AS_SPAM),
    (302, 23, Reason.DIAL_FAILED),
    (420, 3, Reason.DIAL_FAILED),
    (488, 58, Reason.DIAL_FAILED),
    (699, 127, Reason.DIAL_FAILED),
]


@pytest.mark.parametrize(("sip_status", "cause", "reason"), OUTGOING)
def test_an_outgoing_call_that_failed_says_why(sip_status: int, cause: int, reason: Reason) -> None:
    assert reason_for_dial(sip_status, cause=cause) is reason
    assert reason.call_status is CallStatus.NOT_CONNECTED


def test_silence_after_ringing_is_no_answer_and_before_it_nobody_there() -> None:
    assert reason_for_dial(408, rang=True) is Reason.DIAL_NO_ANSWER
    assert reason_for_dial(408) is Reason.TELEPHONY_PROVIDER_UNAVAILABLE


def test_a_call_that_we_gave_up_was_not_answered_whatever_asterisk_makes_of_it() -> None:
    assert reason_for_dial(486, cause=17, timed_out=True) is Reason.DIAL_NO_ANSWER


def test_nobody_rang_where_not_even_a_provisional_response_came() -> None:
    assert reason_for_dial(None, timed_out=True, provisional=False) is Reason.TELEPHONY_PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (17, Reason.DIAL_BUSY),
        (19, Reason.DIAL_NO_ANSWER),
        (21, Reason.USER_DECLINED),
        (34, Reason.TELEPHONY_PROVIDER_UNAVAILABLE),
        (1, Reason.INVALID_DESTINATION),
        (127, Reason.DIAL_FAILED),
        (None, Reason.DIAL_FAILED),
    ],
)
def test_without_a_sip_status_the_q850_cause_tells(cause: int | None, reason: Reason) -> None:
    assert reason_for_dial(None, cause=cause) is reason


@pytest.mark.parametrize(
    ("cause", "tech_cause", "soft", "reason"),
    [
        (None, None, False, Reason.USER_HANGUP),  # BYE
        (31, 480, False, Reason.USER_HANGUP),  # BYE with Reason: Q.850;cause=31
        (34, 503, False, Reason.USER_HANGUP),  # BYE with Reason: SIP;cause=503
        (127, 487, False, Reason.USER_HANGUP),  # CANCEL
        (16, 487, False, Reason.USER_HANGUP),  # CANCEL, completed elsewhere
        (4, None, True, Reason.ERROR_RETELL),  # core restart now
        (44, None, True, Reason.ERROR_NO_AUDIO_RECEIVED),  # rtp_timeout
        (32, None, True, Reason.MANUAL_STOPPED),  # channel request hangup
        (18, 408, False, Reason.ERROR_NO_AUDIO_RECEIVED),  # nobody answers the re-INVITE of a session timer
        (16, 408, True, Reason.ERROR_NO_AUDIO_RECEIVED),  # Asterisk's own hang-up behind it
        (99, None, True, Reason.USER_HANGUP),
        (None, None, True, Reason.USER_HANGUP),
    ],
)
def test_the_end_of_an_inbound_call_says_who_ended_it(
    cause: int | None, tech_cause: int | None, soft: bool, reason: Reason
) -> None:
    assert reason_for_hangup(cause, tech_cause, soft=soft) is reason


@pytest.mark.parametrize(
    ("reason", "answered", "ringing"),
    [
        (Reason.AGENT_HANGUP, 16, 16),
        (Reason.INACTIVITY, 16, 16),
        (Reason.MAX_DURATION_REACHED, 16, 16),
        (Reason.MANUAL_STOPPED, 16, 16),
        (Reason.CALL_TRANSFER, 16, 16),
        (Reason.CONCURRENCY_LIMIT_REACHED, 34, 34),
        (Reason.ERROR_INBOUND_WEBHOOK, 41, 38),
        (Reason.ERROR_LLM_WEBSOCKET_OPEN, 41, 38),
        (Reason.ERROR_UNKNOWN, 41, 38),
        (Reason.USER_DECLINED, 21, 21),
        (Reason.INVALID_DESTINATION, 1, 1),
    ],
)
def test_we_hang_up_with_a_cause_that_fits(reason: Reason, answered: int, ringing: int) -> None:
    assert (q850_cause(reason), q850_cause(reason, answered=False)) == (answered, ringing)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("answered", [True, False])
def test_every_reason_has_a_cause_that_sip_can_carry(reason: Reason, answered: bool) -> None:
    assert 1 <= q850_cause(reason, answered=answered) <= 127


_codes = st.none() | st.integers()


@given(_codes, _codes, st.booleans(), st.booleans(), st.booleans())
def test_no_cause_is_without_a_reason(
    cause: int | None, tech_cause: int | None, one: bool, other: bool, provisional: bool
) -> None:
    assert reason_for_hangup(cause, tech_cause, soft=one) in Reason
    assert reason_for_dial(tech_cause, cause=cause, rang=one, timed_out=other, provisional=provisional) in Reason
