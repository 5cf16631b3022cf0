"""Agents with a prompt in text messages and chats over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ari_agent.chats.chat_service import ChatService
from ari_agent.contract.chat import ChatCompletionCreate, ChatCreate, ChatNodeTransition, ChatStatus
from ari_agent.contract.conversation_flow import FlowCreate
from ari_agent.contract.retell_llm import LlmCreate
from ari_agent.http_client import http_client
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.store.store import Store
from tests.api.pens import Pens, chat_service
from tests.chats.paper import NOW_MS, USER, a_chat_agent, a_number, an_agent, bound, text_from, the_chats, written
from tests.chats.test_session import ended
from tests.fakes.chat_model_server import Answer, ChatModelServer, Reply
from tests.prompt_agents.test_flow_state import edge, say

pytestmark = pytest.mark.slow

END = {"type": "end_call", "name": "bye"}


@asynccontextmanager
async def house(store: Store, *script: Answer) -> AsyncIterator[tuple[ChatService, ChatModelServer, Pens]]:
    """A service of chats whose prompts are answered so."""
    pens = Pens()
    async with ChatModelServer(*script) as server, http_client() as http:
        model = ChatModel(ModelServer("small", server.url))
        prompts = PromptAgents(
            model, CustomFunctions(http, "key", lambda: NOW_MS), store.retell_llms.get, store.conversation_flows.get
        )
        async with chat_service(store, pens, now_ms=NOW_MS, prompts=prompts) as service:
            yield service, server, pens
        await model.close()


async def an_engine(store: Store, **settings: Any) -> dict[str, object]:
    llm = await store.retell_llms.create(
        LlmCreate.model_validate({"general_prompt": "Help {{user_number}}.", **settings})
    )
    return {"type": "retell-llm", "llm_id": llm.llm_id}


def told(asked: Mapping[str, Any]) -> list[str]:
    return [message["content"] for message in asked["messages"]]


async def test_texts_are_answered_by_a_prompt_until_it_ends_the_chat(store: Store) -> None:
    engine = await an_engine(store, general_tools=[END], begin_message="Never sent to who writes first.")
    await a_number(store, **bound(await an_agent(store, engine)))
    async with house(store, Reply(["Seven", " o'clock."]), Reply(["Bye."], [("bye", "{}")])) as (service, server, pens):
        service.on_event(text_from(USER, "When?"))
        await pens.sent_by_now(1)
        service.on_event(text_from(USER, "Thanks."))
        await ended(store, 1)
    assert [text for _, text in pens.sent] == ["Seven o'clock.", "Bye."]
    assert told(server.asked[1]) == [f"Help {USER}.", "When?", "Seven o'clock.", "Thanks."]
    (chat,) = await the_chats(store)
    assert (chat.chat_status, written(chat)) == (ChatStatus.ENDED, ["When?", "Seven o'clock.", "Thanks.", "Bye."])


async def test_a_chat_over_the_api_is_answered_by_a_prompt(store: Store) -> None:
    agent_id = await a_chat_agent(store, await an_engine(store, begin_message="Hi."))
    async with house(store, Reply(["Of course."])) as (service, server, _):
        chat = await service.create(ChatCreate(agent_id=agent_id))
        answer = await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content="Help?"))
        assert [getattr(item, "content", "") for item in answer] == ["Of course."]
        assert told(server.asked[0])[-1] == "Help?"


async def test_a_chat_over_the_api_goes_through_a_flow(store: Store) -> None:
    """It says two nodes' words before the user writes, and keeps its path and what it has found."""
    extract = {
        "id": "note",
        "type": "extract_dynamic_variables",
        "variables": [{"type": "string", "name": "city", "description": "where"}],
        "else_edge": edge("thanks", "Else"),
    }
    nodes = [
        say("hello", skip_response_edge=edge("where", "Skip response")),
        say("where", always_edge=edge("note", "Always")),
        extract,
        say("thanks"),
    ]
    flow = await store.conversation_flows.create(FlowCreate.model_validate({"nodes": nodes}))
    engine: dict[str, object] = {"type": "conversation-flow", "conversation_flow_id": flow.conversation_flow_id}
    agent_id = await a_chat_agent(store, engine)
    async with house(store, Reply(calls=[("extract_dynamic_variables", '{"city": "Rome"}')])) as (service, _, _):
        chat = await service.create(ChatCreate(agent_id=agent_id))
        await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content="Rome"))
    (stored,) = await the_chats(store)
    assert written(stored) == ["hello", "where", "Rome", "thanks"]
    assert stored.collected_dynamic_variables == {"city": "Rome"}
    moves = [item for item in stored.message_with_tool_calls or () if isinstance(item, ChatNodeTransition)]
    assert [move.new_node_id for move in moves] == ["where", "note", "thanks"]


async def test_a_flow_goes_on_after_each_restart_with_what_it_has_found(store: Store) -> None:
    city = {"type": "string", "name": "city", "description": "where"}
    nodes = [
        say("hello", always_edge=edge("note", "Always")),
        {
            "id": "note",
            "type": "extract_dynamic_variables",
            "variables": [city],
            "else_edge": edge("street", "Else"),
        },
        say("street", always_edge=edge("bye", "Always")),
        {**say("bye"), "instruction": {"type": "static_text", "text": "To {{city}}."}},
    ]
    flow = await store.conversation_flows.create(FlowCreate.model_validate({"nodes": nodes}))
    engine: dict[str, object] = {"type": "conversation-flow", "conversation_flow_id": flow.conversation_flow_id}
    agent_id = await a_chat_agent(store, engine)
    async with house(store, Reply(status=400)) as (service, _, _):
        chat_id = (await service.create(ChatCreate(agent_id=agent_id))).chat_id
    async with house(store, Reply(calls=[("extract_dynamic_variables", '{"city": "Rome"}')])) as (service, _, _):
        await service.complete(ChatCompletionCreate(chat_id=chat_id, content="Rome"))
    async with house(store, Reply(status=400)) as (service, _, _):
        await service.complete(ChatCompletionCreate(chat_id=chat_id, content="Via Appia"))
    (stored,) = await the_chats(store)
    assert written(stored) == ["hello", "Rome", "street", "Via Appia", "To Rome."]


async def test_a_model_that_fails_ends_the_chat_as_an_error(store: Store) -> None:
    await a_number(store, **bound(await an_agent(store, await an_engine(store))))
    async with house(store, Reply(status=400)) as (service, _, _):
        service.on_event(text_from(USER, "When?"))
        await ended(store, 1)
    (chat,) = await the_chats(store)
    assert chat.chat_status is ChatStatus.ERROR
