"""Which agents a list names, and what it says of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_list import AgentFilters, AgentSummary
from ari_agent.contract.agent_versions import VersionSummary
from ari_agent.contract.chat_agent import ChatAgent
from tests.contract.samples import AUDIO, CUSTOM_LLM, IDENTITY

VOICE = Agent.model_validate(
    {**IDENTITY, "response_engine": AUDIO, "agent_name": "Ada", "is_transfer_agent": True},
)
CHAT = ChatAgent.model_validate({**IDENTITY, "agent_id": "agent_2", "response_engine": CUSTOM_LLM})


def channel(op: str, value: str) -> dict[str, Any]:
    return {"channel": {"type": "string", "op": op, "value": value}}


def transfer(value: bool) -> dict[str, Any]:
    return {"is_transfer_agent": {"type": "boolean", "op": "eq", "value": value}}


@pytest.mark.parametrize(
    ("criteria", "voice", "chat"),
    [
        ({}, True, True),
        (channel("eq", "voice"), True, False),
        (channel("ne", "voice"), False, True),
        (channel("eq", "chat"), False, True),
        (transfer(True), True, False),
        (transfer(False), False, True),
        ({"query": "ADA"}, True, False),
        ({"query": "agent_"}, True, True),
        ({"query": "agent_2"}, False, True),
        ({"query": "nobody"}, False, False),
        ({**channel("eq", "voice"), "query": "agent_2"}, False, False),
    ],
)
def test_all_conditions_must_hold(criteria: dict[str, Any], voice: bool, chat: bool) -> None:
    filters = AgentFilters.model_validate(criteria)
    assert (filters.match(VOICE), filters.match(CHAT)) == (voice, chat)


def test_a_summary_says_which_kind_it_is_and_what_its_tags_stand_for() -> None:
    voice, chat = AgentSummary.of(VOICE, {"prod": 2}), AgentSummary.of(CHAT)
    assert (voice.channel, voice.agent_name, voice.is_transfer_agent) == ("voice", "Ada", True)
    assert {tag: found.version for tag, found in voice.tags.items()} == {"prod": 2}
    assert (chat.channel, chat.agent_name, chat.is_transfer_agent, chat.tags) == ("chat", "", False, {})
    assert voice.user_modified_timestamp == IDENTITY["last_modification_timestamp"]


def test_a_version_in_a_list_has_its_number_and_its_state() -> None:
    summary = VersionSummary.of(VOICE)
    assert (summary.version, summary.base_version, summary.is_published) == (3, 2, True)
    assert summary.last_modification_timestamp == IDENTITY["last_modification_timestamp"]


@given(st.text(max_size=100))
def test_any_text_can_be_looked_for(query: str) -> None:
    assert AgentFilters(query=query).match(VOICE) is (query.casefold() in "ada" or query.casefold() in "agent_1")
