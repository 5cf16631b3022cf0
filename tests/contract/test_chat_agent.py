"""Chat agents: made, changed, stored and read back, and overridden for one chat."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.agent import Agent, AgentCreate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.chat_agent import (
    DEFAULT_CHAT_WEBHOOK_EVENTS,
    ChatAgent,
    ChatAgentCreate,
    ChatAgentUpdate,
    agent_of,
    kind_of,
    overridden,
)
from ari_agent.contract.chat_list import ChatFilters
from tests.contract.samples import CUSTOM_LLM


def a_chat_agent(**settings: Any) -> ChatAgent:
    wanted = ChatAgentCreate.model_validate({"response_engine": CUSTOM_LLM, **settings})
    return wanted.agent(agent_id="agent_1", now_ms=7)


def test_a_chat_agent_has_defaults() -> None:
    agent = a_chat_agent()
    assert (agent.version, agent.is_published, agent.last_modification_timestamp) == (0, False, 7)
    assert agent.webhook_events == DEFAULT_CHAT_WEBHOOK_EVENTS
    assert agent.end_chat_after_silence_ms == 3_600_000


def test_an_update_changes_what_it_names() -> None:
    agent = a_chat_agent(agent_name="Ada", auto_close_message="Bye.")
    changed = ChatAgentUpdate.model_validate({"agent_name": None}).apply(agent, now_ms=9)
    assert (changed.agent_name, changed.auto_close_message, changed.last_modification_timestamp) == (None, "Bye.", 9)


def test_a_record_tells_both_kinds_apart() -> None:
    chat = a_chat_agent(agent_name="Ada")
    voice = AgentCreate.model_validate({"response_engine": CUSTOM_LLM, "voice_id": "v"}).agent(
        agent_id="agent_2", now_ms=7
    )
    assert (kind_of(chat.as_record()), kind_of(voice.as_record())) == (ChatAgent, Agent)
    assert (agent_of(chat.as_record()), agent_of(voice.as_record())) == (chat, voice)


def test_an_override_takes_what_a_chat_agent_has_and_no_events_of_calls() -> None:
    override = AgentOverride.model_validate(
        {"agent": {"agent_name": "Bob", "voice_id": "other", "webhook_events": ["call_ended"]}}
    )
    chat = overridden(a_chat_agent(agent_name="Ada"), override)
    assert isinstance(chat, ChatAgent)
    assert (chat.agent_name, chat.webhook_events) == ("Bob", DEFAULT_CHAT_WEBHOOK_EVENTS)
    assert overridden(a_chat_agent(agent_name="Ada"), AgentOverride()) == a_chat_agent(agent_name="Ada")


def test_an_override_of_an_agent_of_calls_is_that_of_a_call() -> None:
    voice = AgentCreate.model_validate({"response_engine": CUSTOM_LLM, "voice_id": "v"}).agent(
        agent_id="agent_2", now_ms=7
    )
    override = AgentOverride.model_validate({"agent": {"voice_id": "other"}})
    assert overridden(voice, override) == override.apply(voice)


def test_a_list_refuses_conditions_that_it_would_not_look_at() -> None:
    with pytest.raises(ValidationError, match="cannot filter by agent_tag, user_sentiment"):
        ChatFilters.model_validate({"user_sentiment": {}, "agent_tag": {}})
    with pytest.raises(ValidationError):
        ChatFilters.model_validate([])
    assert ChatFilters.model_validate({}).chat_id is None
