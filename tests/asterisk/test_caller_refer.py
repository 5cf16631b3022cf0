"""REFERs of a caller's phone: what Asterisk is told to do with them, and what the phone is told."""

from __future__ import annotations

import pytest

from ari_agent.asterisk.caller_refer import CallerTransfers, handling, progress_of, undone
from ari_agent.contract.call_control import TransferOutcome


@pytest.mark.parametrize(
    ("policy", "done", "back"),
    [
        ("refuse", {"TRANSFER_CONTEXT": "ari-agent-no-transfers"}, {"TRANSFER_CONTEXT": "desks"}),
        ("allow", {"PJSIP_TRANSFER_HANDLING()": "ari-only"}, {"PJSIP_TRANSFER_HANDLING()": "core"}),
    ],
)
def test_what_is_set_is_undone(policy: CallerTransfers, done: dict[str, str], back: dict[str, str]) -> None:
    assert handling(policy) == done
    assert undone(policy, "desks") == back


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (TransferOutcome(status="succeeded", sip_status=200), "channel_answered"),
        (TransferOutcome(status="failed", sip_status=603), "channel_declined"),
        (TransferOutcome(status="failed", sip_status=486), "channel_unavailable"),
        (TransferOutcome(status="failed"), "channel_unavailable"),
    ],
)
def test_the_phone_is_told_how_it_ended(outcome: TransferOutcome, state: str) -> None:
    assert progress_of(outcome) == state
