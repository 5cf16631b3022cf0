"""What calls have cost, summed by the database; and the calls whose cost is still growing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from ari_agent.contract.call import Call
from ari_agent.contract.cost_summary import CostSum, CostSummary, TimeSpan
from ari_agent.contract.disconnection import CallStatus
from ari_agent.contract.price_table import rounded
from ari_agent.errors import CallError
from ari_agent.store import call_records
from ari_agent.store.call_index import SPENT
from ari_agent.store.database import Database, among
from ari_agent.store.dialled_calls import total
from ari_agent.store.record_rows import readable
from ari_agent.store.tables import calls

_OUR_NUMBER: Final[ColumnElement[Any]] = case(
    (calls.c.direction == "outbound", calls.c.from_number), else_=calls.c.to_number
)
_GROUPS: Final = {"agent": calls.c.agent_id.label("agent_id"), "number": _OUR_NUMBER.label("number")}
_SUMS: Final = (
    func.count().label("calls"),
    func.count(calls.c.combined_cost).label("calls_with_cost"),
    func.coalesce(func.sum(calls.c.duration_ms), 0).label("duration_ms"),
    func.coalesce(func.sum(calls.c.combined_cost), 0).label("cents"),
)


MAX_GROUPS: Final = 20_000


class TooManyGroups(CallError):
    """Raised when a summary would have more than MAX_GROUPS groups: 400."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_GROUPS} groups: ask for fewer days, or group less finely")


class CallCosts:
    """Sums of what calls have cost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spent(self, scope: str, name: str, *, since_ms: int) -> float:
        """Return what the calls of the workspace, a number or an agent have cost that began since then, in cents.

        Known are the costs of calls that have ended. scope, name, since_ms: as for `DialledCalls.count`.

        Raises:
            StoreError: the database is away.
        """
        return float(await self._database.scalar(total(SPENT, scope, name, since_ms=since_ms)) or 0)

    async def ongoing(self) -> Sequence[Call]:
        """Return the calls that are answered and have not ended, as stored: without transcripts, most without `sip`.

        Those whose caller talks with the target of a transfer are there with all that is stored.

        Raises:
            StoreError: the database is away.
        """

        rows = await self._database.rows(select(*call_records.ITEM).where(calls.c.call_status == CallStatus.ONGOING))
        found = {call.call_id: call for call in await asyncio.to_thread(readable, rows, _listed)}
        if bridged := [call.call_id for call in found.values() if call.transfer_destination]:
            whole = select(*call_records.RECORD)
            rows = await self._database.read(
                lambda connection: connection.execute(whole.where(among(connection, calls.c.call_id, bridged))).all()
            )
            found |= {call.call_id: call for call in await asyncio.to_thread(readable, rows, call_records.call_of)}
        return list(found.values())

    async def summary(self, spans: Sequence[TimeSpan], groups: Collection[str]) -> CostSummary:
        """Return the cost of the calls that began in these times. groups: `agent`, `number`, beside the times.

        Raises:
            TooManyGroups: the answer would be longer than anybody reads.
            StoreError: the database is away.
        """
        keys = [column for name, column in _GROUPS.items() if name in groups]
        sums = select(*keys, *_SUMS).group_by(*keys).order_by(*keys)

        def ask(connection: Connection) -> Sequence[tuple[TimeSpan, Mapping[str, Any]]]:
            found: list[tuple[TimeSpan, Mapping[str, Any]]] = []
            for span in spans:
                began = calls.c.listed_ms >= span.since_ms, calls.c.listed_ms < span.until_ms
                rows = connection.execute(sums.where(*began)).mappings()
                found += [(span, dict(row)) for row in rows if row["calls"]]
                if len(found) > MAX_GROUPS:
                    raise TooManyGroups
            return found

        return await asyncio.to_thread(_summed, await self._database.read(ask))


def _summed(rows: Sequence[tuple[TimeSpan, Mapping[str, Any]]]) -> CostSummary:
    groups = tuple(_sum_of(span, row) for span, row in rows)
    return CostSummary(total=_total(groups), groups=groups)


def _listed(row: Row[Any]) -> Call:
    return Call.model_validate_json(call_records.item_of(row))


def _sum_of(span: TimeSpan, row: Mapping[str, Any]) -> CostSum:
    return CostSum(
        day=span.day,
        agent_id=row.get("agent_id"),
        number=row.get("number"),
        calls=row["calls"],
        calls_with_cost=row["calls_with_cost"],
        duration_seconds=int(row["duration_ms"]) / 1000,
        combined_cost=float(rounded(Decimal(row["cents"]))),
    )


def _total(found: Sequence[CostSum]) -> CostSum:
    return CostSum(
        calls=sum(each.calls for each in found),
        calls_with_cost=sum(each.calls_with_cost for each in found),
        duration_seconds=sum(int(each.duration_seconds * 1000) for each in found) / 1000,
        combined_cost=float(sum((Decimal(str(each.combined_cost)) for each in found), Decimal())),
    )
