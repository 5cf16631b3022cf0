"""One chat from its first message to its end: a queue of what happens, and one task that takes it from there.

The user's text is recorded and the agent asked; the agent's text, once complete, is sent and recorded. A line to the
agent that was lost while it had something to say is dialled again and it is asked again, REDIALS times in a row; lost
at any other time it is dialled with the next message. The chat ends when the agent says so or hangs up, when the API
says so, or when nobody wrote for `idle_s`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import quote

import aiohttp

from ari_agent.agents import llm
from ari_agent.agents.llm import LlmInterrupt, LlmOther, LlmResponse, LlmToolInvocation, LlmToolResult
from ari_agent.asterisk.messages import MessageDestination, parts
from ari_agent.calls.variables import render
from ari_agent.chats.agent_line import AgentGone, AgentLine
from ari_agent.chats.conversation import OPENING, Conversation
from ari_agent.chats.record import ChatRecord
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat import Chat, ChatItem, ChatMessage, ChatStatus, ChatUpdate
from ari_agent.contract.response_engine import CustomLlmEngine
from ari_agent.errors import AgentError, AgentLost, AgentUnreachable, AsteriskError, ChatNotOngoing, StoreError
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

REDIALS: Final = 2
SEND_AGAIN_AFTER_S: Final = (0.5, 2.0, 5.0)
"""Pauses between attempts to hand a message to an Asterisk that does not answer."""
SAVE_AGAIN_AFTER_S: Final = (0.1, 0.5, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class UserWrote:
    """answer_to: where answers to it go; None in a chat over the API. answered: gets what the agent wrote."""

    text: str
    answer_to: MessageDestination | None = None
    answered: asyncio.Future[tuple[ChatItem, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The agent is to write first. answered: as in UserWrote."""

    answered: asyncio.Future[tuple[ChatItem, ...]] | None = None


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The API ends the chat."""


@dataclass(frozen=True, slots=True)
class ChatServices:
    """What every chat needs. send: hands a SIP MESSAGE to Asterisk. new_message_id: unique.

    idle_s: how long a chat waits for the next message. retry_after_s: between attempts to dial an agent.
    """

    store: Store
    http: aiohttp.ClientSession
    send: Callable[[MessageDestination, str], Awaitable[None]]
    now_ms: Callable[[], int]
    new_message_id: Callable[[], str]
    account_webhook_url: str | None
    idle_s: float = 3600.0
    retry_after_s: float = 3.0


class ChatSession:
    """A chat whose agent is known and whose record exists. destination: where the agent's texts go."""

    def __init__(
        self, services: ChatServices, chat: Chat, agent: Agent, *, destination: MessageDestination | None = None
    ) -> None:
        self.record = ChatRecord(chat, agent=agent, account_webhook_url=services.account_webhook_url)
        self.ended = asyncio.Event()
        self._services = services
        self._destination = destination
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._conversation = Conversation()
        self._line: AgentLine | None = None
        self._engine = agent.response_engine
        self._lost_in_a_row = 0
        self._asked_at = 0  # how many items there were
        self._waiting: list[asyncio.Future[tuple[ChatItem, ...]]] = []
        self._saving = asyncio.Lock()
        self._log = logging.LoggerAdapter(log, {"chat_id": chat.chat_id})

    @property
    def chat_id(self) -> str:
        """`chat_...`."""
        return self.record.chat.chat_id

    @property
    def is_over(self) -> bool:
        """Nothing more will be done."""
        return self.record.chat.chat_status is not ChatStatus.ONGOING

    def post(self, event: object) -> None:
        """Something happened; taken in order, never waits."""
        self._queue.put_nowait(event)

    def left_over(self) -> list[UserWrote]:
        """What the user wrote and the chat, now over, did not take up any more."""
        found = []
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, UserWrote) and event.answered is None:
                found.append(event)
            elif isinstance(event, UserWrote | Opening) and event.answered:
                self._fail(event.answered)
        return found

    async def run(self) -> None:
        """Until the chat is over. Cancelled, when the controller stops, it leaves the chat ongoing in the store."""
        try:
            while not self.is_over:
                await self._take(await self._next())
        finally:
            if self._line:
                await self._line.close()
            for future in self._waiting:
                self._fail(future)
            self.ended.set()

    async def update(self, update: ChatUpdate) -> Chat:
        """A change by the API; returns the chat with it.

        Raises:
            StoreError: it is not stored, and not made.
        """
        before = self.record.chat
        self.record.updated(update)
        try:
            await self._store()
        except StoreError:
            self.record.chat = before
            raise
        return self.record.chat

    async def save(self) -> None:
        """Store the record, trying for a while."""
        for wait_s in (*SAVE_AGAIN_AFTER_S, None):
            try:
                await self._store()
            except StoreError as error:
                self._log.error("chat not stored yet: %s", error)
            else:
                return
            if wait_s is not None:
                await asyncio.sleep(wait_s)

    async def _store(self) -> None:
        async with self._saving:
            owed = list(self.record.owed)
            await self._services.store.chats.save(self.record.chat, owed)
            del self.record.owed[: len(owed)]

    async def _next(self) -> object:
        try:
            async with asyncio.timeout(self._services.idle_s):
                return await self._queue.get()
        except TimeoutError:
            self._log.info("nobody wrote for %.0f s", self._services.idle_s)
            return EndAsked()

    async def _take(self, event: object) -> None:
        try:
            await self._effects[type(event)](self, event)
        except AgentError as error:
            self._log.warning("text agent failed: %s", error)
            await self._end(ChatStatus.ERROR)
        except Exception:  # a fault in one chat must end that chat, and be seen, not leave it without an answer
            self._log.exception("chat failed")
            await self._end(ChatStatus.ERROR)

    # The user.

    async def _user_wrote(self, event: UserWrote) -> None:
        if event.answer_to:
            self._destination = event.answer_to
        if event.answered:
            self._waiting.append(event.answered)
        self._asked_at = len(self.record.items) + 1
        self.record.user_said(event.text, message_id=self._services.new_message_id(), now_ms=self._services.now_ms())
        await self.save()
        if self.record.is_full:
            self._log.warning("the chat is as long as one may be")
            await self._end(ChatStatus.ENDED)
            return
        self._lost_in_a_row = 0
        await self._ask()

    async def _open(self, event: Opening) -> None:
        if event.answered:
            self._waiting.append(event.answered)
        self._conversation.await_opening()
        await self._line_to_agent()

    async def _end_asked(self, _: EndAsked) -> None:
        await self._end(ChatStatus.ENDED)

    # The agent.

    async def _ask(self) -> None:
        """Ask for an answer, over a new connection where the old one is gone."""
        line = await self._line_to_agent()
        response_id = self._conversation.ask()
        tools = self.record.with_tool_calls() if line.config.transcript_with_tool_calls else None
        try:
            await line.send(llm.response_required(response_id, self.record.transcript(), tools))
        except AgentLost as error:
            await self._lost(error)

    async def _line_to_agent(self) -> AgentLine:
        if self._line is None:
            self._line = AgentLine(
                self._services.http,
                self._url(),
                details=self._details,
                on_event=self.post,
                now_ms=self._services.now_ms,
                retry_after_s=self._services.retry_after_s,
            )
        await self._line.open()
        return self._line

    def _url(self) -> str:
        engine, variables = self._engine, self.record.chat.retell_llm_dynamic_variables or {}
        if not isinstance(engine, CustomLlmEngine):
            raise AgentUnreachable(engine.type, "such an agent writes no text")
        configured = render(
            engine.llm_websocket_url, {name: quote(value, safe="") for name, value in variables.items()}
        )
        try:
            return llm.llm_url(configured, self.chat_id)
        except ValueError as error:
            raise AgentUnreachable("the agent's URL", str(error)) from None

    def _details(self) -> Mapping[str, object]:
        """The chat, as servers that know calls look for it."""
        return {**self.record.chat.as_json(), "call_id": self.chat_id, "call_type": self.record.chat.chat_type.value}

    async def _agent_said(self, message: LlmResponse | LlmInterrupt) -> None:
        if message.unserved:
            self._log.warning("text agent asks for %s, which a chat has not", ", ".join(message.unserved))
        said = self._conversation.take(message)
        if said is None:
            return
        self._lost_in_a_row = 0
        if said.content.strip() and await self._send(said.content):
            now_ms = self._services.now_ms()
            self.record.agent_said(said.content, message_id=self._services.new_message_id(), now_ms=now_ms)
            await self.save()
        if self._conversation.open_id is None:
            self._answer_those_who_wait()
        if said.ends or self.record.is_full:
            await self._end(ChatStatus.ENDED)

    async def _tool_used(self, used: LlmToolInvocation | LlmToolResult) -> None:
        self.record.tool_used(used, message_id=self._services.new_message_id(), now_ms=self._services.now_ms())
        if self.record.is_full:
            await self._end(ChatStatus.ENDED)

    async def _other(self, message: LlmOther) -> None:
        self._log.debug("text agent sent %s, which means nothing in a chat", message.kind)

    async def _agent_gone(self, event: AgentGone) -> None:
        if event.error is None:
            await self._end(ChatStatus.ENDED)
        elif isinstance(event.error, AgentLost):
            await self._lost(event.error)
        else:
            raise event.error

    async def _lost(self, error: AgentLost) -> None:
        """The line is gone; dial again at once only if the agent had still something to say."""
        asked = self._conversation.open_id
        if asked is None or (self._line and self._line.is_open):
            return
        self._lost_in_a_row += 1
        if self._lost_in_a_row > REDIALS:
            raise error
        self._log.info("text agent lost: %s; dialling again", error)
        if asked == OPENING:
            self._conversation.await_opening()
            await self._line_to_agent()
        else:
            await self._ask()

    async def _send(self, text: str) -> bool:
        """Send a text as messages of SIP. False: none of it went out."""
        destination = self._destination
        if destination is None:
            return True  # over the API: whoever asked is answered
        sent = False
        for part in parts(text):
            if not await self._send_part(destination, part):
                break
            sent = True
        return sent

    async def _send_part(self, destination: MessageDestination, part: str) -> bool:
        for wait_s in (*SEND_AGAIN_AFTER_S, None):
            try:
                await self._services.send(destination, part)
            except AsteriskError as error:
                self._log.warning("text message not sent: %s", error)
            else:
                return True
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        return False

    # The end.

    async def _end(self, status: ChatStatus) -> None:
        self.record.ended(status, self._services.now_ms())
        await self.save()
        self._answer_those_who_wait()
        self._log.info("chat is over", extra={"chat_id": self.chat_id, "chat_status": status.value})

    def _answer_those_who_wait(self) -> None:
        new = tuple(
            item
            for item in self.record.items[self._asked_at :]
            if not (isinstance(item, ChatMessage) and item.role == "user")
        )
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if self.record.chat.chat_status is ChatStatus.ERROR:
                self._fail(future)
            elif not future.done():
                future.set_result(new)

    def _fail(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            future.set_exception(ChatNotOngoing(self.chat_id, self.record.chat.chat_status.value))

    _effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        UserWrote: _user_wrote,
        Opening: _open,
        EndAsked: _end_asked,
        LlmResponse: _agent_said,
        LlmInterrupt: _agent_said,
        LlmToolInvocation: _tool_used,
        LlmToolResult: _tool_used,
        LlmOther: _other,
        AgentGone: _agent_gone,
    }
