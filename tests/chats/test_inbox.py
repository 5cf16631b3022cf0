"""Texts that come in: order, strangers, what is refused, what is told to senders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ari_agent.asterisk.messages import MessageDestination
from ari_agent.chats import live_chats as live
from ari_agent.chats.inbox import MOST_WAITING_MESSAGES
from ari_agent.chats.notices import Notices
from ari_agent.contract.chat import ChatCreate
from ari_agent.contract.phone_number import PhoneNumberUpdate
from ari_agent.errors import ChatNotStarted
from ari_agent.store.store import Store
from tests.api.pens import Pens, chat_service
from tests.chats.paper import NOW_MS, NUMBER, USER, a_number, an_agent, bound, text_from, the_chats, written
from tests.fakes.llm_server import LlmServer, LlmTalk, Message, until

pytestmark = pytest.mark.slow


async def answer_each(talk: LlmTalk, message: Message) -> None:
    """Say how many texts the user has written, and the last of them."""
    if message["interaction_type"] == "response_required":
        wrote = [item["content"] for item in message["transcript"] if item["role"] == "user"]
        await talk.respond(message["response_id"], f"{len(wrote)}: {wrote[-1]}")


async def test_texts_at_once_stay_in_order_and_users_do_not_mix(store: Store, llms: LlmServer) -> None:
    await a_number(store, **bound(await an_agent(store, llms.agent(answer_each).engine)))
    users = [f"+1415555{number:04d}" for number in range(20)]
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        for number in range(10):
            for user in users:
                service.on_event(text_from(user, f"{user} says {number}"))
        last = {f"10: {user} says 9" for user in users}
        await until(lambda: last <= {text for _, text in pens.sent})
    for chat in await the_chats(store):
        sender = str(chat.from_number)
        own = [text for text in written(chat) if ":" not in text]
        assert own == [f"{sender} says {number}" for number in range(10)]
        assert all(sender in text for text in written(chat))
    assert len(await the_chats(store)) == len(users)
    for destination, text in pens.sent:
        assert destination.to == f"pjsip:carrier/sip:{text.split()[1]}@192.0.2.7:5060"


async def test_of_a_flood_of_texts_only_some_wait_for_a_chat(store: Store, llms: LlmServer) -> None:
    await a_number(store, **bound(await an_agent(store, llms.agent(answer_each).engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "first"))
        await pens.sent_by_now(1)
        for number in range(3 * MOST_WAITING_MESSAGES):  # in one turn of the loop: the chat takes up none meanwhile
            service.on_event(text_from(USER, str(number)))
        last = f"{MOST_WAITING_MESSAGES + 1}: {MOST_WAITING_MESSAGES - 1}"
        await until(lambda: last in [text for _, text in pens.sent])
        service.on_event(text_from(USER, "later"))
        await until(lambda: f"{MOST_WAITING_MESSAGES + 2}: later" in [text for _, text in pens.sent])


async def test_spellings_of_a_number_are_one_user(store: Store, llms: LlmServer) -> None:
    await a_number(store, **bound(await an_agent(store, llms.agent(answer_each).engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        for index, user in enumerate((USER, USER.removeprefix("+"), USER.replace("+", "00"))):
            service.on_event(text_from(user, user))
            await pens.sent_by_now(index + 1)
    assert len(await the_chats(store)) == 1


@pytest.mark.parametrize("body", ["", "  \r\n "])
async def test_an_empty_text_is_no_text(store: Store, llms: LlmServer, body: str) -> None:
    agent = llms.agent(answer_each)
    await a_number(store, **bound(await an_agent(store, agent.engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, body))
        service.on_event(text_from(USER, "hello"))
        await until(lambda: bool(pens.sent))
    assert [text for _, text in pens.sent] == ["1: hello"]


@pytest.mark.parametrize(
    ("allowed", "user", "is_answered"),
    [(["US"], USER, True), (["DE", "CA"], USER, False), (["US"], "reception", False), ([], "reception", True)],
)
async def test_the_list_of_countries_holds_for_texts(
    store: Store, llms: LlmServer, allowed: list[str], user: str, is_answered: bool
) -> None:
    agent = llms.agent(answer_each)
    await a_number(store, allowed_inbound_country_list=allowed, **bound(await an_agent(store, agent.engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(user, "hello"))
        service.on_event(text_from(user, "x", size=2000))
        for _ in range(100):
            await asyncio.sleep(0.005)
            if pens.sent:
                break
    assert bool(pens.sent) is is_answered
    assert len(await the_chats(store)) == is_answered


async def test_who_writes_too_much_is_told_so_once(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(answer_each)
    await a_number(store, **bound(await an_agent(store, agent.engine)))
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS, notices=Notices(too_long="Too long.")) as service:
        service.on_event(text_from(USER, "", size=1500))
        await until(lambda: len(pens.sent) == 1)
        service.on_event(text_from(USER, "", size=1500))
        service.on_event(text_from(USER, "short"))
        await until(lambda: len(pens.sent) == 2)
    assert [text for _, text in pens.sent] == ["Too long.", "1: short"]
    (chat,) = await the_chats(store)
    assert written(chat) == ["short", "1: short"]


@dataclass
class Pestered(Pens):
    """A user writes again while the answer is on its way to them."""

    again: list[Callable[[], None]] = field(default_factory=list)

    async def send(self, destination: MessageDestination, body: str) -> None:
        """Write down a message, and answer the first."""
        await super().send(destination, body)
        for write in self.again:
            write()
        self.again.clear()


async def test_a_text_in_the_moment_of_the_end_begins_the_next_chat(store: Store, llms: LlmServer) -> None:
    async def bye(talk: LlmTalk, message: Message) -> None:
        await talk.respond(message["response_id"], "bye", end_call=True)

    await a_number(store, **bound(await an_agent(store, llms.agent(bye).engine)))
    pens = Pestered()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        pens.again.append(lambda: service.on_event(text_from(USER, "wait")))
        service.on_event(text_from(USER, "hello"))
        await until(lambda: len(pens.sent) == 2)
        await until(lambda: not service.live())
    assert sorted(tuple(written(chat)) for chat in await the_chats(store)) == [("hello", "bye"), ("wait", "bye")]


async def test_a_sender_who_is_refused_is_judged_again(store: Store, llms: LlmServer) -> None:
    await a_number(store)
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "anybody?"))
        await asyncio.sleep(0.05)
        agent_id = await an_agent(store, llms.agent(answer_each).engine)
        await store.phone_numbers.update(NUMBER, PhoneNumberUpdate.model_validate(bound(agent_id)))
        service.on_event(text_from(USER, "now?"))
        await until(lambda: bool(pens.sent))
    assert [text for _, text in pens.sent] == ["1: now?"]


async def test_a_chat_that_waits_makes_room_for_another_and_goes_on_later(
    store: Store, llms: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_CHATS", 2)
    agent = llms.agent(answer_each)
    await a_number(store, **bound(await an_agent(store, agent.engine)))
    users = [f"+1415555{number:04d}" for number in range(4)]
    pens = Pens()
    async with chat_service(store, pens, now_ms=NOW_MS) as service:
        for index, user in enumerate([*users, *users]):
            service.on_event(text_from(user, user))
            await pens.sent_by_now(index + 1)
            await until(lambda: all(session.is_idle for session in service.live()))
            assert len(service.live()) <= 2
    assert [text for _, text in pens.sent] == [f"{count}: {user}" for count in (1, 2) for user in users]
    assert {len(written(chat)) for chat in await the_chats(store)} == {4}
    assert len(agent.talks) == 8


async def test_chats_that_are_being_answered_make_no_room(
    store: Store, llms: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def thinks(talk: LlmTalk, message: Message) -> None:
        pass

    monkeypatch.setattr(live, "MOST_CHATS", 1)
    agent = llms.agent(thinks)
    await a_number(store, **bound(await an_agent(store, agent.engine)))
    async with chat_service(store, Pens(), now_ms=NOW_MS) as service:
        service.on_event(text_from(USER, "one"))
        service.on_event(text_from("+14155550111", "two"))
        await until(lambda: bool(agent.talks and agent.talks[0].heard))
        service.on_event(text_from("+14155550112", "three"))
        with pytest.raises(ChatNotStarted, match="too many agents"):
            await service.create(ChatCreate(agent_id=await an_agent(store, agent.engine)))
    assert [chat.from_number for chat in await the_chats(store)] == [USER]
