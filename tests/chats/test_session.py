"""One chat and its agent: agents out of reach, endless ones, and the webhooks that a chat owes."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from ari_agent.chats.notices import Notices
from ari_agent.contract.agent_versions import TagAssign
from ari_agent.contract.chat import ChatCompletionCreate, ChatCreate, ChatStatus, SmsChatCreate
from ari_agent.errors import AsteriskRefused, AsteriskUnreachable, ChatNotOngoing
from ari_agent.routing.dial_policy import DialRefused
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
from tests.fakes.llm_server import LlmServer, LlmTalk, Message, until

pytestmark = pytest.mark.slow

DEAD: Final[dict[str, object]] = {"type": "custom-llm", "llm_websocket_url": "ws://127.0.0.1:9/"}
HOOK = "http://127.0.0.1:9/hook"


async def told(store: Store) -> list[str]:
    """What is in the outbox, in order."""
    names: list[str] = []
    while due := await store.outbox.due(NOW_MS, 100):
        for one in due:
            names.append(one.event.event.value)
            await store.outbox.delivered(one.outbox_id)
    return names


async def ended(store: Store, count: int) -> None:
    """Wait until that many chats are over."""
    for _ in range(1000):
        if sum(chat.chat_status is not ChatStatus.ONGOING for chat in await the_chats(store)) == count:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{count} chats are not over")


async def test_a_user_whose_agent_is_dead_is_told_so_once(store: Store) -> None:
    await a_number(store, **bound(await an_agent(store, DEAD)))
    pens = Pens()
    notices = Notices(failure="Sorry.")
    async with chat_service(store, pens, now_ms=NOW_MS, notices=notices, account_webhook_url=HOOK) as service:
        for count, text in enumerate(("one", "two"), start=1):
            service.on_event(text_from(USER, text))
            await ended(store, count)
    assert [text for _, text in pens.sent] == ["Sorry."]
    first, second = await the_chats(store)
    assert sorted([written(first), written(second)]) == [["one", "Sorry."], ["two"]]
    assert {first.chat_status, second.chat_status} == {ChatStatus.ERROR}
    assert await told(store) == ["chat_started"] * 2 + ["chat_ended"] * 2 + ["chat_analyzed"] * 2


async def test_nobody_is_told_who_has_not_written(store: Store) -> None:
    agent_id = await a_chat_agent(store, DEAD)
    await a_number(store, outbound_sms_agents=[{"agent_id": agent_id, "weight": 1}])
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS, notices=Notices(failure="Sorry.")) as service:
        await service.create_sms_chat(SmsChatCreate(from_number=NUMBER, to_number=USER))
        await ended(store, 1)
        chat = await service.create(ChatCreate(agent_id=agent_id))
        assert chat.chat_status is ChatStatus.ERROR
        with pytest.raises(ChatNotOngoing):
            await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content="hello?"))
    assert pens.sent == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (None, ["chat_started", "chat_ended", "chat_analyzed"]),
        ([], []),
        (["chat_ended", "transcript_updated"], ["chat_ended"]),
    ],
)
async def test_a_chat_agent_is_told_what_it_asked_to_be_told(
    store: Store, llms: LlmServer, events: list[str] | None, expected: list[str]
) -> None:
    async def bye(talk: LlmTalk, message: Message) -> None:
        await talk.respond(message["response_id"], "bye", end_call=True)

    opening = {"response_id": 0, "content": "Hi", "content_complete": True}
    engine = llms.agent(bye, opening=(opening,)).engine
    agent_id = await a_chat_agent(store, engine, webhook_url=HOOK, webhook_events=events)
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        chat = await service.create(ChatCreate(agent_id=agent_id))
        await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content="hello"))
        await ended(store, 1)
    assert await told(store) == expected


async def test_a_text_that_asterisk_refuses_is_not_sent_again(store: Store, llms: LlmServer) -> None:
    class Refusing(Pens):
        tries = 0

        async def send(self, destination: object, body: str) -> None:
            self.tries += 1
            if self.tries == 1:
                raise AsteriskUnreachable("Asterisk", "it starts anew")
            raise AsteriskRefused("PUT", "/endpoints/sendMessage", 400, "no")

    await a_number(store, **bound(await an_agent(store, llms.agent().engine)))
    pens = Refusing()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "hello"))
        await until(lambda: pens.tries == 2)
        (session,) = service.live()
        await service.end(session.chat_id)
    (chat,) = await the_chats(store)
    assert (written(chat), pens.tries) == (["hello"], 2)


async def test_the_record_shows_the_tag_of_the_agents_version(store: Store, llms: LlmServer) -> None:
    agent_id = await a_chat_agent(store, llms.agent().engine, agent_name="Ada")
    tag = TagAssign(tag="prod", version=0)
    await store.agents.assign_tag(agent_id, tag.tag, tag.version)
    agents = [{"agent_id": agent_id, "agent_version": "prod", "weight": 1}]
    await a_number(store, inbound_sms_agents=agents, outbound_sms_agents=agents)
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        chat = await service.create_sms_chat(SmsChatCreate(from_number=NUMBER, to_number=USER))
    assert (chat.agent_tag, chat.agent_name, chat.version) == ("prod", "Ada", 0)


@pytest.mark.parametrize(("to_number", "is_allowed"), [("+14155550100", True), ("+491711234567", False), ("100", True)])
async def test_the_list_of_countries_holds_for_texts(
    store: Store, llms: LlmServer, to_number: str, is_allowed: bool
) -> None:
    agent_id = await a_chat_agent(store, llms.agent().engine)
    agents = [{"agent_id": agent_id, "weight": 1}]
    await a_number(store, outbound_sms_agents=agents, allowed_outbound_country_list=["US"])
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        request = SmsChatCreate(from_number=NUMBER, to_number=to_number)
        if is_allowed:
            assert (await service.create_sms_chat(request)).chat_status is ChatStatus.ONGOING
        else:
            with pytest.raises(DialRefused, match="may not reach"):
                await service.create_sms_chat(request)
            assert await the_chats(store) == []
