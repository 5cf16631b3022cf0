from __future__ import annotations

import pytest

from ari_agent.contract.disconnection import CallStatus, DisconnectionReason


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("user_hangup", CallStatus.ENDED),
        ("call_transfer", CallStatus.ENDED),
        ("no_concurrency_fallback", CallStatus.ENDED),
        ("dial_busy", CallStatus.NOT_CONNECTED),
        ("user_declined", CallStatus.NOT_CONNECTED),
        ("network_blocked", CallStatus.NOT_CONNECTED),
        ("concurrency_limit_reached", CallStatus.ERROR),
        ("error_inbound_webhook", CallStatus.ERROR),
        ("registered_call_timeout", CallStatus.ERROR),
    ],
)
def test_the_reason_says_with_which_status_a_call_ends(reason: str, status: CallStatus) -> None:
    assert DisconnectionReason(reason).call_status is status


def test_every_reason_has_the_status_of_a_call_that_is_over() -> None:
    over = {CallStatus.ENDED, CallStatus.NOT_CONNECTED, CallStatus.ERROR}
    assert {reason.call_status for reason in DisconnectionReason} == over


def test_every_reason_named_error_is_one() -> None:
    errors = [reason for reason in DisconnectionReason if reason.startswith("error_")]
    assert {reason.call_status for reason in errors} == {CallStatus.ERROR}
