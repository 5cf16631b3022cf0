"""Batches of outbound calls and their tasks. A task leaves the state `pending` in the transaction that stores its call,
so that no call is placed twice, whenever the process dies; a task that is refused leaves a record as well.

Nodes place one after the other: whoever has claimed a batch has its turn, until it ends that, or is a node no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, insert, select, update

from ari_agent.contract.batch_call import BatchCall
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.phone_call import CallTask
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.store.calls import Calls
from ari_agent.store.claims import BATCHES_LOCK, is_a_node, is_in_other_hands
from ari_agent.store.database import Database, dump
from ari_agent.store.outbox import Outbox
from ari_agent.store.tables import batch_calls, batch_tasks

_TASKS_PER_INSERT = 500


@dataclass(frozen=True, slots=True)
class PendingTask:
    """position: from 0, in the order of the batch.

    unreadable: why this version cannot read what an earlier one stored; `task` then holds the number alone.
    """

    position: int
    task: CallTask
    unreadable: str | None = None


class Batches:
    """Batches by batch_call_id. Times are milliseconds since the epoch."""

    def __init__(self, database: Database, calls: Calls, outbox: Outbox) -> None:
        self._database = database
        self._calls = calls
        self._outbox = outbox

    async def create(self, batch: BatchCall, tasks: Sequence[CallTask]) -> None:
        """Store a batch with all its tasks, or nothing of it."""
        of_batch = {"batch_call_id": batch.batch_call_id}
        row = {**of_batch, "document": dump(batch.as_record()), "due_ms": batch.scheduled_timestamp, "is_open": True}
        documents = [dump(task.as_record()) for task in tasks]
        rows = [{**of_batch, "position": at, "document": one, "state": "pending"} for at, one in enumerate(documents)]

        def write(connection: Connection) -> None:
            connection.execute(insert(batch_calls).values(row))
            for first in range(0, len(rows), _TASKS_PER_INSERT):
                connection.execute(insert(batch_tasks), rows[first : first + _TASKS_PER_INSERT])

        await self._database.write(write)

    async def due(self, now_ms: int) -> Sequence[BatchCall]:
        """Open batches whose time has come, the longest due first.

        A node has claimed them then, until `end_turn`; it gets none while another node has its turn.
        """
        is_due = and_(batch_calls.c.is_open.is_(True), batch_calls.c.due_ms <= now_ms)
        if (node_id := self._database.node_id) is not None:
            rows = await self._database.write(lambda connection: _claim(connection, is_due, node_id))
        else:
            statement = select(batch_calls.c.document).where(is_due)
            rows = await self._database.rows(statement.order_by(batch_calls.c.due_ms, batch_calls.c.batch_call_id))
        return [BatchCall.model_validate(json.loads(row.document)) for row in rows]

    async def end_turn(self) -> None:
        """Let other nodes place the calls of batches now."""
        if (node_id := self._database.node_id) is not None:
            claimed = update(batch_calls).where(batch_calls.c.claimed_by == node_id)
            await self._database.run(claimed.values(claimed_by=None))

    async def next_due_ms(self) -> int | None:
        """Return when the next open batch is due, or None if no batch is open."""
        statement = select(func.min(batch_calls.c.due_ms)).where(batch_calls.c.is_open.is_(True))
        return await self._database.scalar(statement)

    async def next_task(self, batch_call_id: str) -> PendingTask | None:
        """Return the first task that is still pending, or None if there is none."""
        pending = and_(batch_tasks.c.batch_call_id == batch_call_id, batch_tasks.c.state == "pending")
        statement = select(batch_tasks).where(pending).order_by(batch_tasks.c.position).limit(1)
        rows = await self._database.rows(statement)
        return _pending(rows[0].position, json.loads(rows[0].document)) if rows else None

    async def place(self, batch_call_id: str, position: int, call: Call, recovery: CallRecovery = NO_RECOVERY) -> bool:
        """Store the record of a task's call. False: the task was placed already, and nothing is stored."""
        return await self._finish(batch_call_id, position, call, recovery, state="placed")

    async def refuse(
        self,
        batch_call_id: str,
        position: int,
        call: Call,
        events: Sequence[WebhookEvent],
        *,
        why: str,
        recovery: CallRecovery = NO_RECOVERY,
    ) -> bool:
        """A task that cannot be placed is over, with the record of its call and what is to be told about it.

        recovery: of the call. False: the task was over already, and nothing is stored.
        """
        return await self._finish(batch_call_id, position, call, recovery, events, state="refused", why=why)

    async def _finish(
        self,
        batch_call_id: str,
        position: int,
        call: Call,
        recovery: CallRecovery,
        events: Sequence[WebhookEvent] = (),
        **values: str,
    ) -> bool:
        of_task = (batch_tasks.c.batch_call_id == batch_call_id, batch_tasks.c.position == position)
        statement = update(batch_tasks).where(*of_task, batch_tasks.c.state == "pending")

        def write(connection: Connection) -> bool:
            if connection.execute(statement.values(call_id=call.call_id, **values)).rowcount != 1:
                return False
            self._calls.put(connection, call, recovery)
            self._outbox.add(connection, events)
            return True

        finished = await self._database.write(write)
        if finished and events:
            self._outbox.announce()
        return finished

    async def postpone(self, batch_call_id: str, due_ms: int) -> None:
        """Place nothing of this batch before due_ms."""
        await self._change(batch_call_id, due_ms=due_ms)

    async def close(self, batch_call_id: str) -> None:
        """Close the batch, because all its tasks were placed or refused."""
        await self._change(batch_call_id, is_open=False)

    async def _change(self, batch_call_id: str, **values: object) -> None:
        of_batch = batch_calls.c.batch_call_id == batch_call_id
        await self._database.run(update(batch_calls).where(of_batch).values(**values))


def _claim(connection: Connection, is_due: ColumnElement[bool], node_id: int) -> Sequence[Row[Any]]:
    """Claim what is due, the longest due first; nothing where another node has a claim, or is about to have one."""
    if not connection.scalar(select(exists().where(is_due))):
        return ()
    if not connection.scalar(select(func.pg_try_advisory_xact_lock(*BATCHES_LOCK))):
        return ()
    other = batch_calls.alias("other")
    others_turn = exists().where(other.c.is_open.is_(True), is_in_other_hands(other.c.claimed_by, node_id))
    claimed = update(batch_calls).where(is_due, ~others_turn, is_a_node(node_id)).values(claimed_by=node_id)
    rows = connection.execute(claimed.returning(batch_calls)).all()
    return sorted(rows, key=lambda row: (row.due_ms, row.batch_call_id))


def _pending(position: int, document: Mapping[str, Any]) -> PendingTask:
    try:
        return PendingTask(position, CallTask.model_validate(document))
    except ValidationError as error:
        task = CallTask.model_construct(to_number=str(document.get("to_number", "")))
        return PendingTask(position, task, unreadable=explain(error, document))
