from __future__ import annotations

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import ChatAgent, ChatAgentCreate, ChatAgentUpdate, agent_of, kind_of, overridden
from tests.contract.samples import AUDIO, CUSTOM_LLM

CREATE = ChatAgentCreate.model_validate({"agent_name": "Ada", "response_engine": CUSTOM_LLM})
CHAT_AGENT = CREATE.agent(agent_id="agent_1", now_ms=5)
VOICE_AGENT = Agent.model_validate({"agent_id": "agent_2", "response_engine": AUDIO, "last_modification_timestamp": 6})
OVERRIDE = {"agent_name": "Eve", "timezone": "Europe/Berlin", "voice_speed": 2, "webhook_events": ["call_ended"]}


def test_a_new_chat_agent_has_what_was_given_and_defaults() -> None:
    assert (CHAT_AGENT.agent_id, CHAT_AGENT.version, CHAT_AGENT.last_modification_timestamp) == ("agent_1", 0, 5)
    assert (CHAT_AGENT.agent_name, CHAT_AGENT.end_chat_after_silence_ms) == ("Ada", 3_600_000)


def test_an_update_changes_what_it_names() -> None:
    changed = ChatAgentUpdate.model_validate({"agent_name": None}).apply(CHAT_AGENT, now_ms=9)
    assert (changed.agent_name, changed.last_modification_timestamp) == (None, 9)
    assert changed.response_engine == CHAT_AGENT.response_engine


def test_the_engine_cannot_be_taken_away() -> None:
    with pytest.raises(ValidationError, match="response_engine must be an object, not null"):
        ChatAgentUpdate.model_validate({"response_engine": None})


@pytest.mark.parametrize("agent", [CHAT_AGENT, VOICE_AGENT])
def test_a_record_is_read_back_as_the_kind_of_agent_that_it_was(agent: Agent | ChatAgent) -> None:
    record = agent.as_record()
    assert kind_of(record) is type(agent)
    assert agent_of(record) == agent
    assert "channel" not in agent.as_json()


def test_a_chat_agent_takes_the_overrides_that_it_has_settings_for() -> None:
    changed = overridden(CHAT_AGENT, AgentOverride.model_validate({"agent": OVERRIDE}))
    assert isinstance(changed, ChatAgent)
    assert (changed.agent_name, changed.timezone) == ("Eve", "Europe/Berlin")
    assert changed.webhook_events == CHAT_AGENT.webhook_events


def test_an_override_of_nothing_changes_nothing() -> None:
    assert overridden(CHAT_AGENT, AgentOverride.model_validate({})) == CHAT_AGENT


def test_an_agent_for_calls_takes_every_override() -> None:
    changed = overridden(VOICE_AGENT, AgentOverride.model_validate({"agent": OVERRIDE}))
    assert isinstance(changed, Agent)
    assert (changed.agent_name, changed.voice_speed, changed.webhook_events) == ("Eve", 2, ("call_ended",))
