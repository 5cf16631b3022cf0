"""The chats that this process leads, and how it comes to lead one: it begins it, or resumes it from the store.

A chat belongs to a pair of numbers: while it is ongoing, every message between the two is part of it. What a chat has
come to is in the store after every message, so a chat outlives this process. One lock makes sure that a chat of the
store is resumed, changed or deleted by one task at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from ari_agent.asterisk.messages import MessageDestination
from ari_agent.chats.content_to_store import content_to_store
from ari_agent.chats.dependencies import ChatDependencies
from ari_agent.chats.events import Lost, UserWrote
from ari_agent.chats.notices import Pair
from ari_agent.chats.record import ChatRecord
from ari_agent.chats.session import ChatSession
from ari_agent.contract.chat import Chat, ChatStatus
from ari_agent.errors import ChatNotOngoing, UnknownAsset

log = logging.getLogger(__name__)

MOST_CHATS: Final = 2000
"""How many chats this process leads at the same time."""


class LiveChats:
    """Leads chats; one object serves the whole controller.

    on_unread_text: called with a chat that has ended, and what its user wrote in that moment. lock: held while a chat
    of the store is resumed, changed or deleted.
    """

    on_unread_text: Callable[[Chat, UserWrote], None]

    def __init__(self, services: ChatDependencies) -> None:
        self.lock = asyncio.Lock()
        self._services = services
        self._by_id: dict[str, ChatSession] = {}
        self._by_pair: dict[Pair, ChatSession] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def has_room(self, beside: int = 0) -> bool:
        """Make room for one more chat; False where every chat is busy. beside: how many others are about to begin.

        For its sake the oldest one that waits for its user is let go: it is resumed with the user's next text.
        """
        if len(self._by_id) + beside < MOST_CHATS:
            return True
        idle = next((session for session in self._by_id.values() if session.is_idle), None)
        if idle is None:
            return False
        log.info("chat is let go for the sake of another", extra={"chat_id": idle.chat_id})
        self._tasks[idle.chat_id].cancel()
        self._forget(idle)
        return True

    def all(self) -> Sequence[ChatSession]:
        """Return all chats that this process leads, in no order."""
        return tuple(self._by_id.values())

    def get(self, chat_id: str) -> ChatSession | None:
        """Return a chat by its id, if this process leads it."""
        return self._by_id.get(chat_id)

    def between(self, pair: Pair) -> ChatSession | None:
        """Return the chat of these two numbers, if this process leads it."""
        return self._by_pair.get(pair)

    async def begin(self, session: ChatSession) -> ChatSession:
        """Store a new chat, and lead it.

        Raises:
            StoreError: it could not be stored, and does not begin.
        """
        await session.begin()
        self._lead(session)
        return session

    async def resume(self, find: Callable[[], Awaitable[Chat | None]]) -> ChatSession | None:
        """Lead the ongoing chat that `find` finds in the store; None where it finds none.

        Raises:
            StoreError: the database is away; and what `find` raises.
        """
        async with self.lock:
            chat = await find()
            if chat is None:
                return None
            session = self._by_id.get(chat.chat_id)
            if session and await self._is_led_here(session):
                return session
            store = self._services.store
            if not await store.chats.take(chat.chat_id):
                return None  # it has ended meanwhile
            if store.is_shared:  # whoever led it may have written until now
                chat = await store.chats.get(chat.chat_id) or chat
            goes_on = await store.chats.goes_on(chat.chat_id)
            agent = goes_on.agent if goes_on else await store.agents.any(chat.agent_id, chat.version)
            if agent is None:
                log.warning("chat ends: its agent is gone", extra={"chat_id": chat.chat_id})
                await self._close(chat)
                return None
            answer_to = goes_on.answer_to if goes_on else None
            session = ChatSession(
                self._services,
                chat,
                agent,
                destination=MessageDestination(**answer_to) if answer_to else None,
                awaited=goes_on.is_awaited if goes_on else False,
            )
            self._lead(session)
            log.info("chat goes on", extra={"chat_id": chat.chat_id})
            return session

    async def ongoing(self, chat_id: str) -> ChatSession:
        """Return an ongoing chat, resumed from the store if need be.

        Raises:
            UnknownAsset: there is no such chat.
            ChatNotOngoing: it has ended.
        """

        async def find() -> Chat:
            chat = await self._services.store.chats.get(chat_id)
            if chat is None:
                raise UnknownAsset("chat", chat_id)
            if chat.chat_status is not ChatStatus.ONGOING:
                raise ChatNotOngoing(chat_id, chat.chat_status.value)
            return chat

        session = self.get(chat_id)
        if session is None or not await self._is_led_here(session):
            session = await self.resume(find)
        if session is None or session.is_over:
            raise ChatNotOngoing(chat_id, (session.record.chat.chat_status if session else ChatStatus.ENDED).value)
        return session

    async def _is_led_here(self, session: ChatSession) -> bool:
        """Return whether no other controller has taken a chat; one that is another's is let go of."""
        if session.is_over or await self._services.store.chats.is_led_here(session.chat_id):
            return True
        if self._by_id.get(session.chat_id) is session:
            session.post(Lost())
            await session.ended.wait()
            self._forget(session)
        return False

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something beside the chats; `close` cancels it too."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        """Stop leading every chat; they stay ongoing in the store."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _lead(self, session: ChatSession) -> None:
        self._by_id[session.chat_id] = session
        if session.pair:
            self._by_pair[session.pair] = session
        self._tasks[session.chat_id] = self.start(self._run(session))

    async def _run(self, session: ChatSession) -> None:
        try:
            await session.run()
        finally:
            self._forget(session)
        for wrote in session.unread_texts():
            self.on_unread_text(session.record.chat, wrote)

    def _forget(self, session: ChatSession) -> None:
        if self._by_id.get(session.chat_id) is session:
            del self._by_id[session.chat_id], self._tasks[session.chat_id]
        if session.pair and self._by_pair.get(session.pair) is session:
            del self._by_pair[session.pair]

    async def _close(self, chat: Chat) -> None:
        record = ChatRecord(chat, agent=None, account_webhook_url=self._services.account_webhook_url)
        stored = await content_to_store(chat, record.pii_categories, self._services.find_more)
        record.ended(ChatStatus.ENDED, self._services.now_ms(), stored=stored)
        await self._services.store.chats.save(record.chat, record.owed)
