"""Chats over the API, with a text agent on its websocket."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.api import chats
from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, StartApi, refused
from tests.api.pens import Pens, chat_service
from tests.fakes.llm_server import LlmServer, LlmTalk, Message, until


async def test_an_agent_that_does_not_answer_in_time_is_504_and_its_answer_is_in_the_chat(
    start_api: StartApi, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "COMPLETION_TIMEOUT_S", 0.2)
    told = asyncio.Event()

    async def slow(talk: LlmTalk, message: Message) -> None:
        await told.wait()
        await talk.respond(message["response_id"], "At last.")

    opening = {"response_id": 0, "content": "", "content_complete": True}
    async with LlmServer() as llms, chat_service(store, Pens(), now_ms=NOW_MS) as service:
        api = await start_api(chats=service)
        agent = {"response_engine": llms.agent(slow, opening=(opening,)).engine}
        agent_id = (await (await api.post("/create-chat-agent", json=agent)).json())["agent_id"]
        chat_id = (await (await api.post("/create-chat", json={"agent_id": agent_id})).json())["chat_id"]
        response = await api.post("/create-chat-completion", json={"chat_id": chat_id, "content": "Hello?"})
        assert f"not answered within 0.2 s; the chat goes on, and GET /get-chat/{chat_id}" in await refused(
            response, 504
        )
        assert response.headers["x-should-retry"] == "false"  # or the vendor's clients would write it again
        told.set()
        await until(lambda: any(len(chat.record.items) > 1 for chat in service.live()))
        await api.patch(f"/end-chat/{chat_id}")  # after everything before it is stored
        chat = await (await api.get(f"/get-chat/{chat_id}")).json()
    assert [(item["role"], item["content"]) for item in chat["message_with_tool_calls"]] == [
        ("user", "Hello?"),
        ("agent", "At last."),
    ]
