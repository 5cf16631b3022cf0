"""Registered calls that wait for their caller. A row is there until somebody takes the call, or its time is up.

Taking is deleting: whoever's DELETE finds the row has the call, so of two callers, in two processes even, one wins.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.registered_call import Registration
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import UnreadableRecord
from ari_agent.store.calls import Calls
from ari_agent.store.database import Database, dump, insert_into
from ari_agent.store.outbox import Outbox
from ari_agent.store.record_rows import parsed
from ari_agent.store.tables import calls, registrations

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Overdue:
    """A registered call that nobody took in time. registration: None where what was stored cannot be read any more."""

    call_id: str
    registration: Registration | None


class Registrations:
    """Registrations by call_id. Times in milliseconds since the epoch."""

    def __init__(self, database: Database, calls: Calls, outbox: Outbox) -> None:
        self._database = database
        self._calls = calls
        self._outbox = outbox

    async def save(self, registration: Registration, call: Call) -> None:
        """Store a new registration and the record of its call, both or neither."""

        def write(connection: Connection) -> None:
            self._calls.put(connection, call, CallRecovery.of(registration.agent), in_hand=False)
            _put(connection, registration)

        await self._database.write(write)

    async def give_back(self, registration: Registration) -> None:
        """Undo `take`, so that somebody else may take the call."""

        def write(connection: Connection) -> None:
            _put(connection, registration)
            self._in_hand(connection, registration.call_id, None)

        await self._database.write(write)

    async def take(self, call_id: str, *, now_ms: int) -> Registration | None:
        """Take a registered call, so that nobody else can. None: taken already, overdue, or never registered.

        Raises:
            StoreError: the database failed, or holds what cannot be read: that stays until it is overdue.
        """
        statement = delete(registrations).where(registrations.c.call_id == call_id, registrations.c.expires_ms > now_ms)

        def write(connection: Connection) -> Registration | None:
            document: str | None = connection.execute(statement.returning(registrations.c.document)).scalar()
            if document is None:
                return None
            self._in_hand(connection, call_id, self._database.node_id)
            return _registration(call_id, document)

        return await self._database.write(write)

    def _in_hand(self, connection: Connection, call_id: str, node_id: int | None) -> None:
        """Put a call into the hands of a node, so that it is not lost if that dies at once; of None: out of them."""
        if self._database.node_id is not None:
            connection.execute(update(calls).where(calls.c.call_id == call_id).values(node_id=node_id))

    async def overdue(self, *, now_ms: int, limit: int = 100) -> Sequence[Overdue]:
        """Return registrations whose time is up, the oldest first, at most `limit`."""
        expires_ms = registrations.c.expires_ms
        statement = select(registrations).where(expires_ms <= now_ms).order_by(expires_ms).limit(limit)
        rows = await self._database.rows(statement)
        return [_overdue(row.call_id, row.document) for row in rows]

    async def expire(self, call: Call, events: Sequence[WebhookEvent]) -> bool:
        """End a registration with the last record of its call. False: somebody has taken it, and nothing is written."""

        def write(connection: Connection) -> bool:
            statement = delete(registrations).where(registrations.c.call_id == call.call_id)
            if connection.execute(statement).rowcount != 1:
                return False
            self._calls.put(connection, call)
            self._outbox.add(connection, events)
            return True

        done = await self._database.write(write)
        if done and events:
            self._outbox.announce()
        return done

    async def forget(self, call_id: str) -> None:
        """Delete a registration whose call is deleted, or cannot be read."""
        await self._database.run(delete(registrations).where(registrations.c.call_id == call_id))

    async def next_expiry_ms(self) -> int | None:
        """When the next registration is overdue; None when there is none."""
        return await self._database.scalar(select(func.min(registrations.c.expires_ms)))

    async def waiting(self) -> frozenset[str]:
        """Return the call_ids of all calls that are registered now."""
        return frozenset(row.call_id for row in await self._database.rows(select(registrations.c.call_id)))


def _put(connection: Connection, registration: Registration) -> None:
    values = {
        "call_id": registration.call_id,
        "document": dump(registration.as_record()),
        "expires_ms": registration.expires_ms,
    }
    connection.execute(insert_into(connection, registrations).values(values))


def _overdue(call_id: str, document: str) -> Overdue:
    """One that cannot be read must not keep the others from being ended."""
    try:
        return Overdue(call_id, _registration(call_id, document))
    except UnreadableRecord as error:
        log.error("%s", error, extra={"call_id": call_id})
        return Overdue(call_id, None)


def _registration(call_id: str, document: str) -> Registration:
    return parsed(Registration.model_validate, document, f"the registration of call {call_id}")
