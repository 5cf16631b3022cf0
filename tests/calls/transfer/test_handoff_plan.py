"""Who says which message of a warm transfer."""

from __future__ import annotations

from typing import Any, Final

import pytest

from ari_agent.calls.transfer.handoff import Phase, Plan, Speaker
from ari_agent.calls.transfer.handoff_plan import (
    HandoffNotSpoken,
    agentic_plan,
    handoff_plan,
    option_of,
    with_messages_filled,
)
from ari_agent.contract.call_control import TransferRequest

STATIC: Final = {"type": "static_message", "message": "{{name}} is on the line."}
PROMPT: Final = {"type": "prompt", "prompt": "Say that {{name}} is on the line."}


def request(**options: Any) -> TransferRequest:
    return TransferRequest.model_validate({"to": "+14155559999", "mode": "warm", **options})


@pytest.mark.parametrize(
    ("option", "has_voice", "agent_speaks", "speaker"),
    [
        (None, True, False, None),
        (STATIC, True, False, Speaker.VOICE),
        (STATIC, True, True, Speaker.VOICE),
        (STATIC, False, True, Speaker.AGENT),
        (PROMPT, True, True, Speaker.AGENT),
        (PROMPT, False, True, Speaker.AGENT),
    ],
)
@pytest.mark.parametrize("which", ["private", "public"])
def test_who_says_it(
    option: dict[str, str] | None, has_voice: bool, agent_speaks: bool, speaker: Speaker | None, which: str
) -> None:
    wanted = request(**{f"{which}_handoff_option": option})
    plan = handoff_plan(wanted, has_voice=has_voice, agent_speaks=agent_speaks)
    assert getattr(plan, which) is speaker


@pytest.mark.parametrize("which", ["private_handoff_option", "public_handoff_option"])
def test_a_prompt_needs_an_audio_agent(which: str) -> None:
    with pytest.raises(HandoffNotSpoken, match=f"{which} is a prompt.*give a static_message"):
        handoff_plan(request(**{which: PROMPT}), has_voice=True, agent_speaks=False)


def test_detection_and_cue_can_be_left_out() -> None:
    assert handoff_plan(request(), has_voice=True, agent_speaks=True) == Plan(detects=True, cue=True)
    without = request(opt_out_human_detection=True, enable_bridge_audio_cue=False)
    assert handoff_plan(without, has_voice=True, agent_speaks=True) == Plan(detects=False, cue=False)


def test_a_second_agent_stands_in_the_place_of_detection_and_private_message() -> None:
    wanted = request(mode="agentic_warm", private_handoff_option=STATIC, public_handoff_option=STATIC)
    assert agentic_plan(wanted, has_voice=True) == Plan(detects=False, consults=True, public=Speaker.VOICE)
    silent = request(mode="agentic_warm", enable_bridge_audio_cue=False)
    assert agentic_plan(silent, has_voice=False) == Plan(detects=False, consults=True, cue=False)


@pytest.mark.parametrize(("option", "has_voice"), [(PROMPT, True), (STATIC, False)])
def test_a_message_for_both_beside_a_second_agent_needs_text_to_speech(option: dict[str, str], has_voice: bool) -> None:
    with pytest.raises(HandoffNotSpoken, match="give a static_message, and set ARI_AGENT_TEXT_TO_SPEECH"):
        agentic_plan(request(mode="agentic_warm", public_handoff_option=option), has_voice=has_voice)


def test_variables_are_filled_into_both_messages() -> None:
    filled = with_messages_filled(
        request(private_handoff_option=PROMPT, public_handoff_option=STATIC),
        lambda text: text.replace("{{name}}", "Ada"),
    )
    private, public = option_of(filled, Phase.PRIVATE), option_of(filled, Phase.PUBLIC)
    assert private is not None
    assert private.model_dump() == {"type": "prompt", "prompt": "Say that Ada is on the line."}
    assert public is not None
    assert public.model_dump() == {"type": "static_message", "message": "Ada is on the line."}
    assert option_of(filled, Phase.CUE) is None
    assert with_messages_filled(request(), str.upper) == request()
