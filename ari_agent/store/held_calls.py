"""Calls in the hands of nodes, and who takes over those of a node that is no more.

A node has a call in hand from its first record, or from when its caller took it, to its end, and for its analysis.
Whoever takes it over writes its own id there in one transaction, so that one does, and what the node before would still
write, if it only stood still, is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, exists, false, or_, select, update

from ari_agent.contract.resume_plan import ResumePlan
from ari_agent.store import call_records
from ari_agent.store.call_records import StoredCall
from ari_agent.store.calls import Calls
from ari_agent.store.database import Database
from ari_agent.store.outbox import UNFINISHED
from ari_agent.store.record_rows import readable
from ari_agent.store.tables import calls, nodes, registrations

_IS_WAITING: Final = exists().where(registrations.c.call_id == calls.c.call_id)


class HeldCalls:
    """Takes calls over from nodes that are no more."""

    def __init__(self, database: Database, calls_: Calls) -> None:
        self._database = database
        self._calls = calls_

    async def take_over(self, dead_node_id: int, by_node_id: int) -> Sequence[StoredCall]:
        """Take over all calls that a dead node has left unfinished, and return them; once: the next finds none.

        To be done once the dead node can write no more: its id is not among the nodes any more.
        """
        return await self._take(lambda _: (calls.c.node_id == dead_node_id,), by_node_id)

    async def has_others_of(self, app: str) -> bool:
        """Tell whether other nodes have calls in hand whose callers may still be in this application in Asterisk."""
        others = (calls.c.node_id.is_not(None), calls.c.node_id != self._database.node_id)
        unfinished = select(calls.c.resume_plan).where(calls.c.call_status.in_(UNFINISHED), *others)
        rows = await self._database.rows(unfinished.where(calls.c.resume_plan.is_not(None)))
        plans = [ResumePlan.read(row.resume_plan) for row in rows]
        return any(plan is not None and plan.app == app for plan in plans)

    async def take_abandoned(self) -> Sequence[StoredCall]:
        """Take over the unfinished calls that are in no node's hands, and return them.

        Those that wait for whoever takes them are none of them, nor, while other nodes live, those of a version or a
        process that knows no nodes. Where there are no nodes, all that is unfinished is abandoned.
        """
        node_id = self._database.node_id
        if node_id is None:
            return await self._calls.unfinished(~_IS_WAITING)
        return await self._take(lambda connection: _is_abandoned(connection, node_id), node_id)

    async def _take(
        self, which: Callable[[Connection], Sequence[ColumnElement[bool]]], node_id: int
    ) -> Sequence[StoredCall]:
        def take(connection: Connection) -> Sequence[Row[Any]]:
            taken = update(calls).where(calls.c.call_status.in_(UNFINISHED), *which(connection)).values(node_id=node_id)
            return connection.execute(taken.returning(*call_records.STORED_CALL)).all()

        return await asyncio.to_thread(readable, await self._database.write(take), call_records.stored_call_of)


def _is_abandoned(connection: Connection, node_id: int) -> Sequence[ColumnElement[bool]]:
    """Return what holds for calls in no node's hands.

    The dead are found before: whoever of two takes a call first, its id is none of these when the other comes to it.
    """
    lives = exists().where(nodes.c.node_id == calls.c.node_id)
    held_by = select(calls.c.node_id).where(calls.c.node_id.is_not(None), calls.c.node_id != node_id, ~lives)
    dead = connection.scalars(held_by.distinct()).all()
    others_live = connection.scalar(select(exists().where(nodes.c.node_id != node_id)))
    by_nobody = calls.c.node_id.is_(None) if not others_live else false()
    return or_(calls.c.node_id.in_(dead), by_nobody), ~_IS_WAITING
