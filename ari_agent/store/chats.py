"""The records of chats. One writer: the process that leads the chat, which also makes the changes of the API.

Of several nodes, the one that is written to takes the chat: `node_id` says which leads it. What another would still
write, that has led it, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, or_, select, tuple_, update

from ari_agent.contract.chat import Chat, ChatStatus
from ari_agent.contract.chat_agent import AnyAgent, agent_of
from ari_agent.contract.chat_list import CONTENT, ChatFilters
from ari_agent.contract.storage_setting import keeps_everything
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import TakenOver, UnknownAsset
from ari_agent.store.call_filter import FilterOp
from ari_agent.store.call_records import DAY_MS
from ari_agent.store.claims import is_in_other_hands
from ari_agent.store.database import Database, dump, insert_into
from ari_agent.store.filter_conditions import compare
from ari_agent.store.kept_webhook import FORGOTTEN_CHAT_MS
from ari_agent.store.outbox import Outbox
from ari_agent.store.record_rows import parsed, readable
from ari_agent.store.tables import chats

SILENCE_MS: Final = 3_600_000
"""How long a chat lasts without a message, unless its agent says otherwise."""
_FILTERED: Final = tuple(name for name in ChatFilters.model_fields if name != "agent")


@dataclass(frozen=True, slots=True)
class ChatPage:
    """Some chats, and the key that the page after them begins with: None on the last page."""

    chats: Sequence[Chat]
    next_key: str | None


@dataclass(frozen=True, slots=True)
class GoesOn:
    """What a process needs to take a chat up, beside its record.

    agent: as it was when the chat began, overrides included. answer_to: where texts to the user go, as whoever sends
    them wrote it down. is_awaited: the user waits for one. silence_ms: how long the chat lasts if nobody writes.
    analysis_due_ms: the chat is over, and a model analyses it by then, in milliseconds since 1970.
    """

    agent: AnyAgent
    answer_to: Mapping[str, str] | None = None
    is_awaited: bool = False
    silence_ms: int = SILENCE_MS
    analysis_due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StoredChat:
    """A chat with its agent as it was when the chat began, overrides included; None where that is not known."""

    chat: Chat
    agent: AnyAgent | None


class Chats:
    """Records by chat_id, by the pair of numbers, and pages of them by when they started."""

    def __init__(self, database: Database, outbox: Outbox, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._outbox = outbox
        self._now_ms = now_ms

    async def save(self, chat: Chat, events: Sequence[WebhookEvent] = (), *, goes_on: GoesOn | None = None) -> None:
        """Write the record and what is to be told about it, both or neither. May be repeated.

        goes_on: None for what is stored of it already.

        Raises:
            TakenOver: another node leads the chat, or has ended it; nothing is written.
        """
        node_id = self._database.node_id

        def write(connection: Connection) -> None:
            if node_id is not None:
                _require_lead(connection, chat, node_id)
            self.put(connection, chat, goes_on)
            if node_id is not None:
                due_ms = goes_on.analysis_due_ms if goes_on else None
                in_hand = chat.chat_status is ChatStatus.ONGOING or due_ms is not None
                of_chat = chats.c.chat_id == chat.chat_id
                connection.execute(update(chats).where(of_chat).values(node_id=node_id if in_hand else None))
            self._outbox.add(connection, events)

        await self._database.write(write)
        if events:
            self._outbox.announce()

    async def take(self, chat_id: str, *, if_free: bool = False) -> bool:
        """Lead an ongoing chat from now on. False: it is not ongoing. Without nodes there is nothing to be done.

        Whoever led it learns that with its next `save`, and does not go on. if_free: not where another node that lives
        leads it: False then, too.
        """
        node_id = self._database.node_id
        if node_id is None:
            return True
        ongoing = chats.c.chat_status == ChatStatus.ONGOING.value
        free = self._is_free() if if_free else ()
        taken = update(chats).where(chats.c.chat_id == chat_id, ongoing, *free).values(node_id=node_id)
        return await self._database.run(taken) == 1

    async def is_led_here(self, chat_id: str) -> bool:
        """Return whether no other node has taken a chat that this process leads."""
        if (node_id := self._database.node_id) is None:
            return True
        held_by = await self._database.scalar(select(chats.c.node_id).where(chats.c.chat_id == chat_id))
        return held_by in (None, node_id)

    def put(self, connection: Connection, chat: Chat, goes_on: GoesOn | None = None) -> None:
        """Write the record inside somebody's transaction, as `save` does."""
        values = self._values(chat)
        if goes_on:
            values |= self._kept(goes_on, values["start_timestamp"])
        statement = insert_into(connection, chats).values(**{"silent_until_ms": self._now_ms() + SILENCE_MS, **values})
        if "analysis_due_ms" in values:
            # Repeated, the end of a chat makes it wait no second time.
            ongoing = chats.c.chat_status == ChatStatus.ONGOING.value
            due_ms = case((ongoing, statement.excluded.analysis_due_ms), else_=chats.c.analysis_due_ms)
            values["analysis_due_ms"] = due_ms
        connection.execute(statement.on_conflict_do_update(index_elements=[chats.c.chat_id], set_=values))
        if not keeps_everything(chat.data_storage_setting):
            self._outbox.tell_no_more(connection, chat.chat_id, chat.as_json())

    def locked(self, connection: Connection, chat_id: str, *conditions: ColumnElement[bool]) -> StoredChat | None:
        """Return a chat that nobody changes until the transaction ends; None if there is none, or a condition fails.

        Raises:
            UnreadableRecord: as it says.
        """
        chosen = select(chats).where(chats.c.chat_id == chat_id, *conditions).with_for_update()
        row = connection.execute(chosen).one_or_none()
        return _stored(row) if row else None

    async def stored(self, chat_id: str) -> StoredChat | None:
        """Return a chat with its agent, or None. Raises: UnreadableRecord."""
        rows = await self._database.rows(select(chats).where(chats.c.chat_id == chat_id))
        return _stored(rows[0]) if rows else None

    async def replace(self, present: Chat, wanted: Chat) -> bool:
        """Store a chat that no process leads as wanted; False, and nothing is stored, where it is not as `present`.

        Of its webhooks, those that wait or were given up tell no more than that, see `Outbox.tell_no_more`.

        Raises:
            UnreadableRecord: as it says.
        """

        def write(connection: Connection) -> bool:
            now = self.locked(connection, present.chat_id)
            if now is None or now.chat != present:
                return False
            self.put(connection, wanted)
            return True

        return await self._database.write(write)

    def _kept(self, goes_on: GoesOn, start_ms: int) -> dict[str, Any]:
        days = goes_on.agent.data_storage_retention_days
        return {
            "expires_ms": None if days is None else start_ms + days * DAY_MS,
            "agent": dump(goes_on.agent.as_record()),
            "answer_to": None if goes_on.answer_to is None else dump(goes_on.answer_to),
            "is_awaited": goes_on.is_awaited,
            "silent_until_ms": self._now_ms() + goes_on.silence_ms,
            "analysis_due_ms": goes_on.analysis_due_ms,
        }

    def _values(self, chat: Chat) -> dict[str, Any]:
        start_ms = self._now_ms() if chat.start_timestamp is None else chat.start_timestamp
        return {
            "chat_id": chat.chat_id,
            "document": dump(chat.as_record()),
            "start_timestamp": start_ms,
            "end_timestamp": chat.end_timestamp,
            "duration_ms": None if chat.end_timestamp is None else max(0, chat.end_timestamp - start_ms),
            "chat_type": chat.chat_type.value,
            "chat_status": chat.chat_status.value,
            "agent_id": chat.agent_id,
            "version": chat.version,
            "direction": chat.direction.value if chat.direction else None,
            "agent_number": chat.our_number,
            "user_number": chat.user_number,
        }

    async def get(self, chat_id: str) -> Chat | None:
        """Return the record of the chat, or None. Raises: UnreadableRecord."""
        rows = await self._database.rows(select(chats).where(chats.c.chat_id == chat_id))
        return _chat(rows[0]) if rows else None

    async def goes_on(self, chat_id: str) -> GoesOn | None:
        """What the chat goes on with; None: nothing is known of it.

        Raises:
            UnreadableRecord: as it says.
        """
        wanted = (chats.c.agent, chats.c.answer_to, chats.c.is_awaited)
        statement = select(*wanted).where(chats.c.chat_id == chat_id, chats.c.agent.is_not(None))
        rows = await self._database.rows(statement)
        if not rows:
            return None
        agent = parsed(agent_of, rows[0].agent, f"the agent of chat {chat_id}")
        answer_to = json.loads(rows[0].answer_to) if rows[0].answer_to else None
        return GoesOn(agent, answer_to, is_awaited=bool(rows[0].is_awaited))

    async def ongoing_between(self, agent_number: str, user_numbers: Sequence[str]) -> Chat | None:
        """The chat that the two numbers lead now; the newest, if there are several. user_numbers: spellings of one."""
        of_both = and_(chats.c.agent_number == agent_number, chats.c.user_number.in_(user_numbers))
        rows = await self._ongoing(of_both, chats.c.start_timestamp.desc(), chats.c.chat_id.desc(), limit=1)
        return _chat(rows[0]) if rows else None

    async def fallen_silent(self, *, limit: int = 100) -> Sequence[Chat]:
        """Ongoing chats that nobody wrote to for as long as their agent waits, and that no other node leads."""
        silent_until_ms = chats.c.silent_until_ms
        is_silent = and_(silent_until_ms <= self._now_ms(), *self._is_free())
        rows = await self._ongoing(is_silent, silent_until_ms, limit=limit)
        return readable(rows, _chat, of="chat_id")

    async def unanswered(self, *, limit: int = 1000) -> Sequence[Chat]:
        """Return ongoing chats whose user waits for an answer, and that no other node leads, at most `limit`."""
        is_awaited = and_(chats.c.is_awaited, *self._is_free())
        return readable(await self._ongoing(is_awaited, chats.c.chat_id, limit=limit), _chat, of="chat_id")

    async def _ongoing(
        self, condition: ColumnElement[bool], *order: ColumnElement[Any], limit: int
    ) -> Sequence[Row[Any]]:
        ongoing = chats.c.chat_status == ChatStatus.ONGOING.value
        return await self._database.rows(select(chats).where(condition, ongoing).order_by(*order).limit(limit))

    def _is_free(self) -> Sequence[ColumnElement[bool]]:
        """Return what holds for chats that no other node leads."""
        node_id = self._database.node_id
        return () if node_id is None else (~is_in_other_hands(chats.c.node_id, node_id),)

    async def list(
        self,
        filters: ChatFilters | None = None,
        *,
        ascending: bool = False,
        limit: int = 50,
        pagination_key: str | None = None,
        skip: int = 0,
    ) -> ChatPage:
        """Chats that fulfil every filter, by start_timestamp and then chat_id.

        pagination_key: `next_key` of the page before.

        Raises:
            UnknownAsset: pagination_key is none.
        """
        columns = (chats.c.start_timestamp, chats.c.chat_id)
        statement = select(chats).where(*_conditions(filters))
        statement = statement.order_by(*(column.asc() if ascending else column.desc() for column in columns))
        if pagination_key is not None:
            here, last = tuple_(*columns), tuple_(*_position(pagination_key))
            statement = statement.where(here > last if ascending else here < last)
        rows = await self._database.rows(statement.offset(skip).limit(limit + 1))
        page = rows[:limit]
        more = len(rows) > limit and page
        return ChatPage(
            readable(page, _chat, of="chat_id"), f"{page[-1].start_timestamp}:{page[-1].chat_id}" if more else None
        )

    async def count(self, filters: ChatFilters | None = None) -> int:
        """Return how many chats fulfil every filter."""
        statement = select(func.count()).select_from(chats).where(*_conditions(filters))
        return await self._database.scalar(statement) or 0

    async def expired(self, now_ms: int, *, began_before_ms: int | None, limit: int) -> Sequence[str]:
        """Return some chats that are over and whose time is up by their agents, or that began before that time."""
        is_up = chats.c.expires_ms <= now_ms
        old = is_up if began_before_ms is None else is_up | (chats.c.start_timestamp < began_before_ms)
        is_over = chats.c.chat_status != ChatStatus.ONGOING.value
        rows = await self._database.rows(select(chats.c.chat_id).where(old, is_over).limit(limit))
        return [row.chat_id for row in rows]

    async def remembered(self, *, began_before_ms: int, limit: int) -> Sequence[str]:
        """Return some chats that are over, began before that time, and whose transcript was not forgotten yet."""
        is_over = chats.c.chat_status.in_((ChatStatus.ENDED.value, ChatStatus.ERROR.value))
        found = select(chats.c.chat_id).where(
            is_over, chats.c.silent_until_ms > FORGOTTEN_CHAT_MS, chats.c.start_timestamp < began_before_ms
        )
        return [row.chat_id for row in await self._database.rows(found.limit(limit))]

    async def forget_transcript(self, chat_id: str) -> None:
        """Remove what was written in a chat that is over, and what was told about it. Raises: UnreadableRecord."""

        def write(connection: Connection) -> None:
            if stored := self.locked(connection, chat_id):
                self.put(connection, stored.chat.model_copy(update=dict.fromkeys(CONTENT)))
                self._outbox.forget(connection, chat_id)
                of_chat = chats.c.chat_id == chat_id
                connection.execute(update(chats).where(of_chat).values(silent_until_ms=FORGOTTEN_CHAT_MS))

        await self._database.write(write)

    async def delete(self, chat_id: str) -> bool:
        """Delete the record and what was told about it; what is still to be told is told. False: no such chat."""

        def drop(connection: Connection) -> bool:
            is_gone = connection.execute(delete(chats).where(chats.c.chat_id == chat_id)).rowcount == 1
            self._outbox.forget(connection, chat_id)
            return is_gone

        return await self._database.write(drop)


def _require_lead(connection: Connection, chat: Chat, node_id: int) -> None:
    """Raise TakenOver where a node may not write the record of a chat any more; one that is over stays as it ended."""
    columns = (chats.c.node_id, chats.c.chat_status, chats.c.end_timestamp)
    row = connection.execute(select(*columns).where(chats.c.chat_id == chat.chat_id).with_for_update()).one_or_none()
    if row is None:
        return
    is_over = row.chat_status != ChatStatus.ONGOING.value
    if row.node_id not in (None, node_id) or (is_over and row.end_timestamp != chat.end_timestamp):
        raise TakenOver(chat.chat_id)


def _conditions(wanted: ChatFilters | None) -> Sequence[ColumnElement[bool]]:
    if wanted is None:
        return ()
    given = {key: condition for key in _FILTERED if (condition := getattr(wanted, key)) is not None}
    found = [compare(chats.c[key], FilterOp(one.op), one.value) for key, one in given.items()]
    if wanted.agent:
        alternatives = []
        for agent in wanted.agent:
            versions = [chats.c.version.in_(agent.version)] if agent.version else []
            alternatives.append(and_(compare(chats.c.agent_id, FilterOp.EQ, agent.agent_id), *versions))
        found.append(or_(*alternatives))
    return found


def _position(pagination_key: str) -> tuple[int, str]:
    """Return the place of the last chat before a page. Raises: UnknownAsset."""
    start_ms, colon, chat_id = pagination_key.partition(":")
    if colon and start_ms.isascii() and start_ms.isdigit() and len(start_ms) < 19:
        return int(start_ms), chat_id
    raise UnknownAsset("page", pagination_key)


def _stored(row: Row[Any]) -> StoredChat:
    agent = parsed(agent_of, row.agent, f"the agent of chat {row.chat_id}") if row.agent else None
    return StoredChat(_chat(row), agent)


def _chat(row: Row[Any]) -> Chat:
    return parsed(Chat.model_validate, row.document, f"the record of chat {row.chat_id}")
