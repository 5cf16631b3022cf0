"""The records of calls.

Two parties write to a record: the call, which saves its whole object at each step, and the API, which changes single
keys (`metadata`, `custom_attributes`, ...). Each has a column of its own, and reading lays the API's keys over the
call's object, so neither can undo what the other wrote, whatever the order.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Row, Select, delete, func, select, tuple_, update

from ari_agent.contract.call import Call
from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import StoreError, UnknownCall
from ari_agent.store.call_filter import AnyOf, Filter, condition
from ari_agent.store.database import Database, insert_into
from ari_agent.store.outbox import Outbox
from ari_agent.store.tables import calls

log = logging.getLogger(__name__)

_INDEXED: Final = (
    "call_type",
    "call_status",
    "agent_id",
    "agent_version",
    "direction",
    "from_number",
    "to_number",
    "start_timestamp",
    "end_timestamp",
    "duration_ms",
    "disconnection_reason",
    "batch_call_id",
)
_UNFINISHED: Final = (CallStatus.REGISTERED.value, CallStatus.ONGOING.value)


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

    async def save(self, call: Call, events: Sequence[WebhookEvent] = ()) -> None:
        """Write the record and what is to be told about it, both or neither.

        May be repeated: the record is replaced, and a lifecycle event that was queued once is not queued again.
        """

        def write(connection: Connection) -> None:
            self.put(connection, call)
            self._outbox.add(connection, events)

        await self._database.write(write)
        if events:
            self._outbox.announce()

    def put(self, connection: Connection, call: Call) -> None:
        """Write the record inside somebody's transaction."""
        document = call.as_json()
        values = {name: document.get(name) for name in _INDEXED}
        values |= {"call_id": call.call_id, "document": _dump(call.as_record())}
        listed_ms = self._now_ms() if call.start_timestamp is None else call.start_timestamp
        statement = insert_into(connection, calls).values(**values, listed_ms=listed_ms)
        # a record keeps its place in the list until it knows when its call started
        place = func.coalesce(statement.excluded.start_timestamp, calls.c.listed_ms)
        connection.execute(
            statement.on_conflict_do_update(index_elements=[calls.c.call_id], set_=values | {"listed_ms": place})
        )

    async def get(self, call_id: str) -> Call | None:
        """The record, or None."""
        rows = await self._rows(select(calls).where(calls.c.call_id == call_id))
        return _call(rows[0]) if rows else None

    async def unfinished(self) -> Sequence[Call]:
        """Records of calls that have not ended: after a start, those that died with the process before."""
        return _readable(await self._rows(select(calls).where(calls.c.call_status.in_(_UNFINISHED))))

    async def list(
        self,
        filters: Sequence[Filter | AnyOf] = (),
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
        columns = (calls.c.listed_ms, calls.c.call_id)
        statement = select(calls).where(*(condition(a_filter) for a_filter in filters))
        statement = statement.order_by(*(column.asc() if ascending else column.desc() for column in columns))
        if pagination_key is not None:
            here, last = tuple_(*columns), tuple_(*await self._position(pagination_key))
            statement = statement.where(here > last if ascending else here < last)
        rows = await self._rows(statement.offset(skip).limit(limit + 1))
        page = rows[:limit]
        more = len(rows) > limit and page
        return CallPage(_readable(page), f"{page[-1].listed_ms}:{page[-1].call_id}" if more else None)

    async def count(self, filters: Sequence[Filter | AnyOf] = ()) -> int:
        """How many calls fulfil every filter."""
        statement = select(func.count()).select_from(calls).where(*(condition(a_filter) for a_filter in filters))

        def ask(connection: Connection) -> int:
            return connection.execute(statement).scalar_one()

        return await self._database.read(ask)

    async def update_fields(self, call_id: str, fields: Mapping[str, object]) -> Call | None:
        """Change single keys of the call object, whatever the call itself goes on to save. None: no such call.

        fields: JSON values by key; null unsets one.

        Raises:
            pydantic.ValidationError: the result would be no valid call object; nothing is changed.
        """

        def change(connection: Connection) -> Call | None:
            chosen = select(calls).where(calls.c.call_id == call_id).with_for_update()
            row = connection.execute(chosen).one_or_none()
            if row is None:
                return None
            amendments = {**json.loads(row.amendments or "{}"), **fields}
            call = Call.model_validate({**json.loads(row.document), **amendments})
            values = {"amendments": _dump(amendments)}
            values |= {name: value for name, value in call.as_json().items() if name in fields and name in _INDEXED}
            connection.execute(update(calls).where(calls.c.call_id == call_id).values(**values))
            return call

        return await self._database.write(change)

    async def delete(self, call_id: str) -> bool:
        """Delete the record and what was told about it; what is still to be told is told. False: no such call."""

        def drop(connection: Connection) -> bool:
            self._outbox.forget(connection, call_id)
            return connection.execute(delete(calls).where(calls.c.call_id == call_id)).rowcount == 1

        return await self._database.write(drop)

    async def _position(self, pagination_key: str) -> tuple[int, str]:
        """Where in the order a page begins."""
        listed_ms, colon, call_id = pagination_key.partition(":")
        if colon and listed_ms.isascii() and listed_ms.isdigit() and len(listed_ms) < 19:
            return int(listed_ms), call_id
        rows = await self._rows(select(calls).where(calls.c.call_id == pagination_key))
        if not rows:
            raise UnknownCall(pagination_key)
        return rows[0].listed_ms, pagination_key

    async def _rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        def ask(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement).all()

        return await self._database.read(ask)


def _dump(document: Mapping[str, object]) -> str:
    # escaped to ASCII: a database text holds neither NUL (PostgreSQL) nor half a surrogate pair
    return json.dumps(document, separators=(",", ":"))


def _call(row: Row[Any]) -> Call:
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
    for row in rows:
        try:
            found.append(_call(row))
        except StoreError as error:
            log.error("a record was passed over: %s", error, extra={"call_id": row.call_id})
    return found
