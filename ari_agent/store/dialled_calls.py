"""How many calls were placed lately, by whom: what limits of the dial policy are held against.

Counted are the records of calls themselves, so that nothing is lost when the process dies, and all controllers on one
database count together: see `call_index.dialled`, which writes what is summed here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from ari_agent.store.call_index import DIALLED
from ari_agent.store.database import Database
from ari_agent.store.tables import call_attributes


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


def total(kind: str, scope: str, name: str, *, since_ms: int) -> Select[Any]:
    """Return the query of the sum of one kind of attribute, DIALLED or SPENT, for whoever the scope and name say."""
    found = call_attributes.c
    return select(func.coalesce(func.sum(found.number), 0)).where(
        found.kind == kind, found.key == scope, found.text == name, found.listed_ms >= since_ms
    )
