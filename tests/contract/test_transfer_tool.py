"""A transfer in the shape of Retell's transfer_call tool."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.call_control import TransferRequest

PREDEFINED = {"type": "predefined", "number": "+1 (415) 555-9999", "extension": "12#"}


@pytest.mark.parametrize(
    ("option", "mode"),
    [
        ({"type": "cold_transfer"}, "sip_invite"),
        ({"type": "cold_transfer", "cold_transfer_mode": None}, "sip_invite"),
        ({"type": "cold_transfer", "cold_transfer_mode": "sip_refer"}, "sip_refer"),
        ({"type": "warm_transfer"}, "warm"),
        ({"type": "agentic_warm_transfer", "cold_transfer_mode": "sip_refer"}, "agentic_warm"),
        ({}, "sip_invite"),
    ],
)
def test_the_mode_is_that_of_the_option(option: dict[str, Any], mode: str) -> None:
    read = TransferRequest.model_validate({"transfer_destination": PREDEFINED, "transfer_option": option})
    assert (read.to, read.extension, read.mode) == ("+14155559999", "12#", mode)


def test_options_headers_and_music_are_taken_over() -> None:
    read = TransferRequest.model_validate(
        {
            "transfer_destination": "sip:bob@example.com",
            "transfer_option": {
                "type": "cold_transfer",
                "show_transferee_as_caller": True,
                "transfer_ring_duration_ms": 9000,
                "on_hold_music": {"type": "uplifting_beats"},
                "private_handoff_option": None,
            },
            "custom_sip_headers": {"X-Case": "7"},
        }
    )
    assert (read.show_transferee_as_caller, read.transfer_ring_duration_ms) == (True, 9000)
    assert (read.on_hold_music, read.headers) == ("uplifting_beats", {"X-Case": "7"})


def test_our_own_keys_win() -> None:
    read = TransferRequest.model_validate(
        {"to": "101", "mode": "sip_refer", "transfer_option": {"type": "warm_transfer"}}
    )
    assert (read.to, read.mode) == ("101", "sip_refer")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"transfer_destination": {"type": "inferred", "prompt": "sales"}}, "inferred"),
        ({"transfer_destination": PREDEFINED, "transfer_option": {"type": "tepid"}}, "expected a type of"),
        ({"transfer_destination": PREDEFINED, "transfer_option": {"type": ["x"]}}, "expected a type of"),
        (
            {
                "transfer_destination": PREDEFINED,
                "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "x"},
            },
            "expected a type of",
        ),
        ({"transfer_destination": 7}, "to"),
        ({"transfer_destination": {"type": "predefined"}}, "to"),
        ({"transfer_destination": {"number": 7}}, "to"),
        ({"transfer_option": 7, "to": "a,b"}, "not allowed"),
    ],
)
def test_what_is_no_transfer_is_refused_in_words(body: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TransferRequest.model_validate(body)
