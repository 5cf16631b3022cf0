from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.response_engine import PromptEngine
from tests.contract.samples import AUDIO, CUSTOM_LLM
from tests.contract.test_agent import an_agent


def test_an_override_changes_this_calls_agent_and_not_the_saved_one() -> None:
    saved = an_agent(voice_speed=2, volume=0.5)
    override = AgentOverride.model_validate({"agent": {"voice_speed": 0.5, "response_engine": AUDIO}})
    overridden = override.apply(saved)
    assert (overridden.voice_speed, overridden.volume) == (0.5, 0.5)
    assert overridden.response_engine.type == "audio-websocket"
    assert overridden.last_modification_timestamp == saved.last_modification_timestamp
    assert (saved.voice_speed, saved.response_engine.as_json()) == (2, CUSTOM_LLM)


@pytest.mark.parametrize("override", [{}, {"agent": {}}, {"retell_llm": {"model": "x"}}, {"agent": None}])
def test_an_override_that_names_no_setting_of_the_agent_leaves_it(override: dict[str, object]) -> None:
    assert AgentOverride.model_validate(override).apply(an_agent()) == an_agent()


def test_an_override_must_leave_a_valid_agent() -> None:
    override = AgentOverride.model_validate({"agent": {"voice_id": None}})
    with pytest.raises(ValidationError, match="voice_id is required"):
        override.apply(an_agent())


def test_the_key_model_config_is_read_and_written_under_its_own_name() -> None:
    document = {"retell_llm": {"model_config": {"type": "cascading"}}}
    assert AgentOverride.model_validate(document).changes() == document


@pytest.mark.parametrize(
    "engine",
    [
        {"type": "retell-llm", "llm_id": "llm_1"},
        {"type": "conversation-flow", "conversation_flow_id": "conversation_flow_1"},
    ],
    ids=lambda engine: engine["type"],
)
def test_what_a_call_changes_of_a_prompt_or_flow_goes_with_its_engine_and_is_never_answered(
    engine: dict[str, str],
) -> None:
    saved = an_agent(response_engine=engine)
    own = engine["type"].replace("-", "_")
    parts = {"retell_llm": {"begin_message": "of a prompt"}, "conversation_flow": {"begin_message": "of a flow"}}
    changed = AgentOverride.model_validate(parts).apply(saved).response_engine
    assert isinstance(changed, PromptEngine)
    assert changed.override == parts.pop(own)
    assert changed.as_json() == engine
    assert AgentOverride.model_validate(parts).apply(saved) == saved
