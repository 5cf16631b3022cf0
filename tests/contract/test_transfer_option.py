"""The options of a transfer, under Retell's names: what is read, and what is refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.transfer_option import HandoffMessage, HandoffPrompt

TARGET = {"to": "+15551234567", "mode": "warm"}


def _read(**options: Any) -> TransferRequest:
    return TransferRequest.model_validate({**TARGET, **options})


def test_a_warm_transfer_says_what_each_side_hears() -> None:
    request = _read(
        private_handoff_option={"type": "prompt", "prompt": "Say who calls."},
        public_handoff_option={"type": "static_message", "message": "You are connected."},
        on_hold_music="relaxing_sound",
    )
    assert request.private_handoff_option == HandoffPrompt(type="prompt", prompt="Say who calls.")
    assert request.public_handoff_option == HandoffMessage(type="static_message", message="You are connected.")
    assert request.on_hold_music == "relaxing_sound"


def test_what_is_not_said_is_as_at_retell() -> None:
    request = _read(agentic_transfer_config={"transfer_agent": {"agent_id": "agent_2"}})
    assert (request.on_hold_music, request.agent_detection_timeout_ms) == ("ringtone", 30_000)
    assert (request.enable_bridge_audio_cue, request.opt_out_human_detection) == (True, False)
    assert request.agentic_transfer_config is not None
    assert request.agentic_transfer_config.transfer_timeout_ms == 30_000
    assert request.agentic_transfer_config.action_on_timeout == "cancel_transfer"


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("transfer_ring_duration_ms", 4_999),
        ("transfer_ring_duration_ms", 90_001),
        ("extension", "12,S(3)"),
        ("extension", "١٢"),
        ("on_hold_music", "../../etc/passwd"),
        ("on_hold_music", "a,b"),
        ("show_transferee_as_caller", "yes"),
        ("private_handoff_option", {"type": "static_message", "prompt": "Hello"}),
        ("agentic_transfer_config", {"transfer_agent": {}}),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_its_name(option: str, wrong: object) -> None:
    with pytest.raises(ValidationError) as refused:
        _read(**{option: wrong})
    assert refused.value.errors()[0]["loc"][0] == option


def test_options_outlive_the_filling_of_variables() -> None:
    request = TransferRequest(to="{{desk}}", mode="sip_invite", extension="12", transfer_ring_duration_ms=5_000)
    filled = request.filled(lambda text: text.replace("{{desk}}", "+15551234567"))
    assert (filled.to, filled.extension, filled.transfer_ring_duration_ms) == ("+15551234567", "12", 5_000)
