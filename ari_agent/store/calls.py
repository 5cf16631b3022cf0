"""The records of calls.

Two parties write to a record: the call, which saves its whole object at each step, and the API, which changes single
keys (`metadata`, `custom_attributes`, ...). Each has a column of its own, and reading lays the API's keys over the
call's object, so neither can undo what the other wrote, whatever the order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, insert, select, update

from ari_agent.contract.call import Call
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import UnknownCall
from ari_agent.store import call_list
from ari_agent.store.call_filter import AnyFilter
from ari_agent.store.call_index import attributes, columns, tool_calls
from ari_agent.store.call_records import (
    RECORD,
    SealedItem,
    call_of,
    dump,
    item_of,
    list_item,
    read,
    read_items,
    readable,
)
from ari_agent.store.call_sealer import UNFINISHED, CallSealer, mark_fresh
from ari_agent.store.call_segments import Key, Place, keys_of
from ari_agent.store.call_warming import warm_up
from ari_agent.store.column_cache import ColumnCache
from ari_agent.store.database import Database, insert_into
from ari_agent.store.outbox import Outbox
from ari_agent.store.segment_tables import call_fresh
from ari_agent.store.tables import call_attributes, call_tool_calls, calls, storable

Shown = TypeVar("Shown")
Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class CallPage(Generic[Shown]):
    """Some calls, and the key that the page after them begins with: None on the last page.

    total: how many fulfil the filters, the other pages' too; None if nobody wanted to know.
    """

    calls: Sequence[Shown]
    next_key: str | None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A page as it is asked for."""

    ascending: bool
    limit: int
    pagination_key: str | None
    skip: int

    def window(self, connection: Connection) -> call_list.Window:
        """One call more than the page, which tells whether there is another."""
        after = None if self.pagination_key is None else _position(connection, self.pagination_key)
        return call_list.Window(ascending=self.ascending, skip=self.skip, size=self.limit + 1, after=after)


class Calls:
    """Records by call_id, and pages of them by when they started."""

    def __init__(self, database: Database, outbox: Outbox, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._outbox = outbox
        self._now_ms = now_ms
        self._sealer = CallSealer(database)
        self._columns = ColumnCache()
        self._warming: asyncio.Task[int] | None = None

    async def open(self) -> None:
        """Seal what is waiting: of a database that an older version filled, every call."""
        await self._sealer.seal()
        self._warming = asyncio.create_task(warm_up(self._database))

    async def close(self) -> None:
        """Seal no more: what waits is sealed at the next start."""
        if self._warming:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self._sealer.close()

    def forget_columns(self) -> None:
        """Read everything anew that list-calls looks through."""
        self._columns = ColumnCache()

    async def save(self, call: Call, events: Sequence[WebhookEvent] = ()) -> None:
        """Write the record and what is to be told about it, both or neither.

        May be repeated: the record is replaced, and a lifecycle event that was queued once is not queued again.
        """

        def write(connection: Connection) -> None:
            self.put(connection, call)
            self._outbox.add(connection, events)

        await self._database.write(write)
        self._sealer.announce()
        if events:
            self._outbox.announce()

    def put(self, connection: Connection, call: Call) -> None:
        """Write the record inside somebody's transaction."""
        of_call = calls.c.call_id == call.call_id
        chosen = select(calls.c.amendments, calls.c.listed_ms, calls.c.call_status).where(of_call)
        row = connection.execute(chosen.with_for_update()).one_or_none()
        known = {**call.as_json(), **json.loads(row.amendments or "{}" if row else "{}")}
        # a record keeps its place in the list until it knows when its call started
        listed_ms = call.start_timestamp
        if listed_ms is None:
            listed_ms = row.listed_ms if row else self._now_ms()
        values = columns(known) | {
            "call_id": call.call_id,
            "document": dump(call.as_record()),
            "list_item": list_item(known),
            "listed_ms": listed_ms,
        }
        if row:
            connection.execute(update(calls).where(of_call).values(**values))
        elif connection.execute(insert_into(connection, calls).values(**values).on_conflict_do_nothing()).rowcount != 1:
            self.put(connection, call)  # somebody else has just made it
            return
        if row is None or row.call_status not in UNFINISHED:
            mark_fresh(connection, call.call_id, listed_ms=listed_ms, sealed_ms=row.listed_ms if row else None)
        _index(connection, call.call_id, known, listed_ms)

    async def get(self, call_id: str) -> Call | None:
        """The record, or None."""
        rows = await self._rows(calls.c.call_id == call_id)
        return call_of(rows[0]) if rows else None

    async def unfinished(self) -> Sequence[Call]:
        """Records of calls that have not ended: after a start, those that died with the process before."""
        # they are fresh, all of them, and no index by status is needed
        fresh = calls.c.call_id.in_(select(call_fresh.c.call_id))
        rows = await self._rows(fresh & calls.c.call_status.in_(UNFINISHED))
        return await asyncio.to_thread(readable, rows, call_of)

    async def list(
        self,
        filters: Sequence[AnyFilter] = (),
        *,
        ascending: bool = False,
        limit: int = 50,
        pagination_key: str | None = None,
        skip: int = 0,
        with_total: bool = False,
    ) -> CallPage[Call]:
        """Calls that fulfil every filter, by start_timestamp and then call_id.

        pagination_key: `next_key` of the page before, or the call_id of its last call; either stays right while
        calls are added. skip: how many to pass over. with_total: they are counted as well, in the same walk.

        Raises:
            UnknownCall: pagination_key is the call_id of no call.
        """
        window = _Wanted(ascending=ascending, limit=limit, pagination_key=pagination_key, skip=skip)

        def read_records(connection: Connection, places: Sequence[Place]) -> Sequence[Row[Any]]:
            return read(connection, keys_of(connection, self._columns, places), RECORD)

        return await self._page(filters, window, read_records, call_of, with_total=with_total)

    async def list_items(
        self,
        filters: Sequence[AnyFilter] = (),
        *,
        ascending: bool = False,
        limit: int = 50,
        pagination_key: str | None = None,
        skip: int = 0,
        with_total: bool = False,
    ) -> CallPage[str]:
        """The same as JSON texts, without transcripts: what list-calls shows."""
        window = _Wanted(ascending=ascending, limit=limit, pagination_key=pagination_key, skip=skip)

        def read_all(connection: Connection, places: Sequence[Place]) -> Sequence[Row[Any] | SealedItem]:
            return read_items(connection, self._columns, places)

        return await self._page(filters, window, read_all, item_of, with_total=with_total)

    async def _page(
        self,
        filters: Sequence[AnyFilter],
        wanted: _Wanted,
        read_all: Callable[[Connection, Sequence[Place]], Sequence[Source]],
        read_one: Callable[[Source], Shown],
        *,
        with_total: bool,
    ) -> CallPage[Shown]:
        def ask(connection: Connection) -> tuple[Sequence[Source], Sequence[Key], int | None]:
            found = call_list.look(connection, self._columns, filters, wanted.window(connection), with_total=with_total)
            page, beyond = found.places[: wanted.limit], found.places[wanted.limit :]
            last = keys_of(connection, self._columns, page[-1:] if beyond else ())
            return read_all(connection, page), last, found.total

        rows, last, total = await self._database.read(ask)
        next_key = "{}:{}".format(*last[0]) if last else None
        return CallPage(await asyncio.to_thread(readable, rows, read_one), next_key, total)

    async def count(self, filters: Sequence[AnyFilter] = ()) -> int:
        """How many calls fulfil every filter."""

        def ask(connection: Connection) -> int:
            return call_list.look(connection, self._columns, filters, with_total=True).total or 0

        return await self._database.read(ask)

    async def update_fields(
        self, call_id: str, fields: Mapping[str, object] | Callable[[Call], Mapping[str, object]]
    ) -> Call | None:
        """Change single keys of the call object, whatever the call itself goes on to save. None: no such call.

        fields: JSON values by key; null unsets one. Or a function that makes them of the call as it is, which nobody
        changes meanwhile; what it raises passes through and nothing is changed.

        Raises:
            pydantic.ValidationError: the result would be no valid call object; nothing is changed.
        """

        def change(connection: Connection) -> Call | None:
            chosen = select(calls).where(calls.c.call_id == call_id).with_for_update()
            row = connection.execute(chosen).one_or_none()
            if row is None:
                return None
            wanted = fields(call_of(row)) if callable(fields) else fields
            amendments = {**json.loads(row.amendments or "{}"), **wanted}
            document = json.loads(row.document)
            call = Call.model_validate({**document, **amendments})
            known = call.as_json()
            # What was unset is not only hidden: it may be what the caller wants forgotten.
            kept = {key: value for key, value in document.items() if amendments.get(key, value) is not None}
            values = {"amendments": dump(amendments), "document": dump(kept), "list_item": list_item(known)}
            values |= columns(known)
            connection.execute(update(calls).where(calls.c.call_id == call_id).values(**values))
            _index(connection, call_id, known, row.listed_ms)
            if row.call_status not in UNFINISHED:
                mark_fresh(connection, call_id, listed_ms=row.listed_ms, sealed_ms=row.listed_ms)
            return call

        changed = await self._database.write(change)
        self._sealer.announce()
        return changed

    async def delete(self, call_id: str) -> bool:
        """Delete the record and what was told about it; what is still to be told is told. False: no such call."""

        def drop(connection: Connection) -> bool:
            self._outbox.forget(connection, call_id)
            for table in (call_attributes, call_tool_calls):
                connection.execute(delete(table).where(table.c.call_id == call_id))
            dropped = delete(calls).where(calls.c.call_id == call_id).returning(calls.c.call_id, calls.c.listed_ms)
            row = connection.execute(dropped).one_or_none()
            if row:
                mark_fresh(connection, row.call_id, listed_ms=row.listed_ms, sealed_ms=row.listed_ms)
            return row is not None

        deleted = await self._database.write(drop)
        self._sealer.announce(at_once=deleted)
        return deleted

    async def _rows(self, condition: ColumnElement[bool]) -> Sequence[Row[Any]]:
        def ask(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(select(*RECORD).where(condition)).all()

        return await self._database.read(ask)


def _position(connection: Connection, pagination_key: str) -> Key:
    """Where in the order a page begins."""
    listed_ms, colon, call_id = pagination_key.partition(":")
    if colon and listed_ms.isascii() and listed_ms.isdigit() and len(listed_ms) < 19:
        return int(listed_ms), call_id
    row = connection.execute(select(calls.c.listed_ms).where(calls.c.call_id == pagination_key)).one_or_none()
    if row is None:
        raise UnknownCall(pagination_key)
    return row.listed_ms, pagination_key


def _index(connection: Connection, call_id: str, document: Mapping[str, Any], listed_ms: int) -> None:
    """Make what filters look through agree with the call object; written only where it does not."""
    same_call: dict[str, Any] = {"call_id": storable(call_id)}
    tools = [{**same_call, "position": place, **tool} for place, tool in enumerate(tool_calls(document))]
    _replace(connection, call_tool_calls, call_id, tools)
    _replace(
        connection,
        call_attributes,
        call_id,
        [
            same_call | {"kind": kind, "key": key, "text": text, "number": number, "listed_ms": listed_ms}
            for (kind, key), (text, number) in sorted(attributes(document).items())
        ],
    )


def _replace(connection: Connection, table: Table, call_id: str, wanted: Sequence[Mapping[str, Any]]) -> None:
    of_call = table.c.call_id == call_id
    statement = select(table).where(of_call).order_by(*table.primary_key.columns)
    present = [dict(row) for row in connection.execute(statement).mappings()]
    if present == wanted:
        return
    if present:
        connection.execute(delete(table).where(of_call))
    if wanted:
        connection.execute(insert(table), wanted)
