"""The records of calls.

Two parties write to a record: the call, which saves its whole object at each step, and the API, which changes single
keys (`metadata`, `custom_attributes`, ...). Each has a column of its own, and reading lays the API's keys over the
call's object, so neither can undo what the other wrote, whatever the order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import TakenOver, UnknownCall
from ari_agent.store import call_records
from ari_agent.store.call_filter import AnyFilter
from ari_agent.store.call_index import attributes, columns, dialled, spent, tool_calls
from ari_agent.store.call_parts import KEYS, CallPart
from ari_agent.store.call_records import SaidCall, StoredCall, call_of, list_item, recovery_columns
from ari_agent.store.database import INSERTS, Database, among, dump
from ari_agent.store.dialled_calls import outlive
from ari_agent.store.list_calls_paging import WantedPage, count, has_more_than, read_page
from ari_agent.store.outbox import UNFINISHED, Outbox
from ari_agent.store.record_rows import readable
from ari_agent.store.tables import batch_tasks, call_attributes, call_tool_calls, calls, registrations, storable

_STORED: Final = select(*call_records.STORED_CALL)
# Built once: to build them, and to look up what SQL they are, would be half of what a save costs.
_OF_CALL: Final = calls.c.call_id == bindparam("of_call")
_HELD: Final = (calls.c.node_id, calls.c.end_timestamp, calls.c.disconnection_reason)
_PRESENT: Final = (
    select(calls.c.amendments, calls.c.listed_ms, calls.c.call_status, *_HELD).where(_OF_CALL).with_for_update()
)
_CHANGE: Final = update(calls).where(_OF_CALL)
_ADD: Final = {dialect: new(calls).on_conflict_do_nothing() for dialect, new in INSERTS.items()}
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class CallPage(Generic[Shown]):
    """Some calls, and the key that the page after them begins with: None on the last page.

    total: how many fulfil the filters on all pages together; None if nobody wanted to know.
    """

    calls: Sequence[Shown]
    next_key: str | None
    total: int | None = None


class Calls:
    """Records by call_id, and pages of them by when they started."""

    def __init__(self, database: Database, outbox: Outbox, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._outbox = outbox
        self._now_ms = now_ms

    async def save(self, call: Call, events: Sequence[WebhookEvent] = (), recovery: CallRecovery = NO_RECOVERY) -> None:
        """Write the record, with its recovery, and what is to be told about it: all or nothing.

        May be repeated: the record is replaced, and a lifecycle event that was queued once is not queued again.

        Raises:
            TakenOver: another node has the call in hand, or has ended it; nothing is written.
        """

        def write(connection: Connection) -> None:
            self.put(connection, call, recovery)
            self._outbox.add(connection, events)

        await self._database.write(write)
        if events:
            self._outbox.announce()

    def put(
        self, connection: Connection, call: Call, recovery: CallRecovery = NO_RECOVERY, *, in_hand: bool = True
    ) -> None:
        """Write the record, with its recovery, inside somebody's transaction, as `save` does.

        in_hand: False for a call that still waits for whoever takes it.
        """
        row = connection.execute(_PRESENT, {"of_call": call.call_id}).one_or_none()
        if (node_id := self._database.node_id) is not None and row:
            _require_in_hand(row, call, node_id)
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
            **recovery_columns(recovery, listed_ms),
        }
        if row is None or row.call_status in UNFINISHED:  # repeated, the end of a call makes it wait no second time
            values["analysis_due_ms"] = recovery.analysis_due_ms
            if node_id is not None:  # that of a call that is over stays until it is analysed
                goes_on = call.call_status in UNFINISHED or recovery.analysis_due_ms is not None
                values["node_id"] = node_id if in_hand and goes_on else None
        if row:
            connection.execute(_CHANGE, values | {"of_call": call.call_id})
        elif connection.execute(_ADD[connection.dialect.name], values).rowcount != 1:
            self.put(connection, call, recovery, in_hand=in_hand)  # somebody else has just made it
            return
        _index(connection, call.call_id, known, listed_ms)
        self._outbox.tell_no_more(connection, call.call_id, known)

    async def holder(self, call_id: str) -> int | None:
        """Return the node_id of the node that has a call in hand that is not over; None: none has.

        Raises:
            UnknownCall: there is no record of such a call.
        """
        rows = await self._database.rows(select(calls.c.node_id, calls.c.call_status).where(calls.c.call_id == call_id))
        if not rows:
            raise UnknownCall(call_id)
        node_id: int | None = rows[0].node_id
        return node_id if rows[0].call_status in UNFINISHED else None

    async def get(self, call_id: str) -> Call | None:
        """Return the call object, or None. Raises: UnreadableRecord."""
        stored = await self.get_stored(call_id)
        return stored.call if stored else None

    async def get_stored(self, call_id: str) -> StoredCall | None:
        """Return the call object with its recovery, or None. Raises: UnreadableRecord."""
        rows = await self._database.rows(_STORED.where(calls.c.call_id == call_id))
        return call_records.stored_call_of(rows[0]) if rows else None

    async def unfinished(self, *conditions: ColumnElement[bool]) -> Sequence[StoredCall]:
        """Records of calls that have not ended, and fulfil the conditions."""
        rows = await self._database.rows(_STORED.where(calls.c.call_status.in_(UNFINISHED), *conditions))
        return await asyncio.to_thread(readable, rows, call_records.stored_call_of)

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
        calls are added. skip: how many to pass over. with_total: all that fulfil the filters are counted as well.

        Raises:
            UnknownCall: pagination_key is the call_id of no call.
        """
        wanted = WantedPage(ascending, limit, pagination_key, skip, with_total)
        return await self._page(filters, wanted, call_records.RECORD, call_of)

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
        wanted = WantedPage(ascending, limit, pagination_key, skip, with_total)
        return await self._page(filters, wanted, call_records.ITEM, call_records.item_of)

    async def list_said(
        self, filters: Sequence[AnyFilter] = (), *, limit: int = 50, pagination_key: str | None = None
    ) -> CallPage[SaidCall]:
        """The same, from the newest on, with what was said: nothing of that is parsed, and all of it is in memory."""
        wanted = WantedPage(limit=limit, pagination_key=pagination_key)
        return await self._page(filters, wanted, call_records.SAID, call_records.said_call_of)

    async def _page(
        self,
        filters: Sequence[AnyFilter],
        wanted: WantedPage,
        columns: Sequence[ColumnElement[Any]],
        read_one: Callable[[Row[Any]], Shown],
    ) -> CallPage[Shown]:
        def ask(connection: Connection) -> tuple[Sequence[Row[Any]], str | None, int | None]:
            keys, next_key = read_page(connection, filters, wanted)
            total = count(connection, filters) if wanted.with_total else None
            return call_records.read(connection, keys, columns), next_key, total

        rows, next_key, total = await self._database.read(ask)
        return CallPage(await asyncio.to_thread(readable, rows, read_one), next_key, total)

    async def count(self, filters: Sequence[AnyFilter] = ()) -> int:
        """Return how many calls fulfil every filter."""
        return await self._database.read(lambda connection: count(connection, filters))

    async def has_more_than(self, filters: Sequence[AnyFilter], most: int) -> bool:
        """Return whether more than so many calls fulfil every filter, which is quicker to say than how many do."""
        return await self._database.read(lambda connection: has_more_than(connection, filters, most))

    async def update_fields(
        self, call_id: str, fields: Mapping[str, object] | Callable[[Call], Mapping[str, object]]
    ) -> Call | None:
        """Change single keys of the call object, whatever the call itself goes on to save. None: no such call.

        fields: JSON values by key; null unsets one. Or a function that makes them of the call as it is, which nobody
        changes meanwhile; what it raises passes through and nothing is changed.

        Raises:
            pydantic.ValidationError: the result would be no valid call object; nothing is changed.
        """
        return await self._database.write(lambda connection: self.change(connection, call_id, fields))

    def change(
        self,
        connection: Connection,
        call_id: str,
        fields: Mapping[str, object] | Callable[[Call], Mapping[str, object]],
    ) -> Call | None:
        """Do what `update_fields` does, inside somebody's transaction."""
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
        connection.execute(_CHANGE, values | {"of_call": call_id})
        _index(connection, call_id, known, row.listed_ms)
        self._outbox.tell_no_more(connection, call_id, known)
        return call

    async def delete(self, call_id: str) -> bool:
        """Delete the record and what was told about it; what is still to be told is told. False: no such call.

        For limits of the dial policy it goes on to count until its day is over: see `dialled_calls`.
        """
        return await self._database.write(lambda connection: self._drop(connection, call_id))

    def _drop(self, connection: Connection, call_id: str) -> bool:
        outlive(connection, call_id, now_ms=self._now_ms())
        for table in (call_attributes, call_tool_calls, registrations):
            connection.execute(delete(table).where(table.c.call_id == call_id))
        # The batch goes on counting its task, of which only that is left.
        batch_call_id = connection.execute(select(calls.c.batch_call_id).where(calls.c.call_id == call_id)).scalar()
        if batch_call_id is not None:
            task = (batch_tasks.c.batch_call_id == batch_call_id) & (batch_tasks.c.call_id == call_id)
            connection.execute(update(batch_tasks).where(task).values(document="{}", why=None))
        is_gone = connection.execute(delete(calls).where(calls.c.call_id == call_id)).rowcount == 1
        self._outbox.forget(connection, call_id)  # last: what was delivered just before is there now
        return is_gone

    async def expired(self, now_ms: int, *, began_before_ms: int | None, limit: int) -> Sequence[str]:
        """Return some calls that are over and whose time is up by their agents, or that began before that time."""
        is_up = calls.c.expires_ms <= now_ms
        return await self._over(
            is_up if began_before_ms is None else is_up | (calls.c.listed_ms < began_before_ms), limit
        )

    async def remembered(self, part: CallPart, *, began_before_ms: int, limit: int) -> Sequence[str]:
        """Return some calls that are over, began before that time, and of which this part was not forgotten yet."""
        lacking = [bits for bits in range(2 * max(CallPart)) if not bits & part]
        return await self._over(calls.c.forgotten.in_(lacking) & (calls.c.listed_ms < began_before_ms), limit)

    async def _over(self, condition: ColumnElement[bool], limit: int) -> Sequence[str]:
        statement = select(calls.c.call_id).where(condition, calls.c.call_status.not_in(UNFINISHED)).limit(limit)
        return [row.call_id for row in await self._database.rows(statement)]

    async def settings(self, call_ids: Collection[str]) -> Mapping[str, str | None]:
        """Return the data_storage_setting of those of these ids that are of calls with a record."""

        def find(connection: Connection) -> Mapping[str, str | None]:
            wanted = among(connection, calls.c.call_id, list(call_ids))
            chosen = select(calls.c.call_id, calls.c.data_storage_setting).where(wanted)
            return {row.call_id: row.data_storage_setting for row in connection.execute(chosen)}

        return await self._database.read(find)

    async def forget(self, call_id: str, part: CallPart) -> None:
        """Remove the keys of this part from the call object, and note that. Its files are to be removed before."""

        def change(connection: Connection) -> None:
            self.change(connection, call_id, dict.fromkeys(KEYS[part]))
            if part is CallPart.TRANSCRIPT:
                self._outbox.forget(connection, call_id)
            bits = calls.c.forgotten.bitwise_or(int(part))
            connection.execute(update(calls).where(calls.c.call_id == call_id).values(forgotten=bits))

        await self._database.write(change)


def _require_in_hand(row: Row[Any, Any, Any, Any, Any, Any], call: Call, node_id: int) -> None:
    """Raise TakenOver where a node may not write the record of a call any more. row: what is stored of it.

    One that is over stays as it ended: who comes with another end comes too late.
    """
    ended = (row.end_timestamp, row.disconnection_reason)
    is_over = row.call_status not in UNFINISHED
    if row.node_id not in (None, node_id) or (is_over and ended != (call.end_timestamp, call.disconnection_reason)):
        raise TakenOver(call.call_id)


def _index(connection: Connection, call_id: str, document: Mapping[str, Any], listed_ms: int) -> None:
    """Make what filters look through agree with the call object; written only where it does not."""
    same_call: dict[str, Any] = {"call_id": storable(call_id)}
    tools = [{**same_call, "position": place, **tool} for place, tool in enumerate(tool_calls(document))]
    _TOOL_CALLS.replace(connection, call_id, tools)
    _ATTRIBUTES.replace(
        connection,
        call_id,
        [
            same_call | {"kind": kind, "key": key, "text": text, "number": number, "listed_ms": listed_ms}
            for (kind, key), (text, number) in sorted(
                {**attributes(document), **dialled(document), **spent(document)}.items()
            )
        ],
    )


@dataclass(frozen=True, slots=True)
class _Indexed:
    """The statements for the rows of one call in a table of what filters look through."""

    present: Select[Any]
    drop: Delete
    add: Insert

    @classmethod
    def of(cls, table: Table) -> _Indexed:
        of_call = table.c.call_id == bindparam("of_call")
        present = select(table).where(of_call).order_by(*table.primary_key.columns)
        return cls(present, delete(table).where(of_call), insert(table))

    def replace(self, connection: Connection, call_id: str, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Make these the rows of the call; written only where they are not."""
        of_call = {"of_call": call_id}
        present = [dict(row) for row in connection.execute(self.present, of_call).mappings()]
        if present == wanted:
            return
        if present:
            connection.execute(self.drop, of_call)
        if wanted:
            connection.execute(self.add, wanted)


_TOOL_CALLS: Final = _Indexed.of(call_tool_calls)
_ATTRIBUTES: Final = _Indexed.of(call_attributes)
