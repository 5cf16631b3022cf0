from __future__ import annotations

from typing import Literal

import pytest

from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.transfer_event import TransferFacts


@pytest.mark.parametrize(
    ("mode", "option"),
    [
        ("sip_refer", {"type": "cold_transfer", "coldTransferMode": "sip_refer"}),
        ("sip_invite", {"type": "cold_transfer", "coldTransferMode": "sip_invite"}),
        ("warm", {"type": "warm_transfer"}),
        ("agentic_warm", {"type": "agentic_warm_transfer"}),
    ],
)
def test_a_webhook_says_where_and_how_a_caller_is_transferred(
    mode: Literal["sip_refer", "sip_invite", "warm", "agentic_warm"], option: dict[str, str]
) -> None:
    facts = TransferFacts.of(TransferRequest(to="+15551234567", mode=mode))
    assert facts.as_json() == {"transfer_destination": {"number": "+15551234567"}, "transfer_option": option}
    assert TransferFacts.model_validate(facts.as_record()) == facts


def test_the_options_are_those_that_were_asked_for_in_camel_case() -> None:
    request = TransferRequest.model_validate(
        {
            "to": "+15551234567",
            "mode": "sip_invite",
            "extension": "12#",
            "show_transferee_as_caller": True,
            "transfer_ring_duration_ms": 9000,
            "on_hold_music": "ringtone",
        }
    )
    assert TransferFacts.of(request).as_json() == {
        "transfer_destination": {"number": "+15551234567", "extension": "12#"},
        "transfer_option": {
            "type": "cold_transfer",
            "coldTransferMode": "sip_invite",
            "showTransfereeAsCaller": True,
            "transferRingDurationMs": 9000,
            "onHoldMusic": {"type": "ringtone"},
        },
    }
