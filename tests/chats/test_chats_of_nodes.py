"""A chat whose texts come in at one node and then at another: one of them answers each, and nothing is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.pens import Pens, chat_service
from tests.chats.paper import NOW_MS, USER, a_number, an_agent, bound, text_from, the_chats, written
from tests.chats.test_chat_recovery import looked_after, mute
from tests.fakes.llm_server import LlmServer, echo, until
from tests.store.several_nodes import bury, database_of, joined

pytestmark = pytest.mark.slow


async def test_whichever_node_gets_the_next_text_answers_it_and_leads_the_chat(
    shared_url: str, llms: LlmServer
) -> None:
    here, there = Pens(), Pens()
    async with joined(shared_url) as one, joined(shared_url) as other:
        agent = llms.agent(echo)
        await a_number(one, **bound(await an_agent(one, agent.engine)))
        async with chat_service(one, here, now_ms=NOW_MS) as first, chat_service(other, there, now_ms=NOW_MS) as second:
            first.on_event(text_from(USER, "one"))
            await here.sent_by_now(1)
            second.on_event(text_from(USER, "two"))
            await there.sent_by_now(1)
            first.on_event(text_from(USER, "three"))  # which still remembers the chat as its own
            await here.sent_by_now(2)
            (chat,) = await the_chats(one)
            await second.end(chat.chat_id)
            await until(lambda: not second.live())
        (chat,) = await the_chats(one)
    assert [text for _, text in here.sent] == ["you said one", "you said three"]
    assert [text for _, text in there.sent] == ["you said two"]
    said = [each for text in ("one", "two", "three") for each in (text, f"you said {text}")]
    assert (written(chat), chat.chat_status.value) == (said, "ended")


async def test_what_one_node_is_about_to_answer_another_answers_only_when_that_is_dead(
    shared_url: str, llms: LlmServer
) -> None:
    pens = Pens()
    async with joined(shared_url) as dead, joined(shared_url) as other:
        agent = llms.agent(mute)
        await a_number(dead, **bound(await an_agent(dead, agent.engine)))
        async with chat_service(dead, Pens(), now_ms=NOW_MS) as first:
            first.on_event(text_from(USER, "are you there?"))
            await until(lambda: bool(agent.talks and agent.talks[0].heard))
            agent.script = echo
            async with chat_service(other, pens, now_ms=NOW_MS) as second, looked_after(second):
                await asyncio.sleep(0.1)
                assert (pens.sent, second.live()) == ([], ())
            await bury(other, database_of(dead).node_id or 0)
            async with chat_service(other, pens, now_ms=NOW_MS) as second, looked_after(second):
                await pens.sent_by_now(1)
    assert [text for _, text in pens.sent] == ["you said are you there?"]


async def test_an_answer_to_a_chat_that_another_node_has_taken_meanwhile_is_not_sent(
    shared_url: str, llms: LlmServer
) -> None:
    here, there = Pens(), Pens()
    async with joined(shared_url) as one, joined(shared_url) as other:
        agent = llms.agent(mute)
        await a_number(one, **bound(await an_agent(one, agent.engine)))
        async with chat_service(one, here, now_ms=NOW_MS) as first, chat_service(other, there, now_ms=NOW_MS) as second:
            first.on_event(text_from(USER, "one"))
            await until(lambda: bool(agent.talks and agent.talks[0].heard))
            (asked,) = [each for each in agent.talks[0].heard if each["interaction_type"] == "response_required"]
            agent.script = echo
            second.on_event(text_from(USER, "two"))
            await there.sent_by_now(1)
            await echo(agent.talks[0], asked)
            await until(lambda: not first.live())
        (chat,) = await the_chats(one)
    assert here.sent == []
    assert written(chat) == ["one", "two", "you said two"]
