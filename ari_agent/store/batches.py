"""Batches of outbound calls and their tasks. A task leaves the state `pending` in the transaction that stores its call,
so that no call is placed twice, whenever the process dies; a task that is refused leaves a record as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, func, insert, select, update

from ari_agent.contract.batch_call import BatchCall
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.phone_call import CallTask
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.store.calls import Calls
from ari_agent.store.database import Database
from ari_agent.store.outbound_tables import batch_calls, batch_tasks
from ari_agent.store.outbox import Outbox

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
        rows = [
            {
                "batch_call_id": batch.batch_call_id,
                "position": position,
                "document": json.dumps(task.as_record(), separators=(",", ":")),
                "state": "pending",
            }
            for position, task in enumerate(tasks)
        ]

        def write(connection: Connection) -> None:
            connection.execute(
                insert(batch_calls).values(
                    batch_call_id=batch.batch_call_id,
                    document=json.dumps(batch.as_record(), separators=(",", ":")),
                    due_ms=batch.scheduled_timestamp,
                    is_open=True,
                )
            )
            for first in range(0, len(rows), _TASKS_PER_INSERT):
                connection.execute(insert(batch_tasks), rows[first : first + _TASKS_PER_INSERT])

        await self._database.write(write)

    async def due(self, now_ms: int) -> Sequence[BatchCall]:
        """Open batches whose time has come, the longest due first."""
        statement = (
            select(batch_calls.c.document)
            .where(batch_calls.c.is_open.is_(True), batch_calls.c.due_ms <= now_ms)
            .order_by(batch_calls.c.due_ms, batch_calls.c.batch_call_id)
        )

        def ask(connection: Connection) -> Sequence[BatchCall]:
            return [BatchCall.model_validate(json.loads(text)) for text in connection.execute(statement).scalars()]

        return await self._database.read(ask)

    async def next_due_ms(self) -> int | None:
        """When the next open batch is due; None: there is none."""
        statement = select(func.min(batch_calls.c.due_ms)).where(batch_calls.c.is_open.is_(True))
        return await self._database.read(lambda connection: connection.execute(statement).scalar())

    async def next_task(self, batch_call_id: str) -> PendingTask | None:
        """The first task that was not placed yet; None: all were."""
        statement = (
            select(batch_tasks.c.position, batch_tasks.c.document)
            .where(batch_tasks.c.batch_call_id == batch_call_id, batch_tasks.c.state == "pending")
            .order_by(batch_tasks.c.position)
            .limit(1)
        )

        def ask(connection: Connection) -> PendingTask | None:
            row = connection.execute(statement).one_or_none()
            return _pending(row.position, json.loads(row.document)) if row else None

        return await self._database.read(ask)

    async def place(self, batch_call_id: str, position: int, call: Call, recovery: CallRecovery = NO_RECOVERY) -> bool:
        """Store the record of a task's call. False: the task was placed already, and nothing is stored."""

        def write(connection: Connection) -> bool:
            if not _finish_task(connection, batch_call_id, position, state="placed", call_id=call.call_id):
                return False
            self._calls.put(connection, call, recovery)
            return True

        return await self._database.write(write)

    async def refuse(
        self, batch_call_id: str, position: int, call: Call, events: Sequence[WebhookEvent], *, why: str
    ) -> bool:
        """A task that cannot be placed is over, with the record of its call and what is to be told about it.

        False: the task was over already, and nothing is stored.
        """

        def write(connection: Connection) -> bool:
            if not _finish_task(connection, batch_call_id, position, state="refused", call_id=call.call_id, why=why):
                return False
            self._calls.put(connection, call)
            self._outbox.add(connection, events)
            return True

        refused = await self._database.write(write)
        if refused and events:
            self._outbox.announce()
        return refused

    async def postpone(self, batch_call_id: str, due_ms: int) -> None:
        """Nothing of this batch is to be placed before."""
        await self._change(batch_call_id, due_ms=due_ms)

    async def close(self, batch_call_id: str) -> None:
        """Every task was placed or refused."""
        await self._change(batch_call_id, is_open=False)

    async def _change(self, batch_call_id: str, **values: object) -> None:
        statement = update(batch_calls).where(batch_calls.c.batch_call_id == batch_call_id).values(**values)

        def write(connection: Connection) -> None:
            connection.execute(statement)

        await self._database.write(write)


def _pending(position: int, document: Mapping[str, Any]) -> PendingTask:
    try:
        return PendingTask(position, CallTask.model_validate(document))
    except ValidationError as error:
        task = CallTask.model_construct(to_number=str(document.get("to_number", "")))
        return PendingTask(position, task, unreadable=explain(error, document))


def _finish_task(connection: Connection, batch_call_id: str, position: int, **values: str) -> bool:
    statement = (
        update(batch_tasks)
        .where(
            batch_tasks.c.batch_call_id == batch_call_id,
            batch_tasks.c.position == position,
            batch_tasks.c.state == "pending",
        )
        .values(**values)
    )
    return connection.execute(statement).rowcount == 1
