"""The records of calls.

Two parties write to a record: the call, which saves its whole object at each step, and the API, which changes single
keys (`metadata`, `custom_attributes`, ...). Each has a column of its own, and reading lays the API's keys over the
call's object, so neither can undo what the other wrote, whatever the order.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, delete, insert, select, update

from ari_agent.contract.call import Call
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import StoreError, UnknownCall
from ari_agent.store import call_list
from ari_agent.store.call_filter import AnyFilter
from ari_agent.store.call_index import attributes, columns, tool_calls
from ari_agent.store.call_sealer import UNFINISHED, CallSealer, mark_fresh
from ari_agent.store.call_segments import Key, among
from ari_agent.store.database import Database, insert_into
from ari_agent.store.outbox import Outbox
from ari_agent.store.tables import call_attributes, call_tool_calls, calls, storable

log = logging.getLogger(__name__)

_RECORD: Final[Sequence[ColumnElement[Any]]] = (
    calls.c.call_id,
    calls.c.listed_ms,
    calls.c.document,
    calls.c.amendments,
)


_PARSED_AT_ONCE: Final = 16
"""Records: half a millisecond."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, and the key that the page after them begins with: None on the last page."""

    calls: Sequence[Call]
    next_key: str | None


class Calls:
    """Records by call_id, and pages of them by when they started."""

    def __init__(self, database: Database, outbox: Outbox, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._outbox = outbox
        self._now_ms = now_ms
        self._sealer = CallSealer(database)

    async def open(self) -> None:
        """Seal what is waiting: of a database that an older version filled, every call."""
        await self._sealer.seal()

    async def close(self) -> None:
        """Let what is under way end."""
        await self._sealer.close()

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
            "document": _dump(call.as_record()),
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
        rows = await self._rows(select(*_RECORD).where(calls.c.call_id == call_id))
        return _call(rows[0]) if rows else None

    async def unfinished(self) -> Sequence[Call]:
        """Records of calls that have not ended: after a start, those that died with the process before."""
        rows = await self._rows(select(*_RECORD).where(calls.c.call_status.in_(UNFINISHED)))
        return await asyncio.to_thread(_readable, rows)

    async def list(
        self,
        filters: Sequence[AnyFilter] = (),
        *,
        ascending: bool = False,
        limit: int = 50,
        pagination_key: str | None = None,
        skip: int = 0,
    ) -> CallPage:
        """Calls that fulfil every filter, by start_timestamp and then call_id.

        pagination_key: `next_key` of the page before, or the call_id of its last call; either stays right while
        calls are added. skip: how many to pass over.

        Raises:
            UnknownCall: pagination_key is the call_id of no call.
        """

        def ask(connection: Connection) -> Sequence[Row[Any]]:
            after = None if pagination_key is None else _position(connection, pagination_key)
            window = call_list.Window(ascending=ascending, skip=skip, size=limit + 1, after=after)
            keys = call_list.page(connection, filters, window)
            chosen = select(*_RECORD).where(*_records_of(connection, keys))
            found: dict[str, Row[Any]] = {row.call_id: row for row in connection.execute(chosen)}
            return [found[call_id] for _, call_id in keys]

        rows = await self._database.read(ask)
        page = rows[:limit]
        more = len(rows) > limit and page
        return CallPage(
            await asyncio.to_thread(_readable, page), f"{page[-1].listed_ms}:{page[-1].call_id}" if more else None
        )

    async def count(self, filters: Sequence[AnyFilter] = ()) -> int:
        """How many calls fulfil every filter."""

        return await self._database.read(lambda connection: call_list.count(connection, filters))

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
            wanted = fields(_call(row)) if callable(fields) else fields
            amendments = {**json.loads(row.amendments or "{}"), **wanted}
            document = json.loads(row.document)
            call = Call.model_validate({**document, **amendments})
            known = call.as_json()
            # What was unset is not only hidden: it may be what the caller wants forgotten.
            kept = {key: value for key, value in document.items() if amendments.get(key, value) is not None}
            values = {"amendments": _dump(amendments), "document": _dump(kept), **columns(known)}
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

    async def _rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        def ask(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement).all()

        return await self._database.read(ask)


def _records_of(connection: Connection, keys: Sequence[Key]) -> Sequence[ColumnElement[bool]]:
    call_ids = [call_id for _, call_id in keys]
    if connection.dialect.name == "sqlite":
        # neighbours in the list are neighbours in the index by time, and strangers in the one by call_id, which an
        # expression keeps it from: a thousand calls are read ten times as fast
        by_time = among(connection, calls.c.listed_ms, [listed_ms for listed_ms, _ in keys])
        return by_time, among(connection, calls.c.call_id.concat(""), call_ids)
    return (among(connection, calls.c.call_id, call_ids),)


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


def _dump(document: Mapping[str, object]) -> str:
    # escaped to ASCII: a database text holds neither NUL (PostgreSQL) nor half a surrogate pair
    return json.dumps(document, separators=(",", ":"))


def _call(row: Row[Any]) -> Call:
    if row.amendments is None:
        with suppress(ValidationError):  # half a surrogate pair, say, which only Python's own parser takes
            return Call.model_validate_json(row.document)
    document = {**json.loads(row.document), **json.loads(row.amendments or "{}")}
    try:
        return Call.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise StoreError(f"the record of call {row.call_id} cannot be read: {where}: {problem['msg']}") from None


def _readable(rows: Sequence[Row[Any]]) -> Sequence[Call]:
    """The calls, without those that cannot be read: one bad record must not hide all others."""
    found = []
    for number, row in enumerate(rows):
        if number % _PARSED_AT_ONCE == 0:
            time.sleep(0)  # let the event loop's thread have its turn
        try:
            found.append(_call(row))
        except StoreError as error:
            log.error("a record was passed over: %s", error, extra={"call_id": row.call_id})
    return found
