from __future__ import annotations

import pytest

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_list import AgentFilters, AgentSummary
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from tests.contract.samples import AUDIO

VOICE = Agent.model_validate(
    {"agent_id": "agent_1", "agent_name": "Ada", "response_engine": AUDIO, "last_modification_timestamp": 1}
)
TRANSFER = VOICE.model_copy(update={"agent_id": "agent_2", "agent_name": "Transfers", "is_transfer_agent": True})
CHAT = ChatAgent.model_validate(
    {
        "agent_id": "agent_3",
        "response_engine": {"type": "custom-llm", "llm_websocket_url": "ws://a"},
        "last_modification_timestamp": 3,
    }
)


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ({}, [VOICE, TRANSFER, CHAT]),
        ({"channel": {"type": "string", "op": "eq", "value": "voice"}}, [VOICE, TRANSFER]),
        ({"channel": {"type": "string", "op": "ne", "value": "voice"}}, [CHAT]),
        ({"channel": {"type": "string", "op": "co", "value": "chat"}}, [CHAT]),
        ({"is_transfer_agent": {"type": "boolean", "op": "eq", "value": True}}, [TRANSFER]),
        ({"is_transfer_agent": {"type": "boolean", "op": "eq", "value": False}}, [VOICE, CHAT]),
        ({"query": "aDA"}, [VOICE]),
        ({"query": "AGENT_3"}, [CHAT]),
        ({"query": "agent_", "is_transfer_agent": {"type": "boolean", "op": "eq", "value": True}}, [TRANSFER]),
        ({"query": "nobody"}, []),
    ],
)
def test_agents_are_found_by_channel_kind_and_text(criteria: object, wanted: list[AnyAgent]) -> None:
    filters = AgentFilters.model_validate(criteria)
    assert [agent for agent in (VOICE, TRANSFER, CHAT) if filters.match(agent)] == wanted


def test_a_list_names_the_channel_and_the_version_of_each_tag() -> None:
    assert AgentSummary.of(TRANSFER, {"prod": 2}).as_json() == {
        "agent_id": "agent_2",
        "agent_name": "Transfers",
        "channel": "voice",
        "is_suspended": False,
        "is_transfer_agent": True,
        "tags": {"prod": {"version": 2}},
        "user_modified_timestamp": 1,
    }


def test_a_chat_agent_without_a_name_has_an_empty_one() -> None:
    summary = AgentSummary.of(CHAT)
    assert (summary.channel, summary.agent_name, summary.is_transfer_agent, summary.tags) == ("chat", "", False, {})
