"""Who answers a text that begins a chat, and why nobody does: a real store and a real webhook."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import pytest

from ari_agent.asterisk.messages import IncomingMessage, MessageDestination
from ari_agent.chats.chat_router import ChatRefused, ChatRouter
from ari_agent.contract.chat import Chat
from ari_agent.errors import UnknownAgent, UnservedAgent
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook
from tests.api.pens import Pens, chat_service
from tests.chats.paper import NOW_MS, NUMBER, USER, a_chat_agent, a_number, an_agent, text_from, the_chats
from tests.fakes.llm_server import until
from tests.fakes.webhook_server import Answer, WebhookServer

AUDIO: Final[dict[str, object]] = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/audio"}
TEXT: Final[dict[str, object]] = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}


@dataclass
class Entrance:
    """A router, and what is behind it."""

    router: ChatRouter
    store: Store
    webhooks: WebhookServer

    async def number(self, agent_id: str | None, *, version: int | str | None = None, **says: Any) -> None:
        """Register the number. says: what its webhook answers, if anything."""
        bound = [{"agent_id": agent_id, "agent_version": version, "weight": 1}] if agent_id else None
        hook = self.webhooks.hook(Answer(200, json.dumps({"chat_inbound": says}).encode())) if says else None
        await a_number(self.store, inbound_sms_agents=bound, inbound_sms_webhook_url=hook.url if hook else None)

    async def text(self, to_number: str = NUMBER) -> Chat:
        """A user writes."""
        message = IncomingMessage(USER, to_number, "hello", MessageDestination("pjsip:carrier/sip:u@h", "sip:n@h"))
        chat, agent = await self.router.receive(message, await self.router.number_of(message), "chat_1")
        assert (chat.agent_id, chat.version) == (agent.agent_id, agent.version)
        return chat


@pytest.fixture
async def entrance(store: Store) -> AsyncIterator[Entrance]:
    async with aiohttp.ClientSession() as http, WebhookServer(api_key="key") as webhooks:
        inbound_webhook = InboundWebhook(http, "key", now_ms=lambda: NOW_MS)
        router = ChatRouter(store=store, inbound_webhook=inbound_webhook, dice=lambda: 0.0, now_ms=lambda: NOW_MS)
        yield Entrance(router, store, webhooks)


async def test_the_chat_has_all_that_is_known_when_it_begins(entrance: Entrance) -> None:
    agent_id = await a_chat_agent(entrance.store, TEXT, agent_name="Ada")
    override = {"agent": {"agent_name": "Ada, for once"}}
    await entrance.number(agent_id, dynamic_variables={"name": "Bob"}, metadata={"id": 7}, agent_override=override)
    chat = await entrance.text()
    assert (chat.chat_id, chat.agent_id, chat.agent_name) == ("chat_1", agent_id, "Ada, for once")
    assert (chat.from_number, chat.to_number, chat.direction, chat.chat_type) == (USER, NUMBER, "inbound", "sms_chat")
    assert (chat.retell_llm_dynamic_variables, chat.metadata) == ({"name": "Bob"}, {"id": 7})


async def test_weights_that_are_empty_refuse_the_text(entrance: Entrance) -> None:
    await entrance.number(None)
    with pytest.raises(ChatRefused, match=r"^no agent is bound to the dialled number$"):
        await entrance.text()


@pytest.mark.parametrize(("version", "named"), [(None, ""), (7, " version 7"), ("no-such-tag", " version no-such-tag")])
async def test_an_unknown_agent_or_version_refuses_the_text(
    entrance: Entrance, version: int | str | None, named: str
) -> None:
    agent_id = "agent_none" if version is None else await a_chat_agent(entrance.store, TEXT)
    await entrance.number(agent_id, version=version)
    with pytest.raises(UnknownAgent) as refused:
        await entrance.text()
    assert str(refused.value) == f"agent {agent_id}{named} not found"


async def test_an_agent_that_writes_no_text_refuses_the_text(entrance: Entrance) -> None:
    agent_id = await an_agent(entrance.store, AUDIO)
    await entrance.number(agent_id)
    with pytest.raises(UnservedAgent) as refused:
        await entrance.text()
    assert str(refused.value) == (
        f"agent {agent_id} has a response_engine of type audio-websocket, which writes no text; use custom-llm"
    )


async def test_an_override_decides_which_kind_of_agent_answers(entrance: Entrance) -> None:
    agent_id = await an_agent(entrance.store, AUDIO)
    await entrance.number(agent_id, agent_override={"agent": {"response_engine": TEXT}})
    assert (await entrance.text()).agent_id == agent_id


@pytest.mark.parametrize("agent_id", ["agent_none", None])
async def test_the_log_says_why_and_there_is_no_record(
    store: Store, caplog: pytest.LogCaptureFixture, agent_id: str | None
) -> None:
    answering = agent_id or await an_agent(store, AUDIO)
    await a_number(store, inbound_sms_agents=[{"agent_id": answering, "weight": 1}])
    why = "agent agent_none not found" if agent_id else f"agent {answering} has a response_engine of type audio"
    with caplog.at_level(logging.WARNING):
        async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
            service.on_event(text_from(USER, "hello"))
            await until(lambda: f"text message is not answered: {why}" in caplog.text)
    assert await the_chats(store) == []


async def test_a_number_that_is_spelt_otherwise_is_found_too(entrance: Entrance) -> None:
    await entrance.number(await a_chat_agent(entrance.store, TEXT))
    chat = await entrance.text(NUMBER.removeprefix("+1"))
    assert chat.to_number == NUMBER
