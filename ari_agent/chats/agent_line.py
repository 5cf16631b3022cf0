"""A chat's agent: asked over a line that is dialled when there is something to say.

A line that was lost while the agent had something to say is dialled again and the agent is asked again, REDIALS times
in a row; lost at any other time, it is dialled with the next question.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ari_agent.agents import llm
from ari_agent.agents.llm import LlmInterrupt, LlmResponse
from ari_agent.agents.llm_connection import CHAT_POLICY, LlmConnection, LlmEvent
from ari_agent.agents.llm_requests import OPENING
from ari_agent.agents.text_agent import TextAgent
from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.exchange import AgentText, Exchange
from ari_agent.chats.record import ChatRecord
from ari_agent.contract.response_engine import ConversationFlowEngine, CustomLlmEngine, ResponseEngine, RetellLlmEngine
from ari_agent.errors import AgentLost, AgentUnreachable
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.routing.variables import render_url

log = logging.getLogger(__name__)

REDIALS: Final = 2


class AgentLine:
    """The line to the agent of one chat. on_event: called with what the agent says and does, and with its end."""

    def __init__(
        self,
        services: ChatDependencies,
        record: ChatRecord,
        engine: ResponseEngine,
        *,
        on_event: Callable[[LlmEvent], None],
    ) -> None:
        self._services = services
        self._record = record
        self._engine = engine
        self._on_event = on_event
        self._exchange = Exchange()
        self._line: TextAgent | None = None
        self._lost_in_a_row = 0

    @property
    def is_awaited(self) -> bool:
        """Whether the agent has still something to say."""
        return self._exchange.requests.open_id is not None

    async def open(self) -> None:
        """Let the agent begin.

        Raises:
            AgentError: it cannot be reached.
        """
        self._exchange.requests.await_opening()
        await self._dial()

    async def ask(self) -> None:
        """Ask for an answer to what the user wrote; what was asked before is of no interest any more.

        Raises:
            AgentError: it cannot be reached, or is always lost.
        """
        self._lost_in_a_row = 0
        await self._ask()

    def take(self, message: LlmResponse | LlmInterrupt) -> AgentText | None:
        """Take a piece of what the agent says; returns the whole once it is complete, None before."""
        said = self._exchange.take(message)
        if said:
            self._lost_in_a_row = 0
        return said

    async def lost(self, error: AgentLost) -> None:
        """Take note that the line is gone; dial again at once only if the agent had still something to say.

        Raises:
            AgentError: it was lost more than REDIALS times in a row.
        """
        asked = self._exchange.requests.open_id
        if asked is None or (self._line and self._line.is_open):
            return
        self._lost_in_a_row += 1
        if self._lost_in_a_row > REDIALS:
            raise error
        log.info("text agent lost: %s; dialling again", error, extra={"chat_id": self._record.chat.chat_id})
        if asked == OPENING:
            await self.open()
        else:
            await self._ask()

    async def close(self) -> None:
        """Close the line. Idempotent."""
        if self._line:
            await self._line.close()

    async def _ask(self) -> None:
        line = await self._dial()
        response_id = self._exchange.requests.ask()
        tools = self._record.with_tool_calls() if line.wants_tool_calls else None
        line.ask(response_id, self._record.transcript(), tools)

    async def _dial(self) -> TextAgent:
        if self._line is None:
            self._line = self._agent()
        await self._line.open()
        return self._line

    def _agent(self) -> TextAgent:
        services, chat = self._services, self._record.chat
        match self._engine:
            case CustomLlmEngine() as engine:
                return LlmConnection(
                    services.http,
                    self._url(engine),
                    replace(CHAT_POLICY, retry_after_s=services.retry_after_s),
                    details=self._details,
                    on_event=self._on_event,
                    now_ms=services.now_ms,
                )
            case (RetellLlmEngine() | ConversationFlowEngine()) as engine if services.prompts:
                about = Conversation(
                    chat.chat_id,
                    variables=lambda: self._record.variables(services.now_ms()),
                    details=self._details,
                    is_spoken=False,
                    collect=self._record.collected,
                    found=chat.collected_dynamic_variables or {},
                )
                return services.prompts.agent(engine, about, self._on_event)
            case engine:
                raise AgentUnreachable(engine.type, "such an agent writes no text here")

    def _url(self, engine: CustomLlmEngine) -> str:
        configured = render_url(engine.llm_websocket_url, self._record.variables(self._services.now_ms()))
        try:
            return llm.llm_url(configured, self._record.chat.chat_id)
        except ValueError as error:
            raise AgentUnreachable("the agent's URL", str(error)) from None

    def _details(self) -> Mapping[str, object]:
        """Return the chat as servers that know calls look for it: under the names of the call object too."""
        chat = self._record.chat
        return {**chat.as_json(), "call_id": chat.chat_id, "call_type": chat.chat_type.value}
