"""One chat from its first message to its end: a queue of what happens, and one task that takes it from there.

The user's text is recorded and the agent asked; the agent's text, once complete, is sent and recorded. The chat ends
when the agent says so or hangs up, when the API says so, or when nobody wrote for as long as the agent waits. A user
whom the agent leaves without an answer is told so.

What the chat goes on with is stored with every change of its record, so that the next run of this process asks the
agent again where this one could not answer any more. A crash between sending and storing answers twice, not never.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Final

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_chain, wait_fixed

from ari_agent.agents.llm import (
    EndCall,
    GoOn,
    LlmAgentConfig,
    LlmInterrupt,
    LlmMetadata,
    LlmRecording,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
)
from ari_agent.agents.llm_connection import LlmDisconnected
from ari_agent.asterisk.messages import MessageDestination
from ari_agent.chats.agent_line import AgentLine
from ari_agent.chats.content_to_store import content_to_store
from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.events import Answer, EndRequested, FellSilent, Lost, Opening, Resumed, UserWrote
from ari_agent.chats.notices import Pair, pair_of
from ari_agent.chats.record import ChatRecord
from ari_agent.chats.sender import send_text
from ari_agent.contract.chat import Chat, ChatMessage, ChatStatus, ChatUpdate
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from ari_agent.contract.transcript import NodeTransition
from ari_agent.errors import AgentError, AgentLost, ChatNotOngoing, StoreError, TakenOver
from ari_agent.prompt_agents.conversation import AnswerEnd
from ari_agent.routing.variables import render
from ari_agent.store.chats import GoesOn

log = logging.getLogger(__name__)

SAVE_AGAIN_AFTER_S: Final = (0.1, 0.5, 2.0, 5.0, 10.0)


class ChatSession:
    """One chat, whose agent is known and whose record exists.

    destination: where the agent's texts go; None in a chat over the API. awaited: somebody waits for what the agent is
    to write, so that the next run of this process has to ask for it. texts_behind: how many texts of the user are in
    the queue.
    """

    def __init__(
        self,
        services: ChatDependencies,
        chat: Chat,
        agent: AnyAgent,
        *,
        destination: MessageDestination | None = None,
        awaited: bool = False,
    ) -> None:
        self.record = ChatRecord(chat, agent=agent, account_webhook_url=services.account_webhook_url)
        self.ended = asyncio.Event()
        self.texts_behind = 0
        self._services = services
        self._agent = agent
        self._destination = destination
        self._awaited = awaited
        self._queue: asyncio.Queue[object] = asyncio.Queue()
        self._agent_line = AgentLine(services, self.record, agent.response_engine, on_event=self.post)
        self._busy = False
        self._asked_at = 0  # how many items there were
        self._waiting: list[Answer] = []
        self._saving = asyncio.Lock()
        self._log = logging.LoggerAdapter(log, {"chat_id": chat.chat_id})

    @property
    def chat_id(self) -> str:
        """The id of the chat: `chat_...`."""
        return self.record.chat.chat_id

    @property
    def pair(self) -> Pair | None:
        """The two numbers of a chat in text messages; None in a chat over the API."""
        chat = self.record.chat
        return pair_of(chat.our_number, chat.user_number) if chat.our_number and chat.user_number else None

    @property
    def is_over(self) -> bool:
        """Whether the chat has ended: nothing more will be done."""
        return self.record.chat.chat_status is not ChatStatus.ONGOING

    @property
    def is_idle(self) -> bool:
        """Whether the chat waits for its user, and all that it has come to is stored."""
        return not (self._awaited or self._waiting or self._saving.locked()) and self._queue.empty() and not self._busy

    def post(self, event: object) -> None:
        """Append an event to the chat's queue; never waits."""
        self.texts_behind += isinstance(event, UserWrote)
        self._queue.put_nowait(event)

    def unread_texts(self) -> list[UserWrote]:
        """Take from the queue, once the chat is over, what the user wrote and nobody read."""
        found = []
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if isinstance(event, UserWrote) and event.answered is None:
                found.append(event)
            elif isinstance(event, UserWrote | Opening) and event.answered:
                self._refuse(event.answered)
        return found

    async def begin(self) -> None:
        """Store the record of a new chat.

        Raises:
            StoreError: it could not be stored.
        """
        self.record.started()
        await self._store()

    async def run(self) -> None:
        """Lead the chat until it is over, or another controller leads it. Cancelled, it leaves the chat ongoing."""
        try:
            while not self.is_over:
                event = await self._next()
                self._busy = True
                await self._take(event)
                self._busy = False
        except TakenOver as error:
            self._log.info("%s", error)
            if isinstance(event, UserWrote):
                self.post(event)  # not read here: whoever leads the chat does
        finally:
            await self._agent_line.close()
            for future in self._waiting:
                self._refuse(future)
            self.ended.set()

    async def update(self, update: ChatUpdate) -> Chat:
        """Apply a change by the API; returns the changed chat.

        Raises:
            StoreError: it could not be stored, and is not made.
        """
        undo = self.record.updated(update)
        try:
            await self._store()
        except StoreError:
            undo()
            raise
        return self.record.chat

    async def save(self) -> None:
        """Store the record, and try again for some 18 s; each failure is in the log."""
        saving = AsyncRetrying(
            stop=stop_after_attempt(1 + len(SAVE_AGAIN_AFTER_S)),
            retry=retry_if_exception(lambda error: isinstance(error, StoreError) and not isinstance(error, TakenOver)),
            wait=wait_chain(*map(wait_fixed, SAVE_AGAIN_AFTER_S)),
            after=lambda state: self._log.error("chat not stored yet: %s", state.outcome and state.outcome.exception()),
            retry_error_callback=lambda _: None,
        )
        await saving(self._store)

    async def _store(self) -> None:
        async with self._saving:
            owed = list(self.record.owed)
            await self._services.store.chats.save(self.record.chat, owed, goes_on=self._goes_on())
            del self.record.owed[: len(owed)]

    def _goes_on(self) -> GoesOn:
        return GoesOn(
            self._agent,
            answer_to=asdict(self._destination) if self._destination else None,
            is_awaited=self._awaited and self._destination is not None and not self.is_over,
            silence_ms=self._services.silence_of(self._agent),
            analysis_due_ms=self.record.analysis_due_ms,
        )

    async def _next(self) -> object:
        silence_ms = self._services.silence_of(self._agent)
        try:
            async with asyncio.timeout(silence_ms / 1000):
                return await self._queue.get()
        except TimeoutError:
            self._log.info("nobody wrote for %.0f s", silence_ms / 1000)
            return FellSilent()

    async def _take(self, event: object) -> None:
        try:
            await self._effects[type(event)](self, event)
        except TakenOver:
            raise
        except AgentError as error:
            self._log.warning("text agent failed: %s", error)
            await self._fail()
        except Exception:  # a fault in one chat must end that chat, and be seen, not leave it without an answer
            self._log.exception("chat failed")
            await self._fail()

    # The user.

    async def _user_wrote(self, event: UserWrote) -> None:
        self.texts_behind -= 1
        if event.answer_to:
            self._destination = event.answer_to
        if event.answered:
            self._waiting.append(event.answered)
        self._awaited = True
        self._asked_at = len(self.record.items) + 1
        self.record.user_said(event.text, message_id=self._services.new_message_id(), now_ms=self._services.now_ms())
        await self.save()
        if self.record.is_full:
            self._log.warning("the chat is as long as one may be")
            await self._end(ChatStatus.ENDED)
            return
        await self._agent_line.ask()

    async def _open(self, event: Opening) -> None:
        if event.answered:
            self._waiting.append(event.answered)
        self._awaited = True
        await self._agent_line.open()

    async def _resumed(self, _: Resumed) -> None:
        if self.record.user_waits:
            await self._agent_line.ask()
        elif not self.record.items:
            await self._open(Opening())

    async def _end_requested(self, _: EndRequested) -> None:
        await self._end(ChatStatus.ENDED)

    async def _fell_silent(self, _: FellSilent) -> None:
        last_words = self._agent.auto_close_message if isinstance(self._agent, ChatAgent) else None
        if last_words:
            await self._say(render(last_words, self.record.variables(self._services.now_ms())))
        await self._end(ChatStatus.ENDED)

    # The agent.

    async def _agent_said(self, message: LlmResponse | LlmInterrupt) -> None:
        said = self._agent_line.take(message)
        if said is None:
            return
        self._awaited = self._agent_line.is_awaited or isinstance(said.action, GoOn)
        if said.content.strip():
            await self._say(said.content)
        else:
            await self.save()
        if not self._awaited:
            self._answer_those_who_wait()
        if isinstance(said.action, GoOn):
            await self._agent_line.ask()
        elif said.action and not isinstance(said.action, EndCall):
            self._log.warning("text agent asks for %s, which a chat has not", type(said.action).__name__)
        if isinstance(said.action, EndCall) or self.record.is_full:
            await self._end(ChatStatus.ENDED)

    async def _tool_used(self, used: LlmToolInvocation | LlmToolResult | NodeTransition) -> None:
        self.record.tool_used(used, message_id=self._services.new_message_id(), now_ms=self._services.now_ms())
        if self.record.is_full:
            await self._end(ChatStatus.ENDED)

    async def _of_calls(self, message: LlmAgentConfig | LlmMetadata | LlmRecording) -> None:
        self._log.debug("text agent sent %s, which means nothing in a chat", type(message).__name__)

    async def _agent_gone(self, event: LlmDisconnected) -> None:
        if event.error is None:
            await self._end(ChatStatus.ENDED)
        elif isinstance(event.error, AgentLost):
            await self._agent_line.lost(event.error)
        else:
            raise event.error

    async def _say(self, text: str) -> None:
        """Send a text in the agent's name, and record it if it was sent. Over the API whoever asked gets it."""
        await self._require_lead()
        destination = self._destination
        if destination is None or await send_text(
            self._services.send, destination, text, facts={"chat_id": self.chat_id}
        ):
            now_ms = self._services.now_ms()
            self.record.agent_said(text, message_id=self._services.new_message_id(), now_ms=now_ms)
        await self.save()

    async def _require_lead(self) -> None:
        """Raise TakenOver where another controller has taken the chat; before its user is told anything."""
        try:
            is_led_here = await self._services.store.chats.is_led_here(self.chat_id)
        except StoreError:
            return  # what is stored once the database is back decides
        if not is_led_here:
            raise TakenOver(self.chat_id)

    async def _lost(self, _: Lost) -> None:
        raise TakenOver(self.chat_id)

    # The end.

    async def _fail(self) -> None:
        """End a chat whose agent failed: a user who writes from a phone and waits is told so."""
        if self.pair and self.record.user_waits:
            notice = self._services.notices.failure(self.pair, self._services.now_ms())
            if notice:
                await self._say(notice)
        await self._end(ChatStatus.ERROR)

    async def _end(self, status: ChatStatus) -> None:
        analyses = self._services.analyses
        stored = await self._content_to_store()
        due_ms = analyses.deadline_ms() if analyses else None
        self.record.ended(status, self._services.now_ms(), stored=stored, analysis_due_ms=due_ms)
        await self.save()
        if analyses:
            analyses.wake()
        self._answer_those_who_wait()
        self._log.info("chat is over", extra={"chat_id": self.chat_id, "chat_status": status.value})

    async def _content_to_store(self) -> Mapping[str, Any]:
        """Find out what may be stored of the chat as it is when that is known: the API may change it meanwhile."""
        while True:
            chat = self.record.chat
            stored = await content_to_store(chat, self.record.pii_categories, self._services.find_more)
            if self.record.chat is chat:
                return stored

    def _answer_those_who_wait(self) -> None:
        new = tuple(
            item
            for item in self.record.items[self._asked_at :]
            if not (isinstance(item, ChatMessage) and item.role == "user")
        )
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if self.record.chat.chat_status is ChatStatus.ERROR:
                self._refuse(future)
            elif not future.done():
                future.set_result(new)

    def _refuse(self, future: Answer) -> None:
        if not future.done():
            future.set_exception(ChatNotOngoing(self.chat_id, self.record.chat.chat_status.value))

    _effects: ClassVar[Mapping[type, Callable[[Any, Any], Coroutine[Any, Any, None]]]] = {
        UserWrote: _user_wrote,
        Opening: _open,
        Resumed: _resumed,
        EndRequested: _end_requested,
        FellSilent: _fell_silent,
        Lost: _lost,
        LlmResponse: _agent_said,
        AnswerEnd: _agent_said,
        LlmInterrupt: _agent_said,
        LlmToolInvocation: _tool_used,
        LlmToolResult: _tool_used,
        NodeTransition: _tool_used,
        LlmAgentConfig: _of_calls,
        LlmMetadata: _of_calls,
        LlmRecording: _of_calls,
        LlmDisconnected: _agent_gone,
    }
