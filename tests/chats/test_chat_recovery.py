"""Chats across a restart: one service after another on the same store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ari_agent.chats.chat_service import ChatService
from ari_agent.contract.agent import AgentUpdate
from ari_agent.contract.chat import Chat, ChatStatus, ChatUpdate, SmsChatCreate
from ari_agent.errors import ChatNotOngoing
from ari_agent.store.store import Store
from tests.api.pens import Pens, chat_service
from tests.chats.paper import (
    NOW_MS,
    NUMBER,
    USER,
    a_chat_agent,
    a_number,
    an_agent,
    bound,
    text_from,
    the_chats,
    written,
)
from tests.fakes.llm_server import LlmServer, LlmTalk, Message, echo, until
from tests.fakes.webhook_server import Answer, WebhookServer

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000


class Clock:
    """What the store and the desks read."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    opened = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db", now_ms=lambda: clock.now_ms)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookServer]:
    async with WebhookServer(api_key="key") as server:
        yield server


async def mute(talk: LlmTalk, message: Message) -> None:
    """Say nothing."""


@asynccontextmanager
async def looked_after(service: ChatService) -> AsyncIterator[None]:
    """The service looks after chats of earlier meanwhile."""
    looking = asyncio.create_task(service.run())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_an_answer_that_is_owed_still_comes(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(mute)
    await a_number(store, **bound(await an_agent(store, agent.engine)))
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "are you there?"))
        await until(lambda: bool(agent.talks and agent.talks[0].heard))
    agent.script = echo
    pens = Pens(can_send=False)
    async with chat_service(store, pens, now_ms=NOW_MS) as service, looked_after(service):
        await asyncio.sleep(0.05)
        assert pens.sent == []  # there is no Asterisk yet
        pens.can_send = True
        await pens.sent_by_now(1)
        await until(lambda: bool(service.live()))
    ((destination, text),) = pens.sent
    assert (destination.to, text) == (f"pjsip:carrier/sip:{USER}@192.0.2.7:5060", "you said are you there?")
    async with chat_service(store, pens, now_ms=NOW_MS) as service, looked_after(service):
        service.on_event(text_from(USER, "again"))
        # Closing the store waits for what is being stored; this store stays open.
        for _ in range(6000):
            (chat,) = await the_chats(store)
            if len(written(chat)) == 4:
                break
            await asyncio.sleep(0.01)
    assert written(chat) == ["are you there?", "you said are you there?", "again", "you said again"]


async def test_an_opening_that_is_owed_still_comes(store: Store, llms: LlmServer) -> None:
    agent = llms.agent()
    agent_id = await a_chat_agent(store, agent.engine)
    await a_number(store, outbound_sms_agents=[{"agent_id": agent_id, "weight": 1}])
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        await service.create_sms_chat(SmsChatCreate(from_number=NUMBER, to_number=USER))
        await until(lambda: bool(agent.talks))
    agent.opening = ({"response_id": 0, "content": "Hi", "content_complete": True},)
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service, looked_after(service):
        await pens.sent_by_now(1)
    assert pens.sent[0][0].to == f"pjsip:ari_agent-trunk-14152000001/sip:{USER}@sip.example.com;transport=tcp"


async def test_a_chat_goes_on_with_the_agent_it_began_with(
    store: Store, llms: LlmServer, receiver: WebhookServer
) -> None:
    agent = llms.agent()
    engine = {"type": "custom-llm", "llm_websocket_url": agent.url.rstrip("/") + "?for={{name}}"}
    agent_id = await an_agent(store, {"type": "custom-llm", "llm_websocket_url": "ws://127.0.0.1:9/"})
    answer = {
        "dynamic_variables": {"name": "Bob"},
        "agent_override": {"agent": {"response_engine": engine, "webhook_url": "http://override.example.com/"}},
    }
    hook = receiver.hook(Answer(200, json.dumps({"chat_inbound": answer}).encode()))
    await a_number(store, inbound_sms_webhook_url=hook.url, **bound(agent_id))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "one"))
        await pens.sent_by_now(1)
    await store.agents.update(agent_id, AgentUpdate.model_validate({"agent_name": "Changed"}))
    await store.agents.delete(agent_id)
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "two"))
        await pens.sent_by_now(2)
        (chat,) = await the_chats(store)
        await service.end(chat.chat_id)
    assert [text for _, text in pens.sent] == ["you said one", "you said two"]
    assert len(hook.deliveries) == 1
    assert {talk.path.partition("?")[2] for talk in agent.talks} == {"for=Bob"}
    assert "agent_override" not in json.dumps(chat.as_json())
    told = []
    while due := await store.outbox.due(NOW_MS, 10):
        told += [one.event for one in due]
        for one in due:
            await store.outbox.delivered(one.outbox_id)
    assert [event.event for event in told] == ["chat_started", "chat_ended", "chat_analyzed"]
    assert {event.url for event in told} == {"http://override.example.com/"}


@pytest.mark.parametrize("last_words", ["Bye {{name}}.", None])
async def test_a_chat_that_fell_silent_ends_after_the_restart(
    store: Store, llms: LlmServer, clock: Clock, last_words: str | None
) -> None:
    agent_id = await a_chat_agent(
        store, llms.agent().engine, end_chat_after_silence_ms=2 * HOUR_MS, auto_close_message=last_words
    )
    await a_number(store, **bound(agent_id))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "hello"))
        await pens.sent_by_now(1)
        (chat,) = await the_chats(store)
        await service.update(chat.chat_id, ChatUpdate(override_dynamic_variables={"name": "Bob"}))
    clock.now_ms += HOUR_MS
    async with chat_service(store, pens, now_ms=clock.now_ms) as service, looked_after(service):
        await asyncio.sleep(0.05)
        assert (await the_chats(store))[0].chat_status is ChatStatus.ONGOING
    clock.now_ms += HOUR_MS
    async with chat_service(store, pens, now_ms=clock.now_ms) as service, looked_after(service):
        for _ in range(500):
            if (await the_chats(store))[0].chat_status is not ChatStatus.ONGOING:
                break
            await asyncio.sleep(0.01)
        with pytest.raises(ChatNotOngoing):
            await service.end(chat.chat_id)
    assert [text for _, text in pens.sent[1:]] == (["Bye Bob."] if last_words else [])
    assert (await the_chats(store))[0].chat_status is ChatStatus.ENDED


async def test_a_chat_is_ended_and_taken_up_by_one_at_a_time(store: Store, llms: LlmServer) -> None:
    await a_number(store, **bound(await an_agent(store, llms.agent().engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "hello"))
        await pens.sent_by_now(1)
    (chat,) = await the_chats(store)
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "more"))
        wishes: list[Any] = []
        for _ in range(3):
            wishes += service.end(chat.chat_id), service.update(chat.chat_id, ChatUpdate(metadata={"k": "v"}))
        results: list[Any] = await asyncio.gather(*wishes, return_exceptions=True)
        assert all(isinstance(result, Chat | ChatNotOngoing | None) for result in results)
        service.on_event(text_from(USER, "after"))
        await until(lambda: "you said after" in [text for _, text in pens.sent])
        found = await store.chats.get(chat.chat_id)
        assert found is not None
        assert (found.chat_status, found.metadata) == (ChatStatus.ENDED, {"k": "v"})
        await service.delete(chat.chat_id)
    assert await store.chats.get(chat.chat_id) is None
