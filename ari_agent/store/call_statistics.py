"""How many calls began in each hour, how many were answered, and how quickly their agents replied.

The database counts, and what it answers is as long with a thousand calls a day as with a million: at most
MAX_REPLY_MS / REPLY_STEP_MS groups for each hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, case, cast, func, select

from ari_agent.contract.call_group import HOUR_MS, CallGroup
from ari_agent.store.database import Database
from ari_agent.store.outbox import UNFINISHED
from ari_agent.store.tables import calls

REPLY_STEP_MS: Final = 10
"""How finely reply times are told apart."""
MAX_REPLY_MS: Final = 30_000
"""Longer ones count as this."""

_IS_ANSWERED: Final[ColumnElement[Any]] = calls.c.start_timestamp.is_not(None)
_IS_OVER: Final[ColumnElement[Any]] = calls.c.call_status.not_in(UNFINISHED)
_REPLY_MS: Final[ColumnElement[Any]] = case(
    (calls.c.e2e_latency_p50 > MAX_REPLY_MS, MAX_REPLY_MS), else_=calls.c.e2e_latency_p50
)
_GROUP: Final = (
    (calls.c.listed_ms // HOUR_MS).label("hour"),
    _IS_ANSWERED.label("is_answered"),
    _IS_OVER.label("is_over"),
    cast(func.round(_REPLY_MS / REPLY_STEP_MS), Integer).label("reply_step"),
)


class CallStatistics:
    """Counts of the calls of some hours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def groups(self, *, since_ms: int, until_ms: int) -> Sequence[CallGroup]:
        """Return the calls that began in a time, from since_ms on and before until_ms, in milliseconds since 1970.

        Raises:
            StoreError: the database is away.
        """
        began = calls.c.listed_ms >= since_ms, calls.c.listed_ms < until_ms
        names = [column.name for column in _GROUP]
        grouped = select(*_GROUP).where(*began).subquery()  # by name: PostgreSQL takes bound values for different ones
        columns = [grouped.c[name] for name in names]
        rows = await self._database.rows(select(*columns, func.count().label("calls")).group_by(*columns))
        return [
            CallGroup(
                hour_ms=row.hour * HOUR_MS,
                is_answered=bool(row.is_answered),
                is_over=bool(row.is_over),
                reply_ms=None if row.reply_step is None else row.reply_step * REPLY_STEP_MS,
                calls=row.calls,
            )
            for row in rows
        ]
