"""How many calls were placed lately, by whom: what limits of the dial policy are held against.

Counted are the records of calls themselves, so that nothing is lost when the process dies, and all controllers on one
database count together: see `call_index.dialled`, which writes what is summed here. A call that is deleted goes on to
count until its day is over, by rows that do not lead back to it: else whoever may delete calls could dial on and on.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, select, update

from ari_agent.store.call_index import DIALLED, SPENT
from ari_agent.store.database import Database
from ari_agent.store.tables import call_attributes

COUNTED_MS: Final = 86_400_000
"""For how long a call counts for the longest limits, those of a day."""
_DELETED, _BEYOND_DELETED = "deleted_", "deleted`"  # what begins so is between the two; the ids of calls do not


class DialledCalls:
    """Counts the calls that were placed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, scope: str, name: str, *, since_ms: int) -> int:
        """Return how many calls were placed by the workspace, a number or an agent, transfers to others included.

        scope: `workspace`, `number` or `agent`. name: the number or the id of the agent; empty for the workspace.
        since_ms: calls that were made or answered at that time or later, in milliseconds since the epoch.

        Raises:
            StoreError: the database is away.
        """
        return int(await self._database.scalar(total(DIALLED, scope, name, since_ms=since_ms)) or 0)

    async def forget_deleted(self, now_ms: int) -> None:
        """Remove what is left of deleted calls that count no more. now_ms: milliseconds since the epoch.

        Raises:
            StoreError: the database is away.
        """
        found = call_attributes.c
        await self._database.run(
            delete(call_attributes).where(
                found.call_id > _DELETED, found.call_id < _BEYOND_DELETED, found.listed_ms < now_ms - COUNTED_MS
            )
        )


def outlive(connection: Connection, call_id: str, *, now_ms: int) -> None:
    """Let a call that is about to be deleted go on to count, under a random id, if its day is not over."""
    found = call_attributes.c
    still_counts = found.kind.in_((DIALLED, SPENT)) & (found.listed_ms >= now_ms - COUNTED_MS)
    connection.execute(
        update(call_attributes)
        .where(found.call_id == call_id, still_counts)
        .values(call_id=f"{_DELETED}{secrets.token_hex(16)}")
    )


def total(kind: str, scope: str, name: str, *, since_ms: int) -> Select[Any]:
    """Return the query of the sum of one kind of attribute, DIALLED or SPENT, for whoever the scope and name say."""
    found = call_attributes.c
    return select(func.coalesce(func.sum(found.number), 0)).where(
        found.kind == kind, found.key == scope, found.text == name, found.listed_ms >= since_ms
    )
