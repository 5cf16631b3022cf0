"""Controllers on one PostgreSQL, each with its part of the pool of concurrency slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import sqlalchemy as sa

from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.store.database import Database
from ari_agent.store.slot_session import SlotSession
from ari_agent.store.store import Store
from ari_agent.store.tables import nodes, slots

UNMOVED_MS = 60_000
"""How long a machine that is busy may keep a transaction waiting."""


async def join(database: Database) -> int:
    """Make it a node, which has a row."""
    values = {"name": "a", "app": "ari_agent", "version": "1", "state": "serving", "load": "{}"}
    row = sa.insert(nodes).values(**values, started_ms=0, heartbeat_ms=0).returning(nodes.c.node_id)
    database.node_id = node_id = int(await database.write(lambda connection: connection.execute(row).scalar_one()))
    return node_id


@contextlib.asynccontextmanager
async def a_node(
    database_url: str, limit: int, reserved_inbound: int = 0, *, away_after_s: float = 60.0, takes: bool = True
) -> AsyncIterator[SharedSlots]:
    """One more controller; the database may be new. takes: what it does while the database is away."""
    store = Store(database_url)
    await store.open()
    await store.close()
    database = Database(database_url)
    await join(database)
    pool = SharedSlots(
        SlotSession(database, frozen_ms=UNMOVED_MS, answer_s=UNMOVED_MS / 1000),
        limit,
        reserved_inbound,
        take_while_away=takes,
        away_after_s=away_after_s,
    )
    running = asyncio.create_task(pool.run())
    try:
        yield pool
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await database.close()


async def rows(database_url: str) -> list[tuple[int, str, str, bool]]:
    """All rows: node_id, call_id, kind, and whether it waits."""
    database = Database(database_url)
    columns = (slots.c.node_id, slots.c.call_id, slots.c.kind, slots.c.is_waiting)
    found = await database.rows(sa.select(*columns).order_by(slots.c.slot_id))
    await database.close()
    return [(row.node_id, row.call_id, row.kind, row.is_waiting) for row in found]
