"""examples/text_agent.py led by the product over its own websocket, in a chat: the protocol is that of calls."""

from __future__ import annotations

import re

from ari_agent.contract.chat import ChatCompletionCreate, ChatCreate, ChatMessage
from ari_agent.contract.chat_agent import ChatAgentCreate
from ari_agent.store.store import Store
from tests.api.pens import Pens, chat_service
from tests.api.web_house import NOW_MS
from tests.examples.running import example
from tests.fakes.llm_server import until


async def test_it_greets_answers_and_says_goodbye(store: Store) -> None:
    async with example("text_agent.py") as (port, _), chat_service(store, Pens(), now_ms=NOW_MS) as service:
        engine = {"type": "custom-llm", "llm_websocket_url": f"ws://127.0.0.1:{port}"}
        agent = await store.agents.create(ChatAgentCreate.model_validate({"response_engine": engine}))
        chat = await service.create(ChatCreate(agent_id=agent.agent_id))

        async def answer_to(content: str) -> str:
            said = await service.complete(ChatCompletionCreate(chat_id=chat.chat_id, content=content))
            return " ".join(message.content for message in said if isinstance(message, ChatMessage))

        assert (chat.transcript or "").strip() == "Agent: Hello, how can I help you?"
        assert await answer_to("I like trains") == "You said: I like trains"
        assert re.fullmatch(r"It is \d\d:\d\d\.", await answer_to("What time is it?"))
        assert await answer_to("Goodbye then") == "Goodbye."
        await until(lambda: not service.live())
        stored = await store.chats.get(chat.chat_id)
    assert stored and stored.chat_status == "ended"
