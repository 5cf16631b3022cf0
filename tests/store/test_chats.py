"""Chats: saved with their webhooks, found by their numbers, listed in pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ari_agent.contract.agent import Agent
from ari_agent.contract.chat import Chat
from ari_agent.contract.chat_agent import ChatAgent
from ari_agent.contract.chat_list import ChatFilters
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.errors import UnknownAsset
from ari_agent.store.chats import GoesOn
from ari_agent.store.store import Store


def an_agent() -> Agent:
    return Agent.model_validate(
        {
            "agent_id": "agent_1",
            "response_engine": {"type": "custom-llm", "llm_websocket_url": "wss://h/"},
            "voice_id": "v",
            "last_modification_timestamp": 1,
        }
    )


def a_chat(number: int = 1, **changes: Any) -> Chat:
    return Chat.model_validate(
        {
            "chat_id": f"chat_{number}",
            "chat_type": "sms_chat",
            "agent_id": "agent_1",
            "version": 0,
            "chat_status": "ongoing",
            "direction": "inbound",
            "from_number": "+14155550100",
            "to_number": "+14152000001",
            "start_timestamp": 1000 + number,
            "message_with_tool_calls": [{"role": "user", "content": "\0 😀 hi"}],
            **changes,
        }
    )


async def test_what_is_saved_reads_back_and_tells_once(store: Store) -> None:
    event = WebhookEvent("chat_1", WebhookEventName.CHAT_STARTED, "http://127.0.0.1/", b"{}")
    await store.chats.save(a_chat(), [event])
    await store.chats.save(a_chat(), [event])
    assert await store.chats.get("chat_1") == a_chat()
    assert await store.chats.get("chat_2") is None
    assert await store.outbox.depth() == 1


async def test_the_ongoing_chat_of_two_numbers(store: Store) -> None:
    await store.chats.save(a_chat(1, chat_status="ended"))
    await store.chats.save(a_chat(2, direction="outbound", from_number="+14152000001", to_number="+14155550100"))
    found = await store.chats.ongoing_between("+14152000001", ("14155550100", "+14155550100"))
    assert found is not None
    assert found.chat_id == "chat_2"
    assert await store.chats.ongoing_between("+14155550100", ("+14152000001",)) is None


async def test_pages_and_filters(store: Store) -> None:
    for number in range(5):
        await store.chats.save(a_chat(number, chat_status="ended" if number % 2 else "ongoing"))
    first = await store.chats.list(limit=2)
    assert [chat.chat_id for chat in first.chats] == ["chat_4", "chat_3"]
    rest = await store.chats.list(limit=9, pagination_key=first.next_key)
    assert [chat.chat_id for chat in rest.chats] == ["chat_2", "chat_1", "chat_0"]
    assert rest.next_key is None
    ended = ChatFilters.model_validate(
        {
            "chat_status": {"type": "enum", "op": "in", "value": ["ended"]},
            "user_number": {"type": "string", "op": "ew", "value": "0100"},
            "start_timestamp": {"type": "range", "op": "bt", "value": [1000, 1001]},
            "agent": [{"agent_id": "agent_1", "version": [0]}],
        }
    )
    assert [chat.chat_id for chat in (await store.chats.list(ended, ascending=True)).chats] == ["chat_1"]
    assert await store.chats.count(ended) == 1
    with pytest.raises(UnknownAsset):
        await store.chats.list(pagination_key="nonsense")


async def test_deleted_is_gone(store: Store) -> None:
    await store.chats.save(a_chat())
    assert await store.chats.delete("chat_1")
    assert not await store.chats.delete("chat_1")


async def test_silent_chats_are_found(store: Store) -> None:
    await store.chats.save(a_chat(1), goes_on=GoesOn(an_agent(), silence_ms=0))
    await store.chats.save(a_chat(2), goes_on=GoesOn(an_agent(), silence_ms=3_600_000))
    await store.chats.save(a_chat(3, chat_status="ended"), goes_on=GoesOn(an_agent(), silence_ms=0))
    await store.chats.save(a_chat(1, metadata={"by": "the API"}))
    assert [chat.chat_id for chat in await store.chats.fallen_silent()] == ["chat_1"]


@pytest.mark.parametrize("kind", [Agent, ChatAgent])
async def test_a_chat_goes_on_with_its_own_agent(store: Store, kind: type[Agent | ChatAgent]) -> None:
    agent = kind.model_validate({**an_agent().as_record(), "webhook_url": "https://override.example.com"})
    goes_on = GoesOn(agent, {"to": "pjsip:a/sip:b@c", "from_uri": "sip:d@e"}, is_awaited=True)
    await store.chats.save(a_chat(), goes_on=goes_on)
    assert await store.chats.goes_on("chat_1") == goes_on
    assert [chat.chat_id for chat in await store.chats.unanswered()] == ["chat_1"]
    await store.chats.save(a_chat(), goes_on=replace(goes_on, is_awaited=False))
    await store.chats.save(a_chat(metadata={"by": "the API"}))
    assert await store.chats.goes_on("chat_1") == replace(goes_on, is_awaited=False)
    assert await store.chats.unanswered() == []
    assert await store.chats.goes_on("chat_unknown") is None
