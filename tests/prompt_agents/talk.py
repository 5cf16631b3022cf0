"""A conversation with a prompt agent whose model does as a script says, and a customer's server for its tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ari_agent.agents.llm import LlmAgentConfig, LlmResponse
from ari_agent.agents.llm_connection import LlmDisconnected, LlmEvent
from ari_agent.agents.text_agent import TextAgent
from ari_agent.contract.conversation_flow import ConversationFlow, FlowCreate
from ari_agent.contract.response_engine import ConversationFlowEngine, RetellLlmEngine
from ari_agent.contract.retell_llm import LlmCreate, RetellLlm
from ari_agent.http_client import http_client
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.model import ModelStep, TokensUsed
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from tests.fakes.chat_model_server import Answer, ChatModelServer
from tests.fakes.llm_server import until

NOW_MS = 1_700_000_000_000
ENGINE = RetellLlmEngine(type="retell-llm", llm_id="llm_1")
FLOW = ConversationFlowEngine(type="conversation-flow", conversation_flow_id="flow_1")
USER = [{"role": "user", "content": "Hello?"}]


class Talk:
    """One conversation with a prompt agent, and what it has said and done."""

    def __init__(
        self,
        shared: PromptAgents,
        about: Conversation,
        agent: TextAgent,
        server: ChatModelServer,
        events: list[LlmEvent],
    ) -> None:
        self.shared, self.about, self.agent, self.server, self.events = shared, about, agent, server, events
        self.used, self.steps = list[TokensUsed](), list[ModelStep]()
        self.collected: dict[str, str] = {}

    async def asks(self, response_id: int = 1, items: list[dict[str, Any]] | None = None, **more: Any) -> LlmResponse:
        """Ask, and return the end of the answer."""
        self.agent.ask(response_id, USER, items or USER, **more)
        return await self.end(response_id)

    async def end(self, response_id: int) -> LlmResponse:
        found: list[LlmResponse] = []

        def is_there() -> bool:
            found[:] = [e for e in self.of(LlmResponse) if e.response_id == response_id and e.content_complete]
            return bool(found) or bool(self.of(LlmDisconnected))

        await until(is_there)
        assert found, self.events
        return found[0]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def said(self, response_id: int) -> str:
        return "".join(event.content for event in self.of(LlmResponse) if event.response_id == response_id)

    def prompt(self, request: int = -1) -> str:
        """The system message of a request."""
        return str(self.server.asked[request]["messages"][0]["content"])


@asynccontextmanager
async def talk(
    *script: Answer,
    engine: RetellLlmEngine | ConversationFlowEngine = ENGINE,
    variables: Mapping[str, str] | None = None,
    is_spoken: bool = True,
    **settings: Any,
) -> AsyncIterator[Talk]:
    if isinstance(engine, RetellLlmEngine):
        llm, flow = RetellLlm.made(LlmCreate.model_validate(settings), "llm_1", now_ms=NOW_MS), None
    else:
        llm, flow = None, ConversationFlow.made(FlowCreate.model_validate(settings), "flow_1", now_ms=NOW_MS)

    async def find(llm_id: str, version: int | None) -> RetellLlm | None:
        return llm if (llm_id, version) == ("llm_1", None) else None

    async def find_flow(flow_id: str, version: int | None) -> ConversationFlow | None:
        return flow if (flow_id, version) == ("flow_1", None) else None

    events: list[LlmEvent] = []
    async with ChatModelServer(*script) as server, http_client() as http:
        model = ChatModel(ModelServer("small", server.url, first_piece_s=20, stall_s=20))
        functions = CustomFunctions(http, "key", lambda: NOW_MS)
        shared = PromptAgents(model, functions, find, find_flow)
        used, steps, collected = list[TokensUsed](), list[ModelStep](), dict[str, str]()
        about = Conversation(
            "call_1",
            lambda: variables or {},
            lambda: {"call_id": "call_1"},
            is_spoken,
            LlmAgentConfig(reminder_trigger_ms=10_000.0, reminder_max_count=1),
            used.append,
            collected.update,
            steps.append,
        )
        agent = shared.agent(engine, about, events.append)
        try:
            one = Talk(shared, about, agent, server, events)
            one.used, one.steps, one.collected = used, steps, collected
            yield one
        finally:
            await agent.close()
            await functions.close()
            await model.close()


class Shop:
    """A customer's server."""

    def __init__(self) -> None:
        self.asked: list[tuple[web.Request, bytes]] = []
        self.answers: list[Callable[[], web.Response]] = []
        self.holds = asyncio.Event()
        self.holds.set()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request, await request.read()))
        await self.holds.wait()
        return self.answers.pop(0)() if self.answers else web.json_response({"stock": [{"left": 3}]})


@asynccontextmanager
async def open_shop() -> AsyncIterator[tuple[Shop, str]]:
    made = Shop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def shop() -> AsyncIterator[tuple[Shop, str]]:
    async with open_shop() as opened:
        yield opened


def custom(url: str, **more: Any) -> dict[str, Any]:
    about = {"type": "object", "properties": {"item": {"type": "string"}}}
    return {"type": "custom", "name": "stock", "url": f"{url}/stock/{{{{shop}}}}", "parameters": about, **more}
