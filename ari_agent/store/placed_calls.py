"""Calls that were placed with an idempotency key: the same key places no second one.

Key and record are written in one transaction, so that neither is there without the other, whenever the process dies.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.errors import UnknownCall
from ari_agent.store.calls import Calls
from ari_agent.store.database import Database, insert_into
from ari_agent.store.tables import idempotency_keys


class PlacedCalls:
    """Calls by idempotency key. since_ms: older keys are forgotten."""

    def __init__(self, database: Database, calls: Calls) -> None:
        self._database = database
        self._calls = calls

    async def find(self, key: str, *, since_ms: int) -> Call | None:
        """The call that was placed with this key, or None.

        Raises:
            UnknownCall: its record has been deleted; the key places no second call all the same.
        """
        statement = select(idempotency_keys.c.call_id).where(
            idempotency_keys.c.idempotency_key == key, idempotency_keys.c.created_ms > since_ms
        )
        call_id = await self._database.scalar(statement)
        if call_id is None:
            return None
        call = await self._calls.get(call_id)
        if call is None:
            raise UnknownCall(call_id)
        return call

    async def save(
        self, key: str, call: Call, *, since_ms: int, now_ms: int, recovery: CallRecovery = NO_RECOVERY
    ) -> Call | None:
        """Store the record of a new call under its key. Where another was faster: that call, and nothing is stored.

        Raises:
            UnknownCall: see `find`.
        """

        def write(connection: Connection) -> bool:
            connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_ms <= since_ms))
            values = {"idempotency_key": key, "call_id": call.call_id, "created_ms": now_ms}
            statement = insert_into(connection, idempotency_keys).values(values).on_conflict_do_nothing()
            if connection.execute(statement).rowcount != 1:
                return False
            self._calls.put(connection, call, recovery)
            return True

        if await self._database.write(write):
            return None
        return await self.find(key, since_ms=since_ms)
