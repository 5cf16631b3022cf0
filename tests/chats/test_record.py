"""The record of a chat: what was written, what it owes, and what an update changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.agents.llm import LlmToolInvocation, LlmToolResult
from ari_agent.chats.record import MOST_ITEMS, ChatRecord
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat import Chat, ChatAnalysis, ChatStatus, ChatUpdate
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from tests.contract.samples import CUSTOM_LLM

ACCOUNT = "https://account.example/hook?chat={{chat_id}}"
AGENT = {"agent_id": "agent_1", "version": 0, "last_modification_timestamp": 1, "response_engine": CUSTOM_LLM}


def a_record(agent: AnyAgent | None = None, account: str | None = ACCOUNT) -> ChatRecord:
    chat = Chat.model_validate(
        {
            "chat_id": "chat_1",
            "agent_id": "agent_1",
            "version": 0,
            "chat_status": "ongoing",
            "chat_type": "api_chat",
            "start_timestamp": 1_000,
            "metadata": {"order": 1},
            "retell_llm_dynamic_variables": {"name": "Zoë"},
        }
    )
    return ChatRecord(chat, agent=agent, account_webhook_url=account)


def chat_agent(**settings: Any) -> ChatAgent:
    return ChatAgent.model_validate({**AGENT, **settings})


def owed(record: ChatRecord) -> list[str]:
    return [event.event.value for event in record.owed]


def test_a_chat_owes_started_ended_and_analyzed() -> None:
    record = a_record(chat_agent())
    record.started()
    record.user_said("Hi?", message_id="m1", now_ms=1_100)
    waits = [record.user_waits]
    record.agent_said("Hello.", message_id="m2", now_ms=1_200)
    assert [*waits, record.user_waits] == [True, False]
    record.ended(ChatStatus.ENDED, 2_000)
    record.ended(ChatStatus.ERROR, 3_000)  # once is enough
    assert owed(record) == ["chat_started", "chat_ended", "chat_analyzed"]
    started, ended, analyzed = (json.loads(event.body)["chat"] for event in record.owed)
    assert started["chat_status"] == "ongoing" and "chat_analysis" not in ended
    assert (ended["chat_status"], ended["end_timestamp"]) == ("ended", 2_000)
    assert ended["transcript"] == "User: Hi?\nAgent: Hello.\n"
    assert analyzed["chat_analysis"] == {"user_sentiment": "Unknown", "chat_successful": True}


@pytest.mark.parametrize(("status", "answered"), [(ChatStatus.ERROR, True), (ChatStatus.ENDED, False)])
def test_a_chat_without_an_answer_or_that_failed_is_no_success(status: ChatStatus, answered: bool) -> None:
    record = a_record(chat_agent())
    if answered:
        record.agent_said("Hello.", message_id="m1", now_ms=1_100)
    record.ended(status, 2_000)
    assert record.chat.chat_analysis is not None and record.chat.chat_analysis.chat_successful is False


def test_a_chat_that_a_model_analyses_owes_chat_analyzed_only_then() -> None:
    record = a_record(chat_agent())
    record.user_said("Hi?", message_id="m1", now_ms=1_100)
    record.ended(ChatStatus.ENDED, 2_000, analysis_due_ms=9_000)
    assert (owed(record), record.analysis_due_ms, record.chat.chat_analysis) == (["chat_ended"], 9_000, None)
    record.analysed(ChatAnalysis(chat_summary="Greeted."))
    assert json.loads(record.owed[-1].body)["chat"]["chat_analysis"] == {"chat_summary": "Greeted."}


@pytest.mark.parametrize(("setting", "text"), [("everything", " "), ("basic_attributes_only", "Hi?")])
def test_a_chat_without_words_or_whose_words_are_not_to_be_stored_waits_for_no_model(setting: str, text: str) -> None:
    record = a_record(chat_agent())
    record.updated(ChatUpdate.model_validate({"data_storage_setting": setting}))
    record.user_said(text, message_id="m1", now_ms=1_100)
    record.ended(ChatStatus.ENDED, 2_000, analysis_due_ms=9_000)
    assert (owed(record), record.analysis_due_ms) == (["chat_ended", "chat_analyzed"], None)


def test_tools_stand_where_they_were_used_and_are_no_part_of_the_transcript() -> None:
    record = a_record(chat_agent())
    record.user_said("Where is it?", message_id="m1", now_ms=1)
    invocation = LlmToolInvocation(tool_call_id="t1", name="look_up", arguments="{}")
    record.tool_used(invocation, message_id="m2", now_ms=2)
    record.tool_used(LlmToolResult(tool_call_id="t1", content="Here."), message_id="m3", now_ms=3)
    assert [item["role"] for item in record.with_tool_calls()] == ["user", "tool_call_invocation", "tool_call_result"]
    assert record.with_tool_calls()[1]["name"] == "look_up"
    assert record.transcript() == [{"role": "user", "content": "Where is it?", "words": []}]
    assert record.chat.transcript == "User: Where is it?\n"


def test_a_chat_of_two_machines_has_an_end() -> None:
    record = a_record()
    for number in range(MOST_ITEMS):
        assert not record.is_full
        record.user_said("again", message_id=f"m{number}", now_ms=number)
    assert record.is_full


def test_an_update_can_be_undone_and_leaves_what_happened_since() -> None:
    record = a_record()
    update = ChatUpdate.model_validate({"metadata": {"order": 2}, "override_dynamic_variables": {"city": "Ulm"}})
    undo = record.updated(update)
    assert record.chat.metadata == {"order": 2}
    assert record.chat.retell_llm_dynamic_variables == {"name": "Zoë", "city": "Ulm"}
    record.user_said("Hi.", message_id="m1", now_ms=1)
    undo()
    assert record.chat.metadata == {"order": 1}
    assert record.chat.retell_llm_dynamic_variables == {"name": "Zoë"}
    assert record.chat.transcript == "User: Hi.\n"


def test_an_update_without_variables_keeps_those_that_are_there() -> None:
    record = a_record()
    record.updated(ChatUpdate.model_validate({"metadata": None}))
    assert record.chat.metadata is None
    assert record.chat.retell_llm_dynamic_variables == {"name": "Zoë"}


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (None, ["chat_started", "chat_ended", "chat_analyzed"]),
        (chat_agent(webhook_events=None), ["chat_started", "chat_ended", "chat_analyzed"]),
        (chat_agent(webhook_events=["chat_ended"]), ["chat_ended"]),
        (chat_agent(webhook_events=[]), []),
        (Agent.model_validate({**AGENT, "voice_id": "v", "webhook_events": ["call_ended"]}), ["chat_ended"]),
        (
            Agent.model_validate({**AGENT, "voice_id": "v", "webhook_events": None}),
            ["chat_started", "chat_ended", "chat_analyzed"],
        ),
    ],
    ids=["no agent", "defaults", "one", "none", "of an agent of calls", "defaults of an agent of calls"],
)
def test_the_agent_filters_its_events(agent: AnyAgent | None, expected: list[str]) -> None:
    record = a_record(agent)
    record.started()
    record.ended(ChatStatus.ENDED, 2_000)
    assert owed(record) == expected


def test_a_webhook_goes_to_the_agents_url_before_the_accounts_and_variables_are_filled_in() -> None:
    own = a_record(chat_agent(webhook_url="https://agent.example/{{name}}", webhook_timeout_ms=7_000))
    accounts, nobodys = a_record(chat_agent()), a_record(chat_agent(), account=None)
    for record in (own, accounts, nobodys):
        record.started()
    assert (own.owed[0].url, own.owed[0].timeout_ms) == ("https://agent.example/Zo%C3%AB", 7_000)
    assert accounts.owed[0].url == "https://account.example/hook?chat=chat_1"
    assert accounts.owed[0].call_id == "chat_1"
    assert nobodys.owed == []


def test_an_empty_chat_waits_for_nobody() -> None:
    record = a_record()
    assert not record.user_waits and not record.is_full
    assert (record.items, record.transcript(), record.with_tool_calls()) == ((), [], [])
