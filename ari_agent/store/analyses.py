"""Calls and chats that are over and wait for their analysis; what becomes of one is stored in one transaction.

They wait in their own rows, so that whatever deletes a call or chat ends its waiting too. Of several nodes, the one
where a call or chat has ended has it analysed, or one that takes what a dead node has left: `node_id` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter

from sqlalchemy import Column, Connection, Table, and_, select, update

from ari_agent.contract.call import Call
from ari_agent.contract.chat import Chat
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.store import call_records
from ari_agent.store.call_records import StoredCall
from ari_agent.store.calls import Calls
from ari_agent.store.chats import Chats, StoredChat
from ari_agent.store.claims import Claim
from ari_agent.store.database import Database
from ari_agent.store.outbox import Outbox
from ari_agent.store.tables import calls, chats

CallConclusion = Callable[[StoredCall], tuple[Mapping[str, object], Sequence[WebhookEvent]]]
"""Of the call as it is -> the keys of its JSON that change, and what is told of it."""
ChatConclusion = Callable[[StoredChat], tuple[Chat, Sequence[WebhookEvent]]]
"""Of the chat as it is -> the chat as it is to be, and what is told of it."""


class Analyses:
    """Who waits for an analysis, by deadline in milliseconds since 1970."""

    def __init__(self, database: Database, calls_: Calls, chats_: Chats, outbox: Outbox) -> None:
        self._database = database
        self._calls = calls_
        self._chats = chats_
        self._outbox = outbox

    async def waiting_calls(self, limit: int, *, except_ids: Collection[str] = ()) -> Sequence[tuple[str, int]]:
        """Return call_id and deadline of calls that wait, the earliest deadline first, at most `limit`."""
        return await self._waiting(calls, calls.c.call_id, limit, except_ids)

    async def waiting_chats(self, limit: int, *, except_ids: Collection[str] = ()) -> Sequence[tuple[str, int]]:
        """Return the same of chats."""
        return await self._waiting(chats, chats.c.chat_id, limit, except_ids)

    async def _waiting(
        self, table: Table, key: Column[str], limit: int, except_ids: Collection[str]
    ) -> Sequence[tuple[str, int]]:
        due_ms = table.c.analysis_due_ms
        if (node_id := self._database.node_id) is not None:
            is_due = and_(due_ms.is_not(None), key.not_in(except_ids))
            found = Claim(table, table.c.node_id, is_due, order=due_ms, limit=limit)
            rows = await self._database.write(lambda connection: found.make(connection, node_id))
            return sorted(((row[0], row.analysis_due_ms) for row in rows), key=itemgetter(1))
        statement = select(key.label("subject_id"), due_ms).where(due_ms.is_not(None)).order_by(due_ms).limit(limit)
        if except_ids:
            statement = statement.where(key.not_in(except_ids))
        return [(row.subject_id, row.analysis_due_ms) for row in await self._database.rows(statement)]

    @property
    def _done(self) -> Mapping[str, None]:
        """Return the columns of one that waits no longer."""
        return dict.fromkeys(("analysis_due_ms",) if self._database.node_id is None else ("analysis_due_ms", "node_id"))

    async def conclude_call(self, call_id: str, conclude: CallConclusion, *, again: bool = False) -> Call | None:
        """Store the analysis of a call with its webhooks; returns the call. None: it waits for none, or is deleted.

        conclude: what it raises passes through, and nothing is changed. again: whether it waits or not; it goes on to.

        Raises:
            UnreadableRecord: the call cannot be read.
        """
        waits = () if again else (calls.c.analysis_due_ms.is_not(None),)
        chosen = select(*call_records.STORED_CALL).where(calls.c.call_id == call_id, *waits).with_for_update()
        done = update(calls).where(calls.c.call_id == call_id).values(self._done)

        def write(connection: Connection) -> Call | None:
            row = connection.execute(chosen).one_or_none()
            if row is None:
                return None
            fields, events = conclude(call_records.stored_call_of(row))
            call = self._calls.change(connection, call_id, fields)
            if not again:
                connection.execute(done)
            self._outbox.add(connection, events)
            return call

        call = await self._database.write(write)
        self._outbox.announce()
        return call

    async def conclude_chat(self, chat_id: str, conclude: ChatConclusion, *, again: bool = False) -> Chat | None:
        """Store the analysis of a chat with its webhooks, as `conclude_call` does of a call."""
        waits = () if again else (chats.c.analysis_due_ms.is_not(None),)
        done = update(chats).where(chats.c.chat_id == chat_id).values(self._done)

        def write(connection: Connection) -> Chat | None:
            stored = self._chats.locked(connection, chat_id, *waits)
            if stored is None:
                return None
            chat, events = conclude(stored)
            self._chats.put(connection, chat)
            if not again:
                connection.execute(done)
            self._outbox.add(connection, events)
            return chat

        chat = await self._database.write(write)
        self._outbox.announce()
        return chat
