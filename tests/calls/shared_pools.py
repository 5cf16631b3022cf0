"""Controllers on one PostgreSQL, each with its part of the pool of concurrency slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import sqlalchemy as sa

from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.store.database import Database
from ari_agent.store.slot_session import SlotSession
from ari_agent.store.store import Store
from ari_agent.store.tables import nodes, slots

UNMOVED_MS = 60_000
"""How long a machine that is busy may keep a transaction waiting."""

Row = tuple[int, str, str, bool]


async def join(database: Database) -> int:
    """Make it a node, which has a row."""
    values = {"name": "a", "app": "ari_agent", "version": "1", "state": "serving", "load": "{}"}
    row = sa.insert(nodes).values(**values, started_ms=0, heartbeat_ms=0).returning(nodes.c.node_id)
    database.node_id = node_id = int(await database.write(lambda connection: connection.execute(row).scalar_one()))
    return node_id


async def migrate(database_url: str) -> None:
    """Bring a new database to the current schema."""
    store = Store(database_url)
    await store.open()
    await store.close()


class Member:
    """One more controller on the database. takes: what it does while the database is away."""

    def __init__(
        self,
        database_url: str,
        limit: int,
        reserved_inbound: int = 0,
        *,
        away_after_s: float = UNMOVED_MS / 1000,
        frozen_ms: int = UNMOVED_MS,
        takes: bool = True,
    ) -> None:
        self.database = Database(database_url)
        self.session = SlotSession(self.database, frozen_ms=frozen_ms, answer_s=UNMOVED_MS / 1000)
        self.pool = SharedSlots(self.session, limit, reserved_inbound, take_while_away=takes, away_after_s=away_after_s)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Member]:
        """Join, and exchange slots with the others."""
        await join(self.database)
        running = asyncio.create_task(self.pool.run())
        try:
            yield self
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await self.database.close()


@contextlib.asynccontextmanager
async def members(database_url: str, *limits: int) -> AsyncIterator[Sequence[SharedSlots]]:
    """So many controllers, each of which asks with its own limit."""
    async with contextlib.AsyncExitStack() as stack:
        yield [(await stack.enter_async_context(Member(database_url, limit).running())).pool for limit in limits]


async def rows(database_url: str) -> list[Row]:
    """All rows in their order: node_id, call_id, kind, and whether it waits."""
    database = Database(database_url)
    columns = (slots.c.node_id, slots.c.call_id, slots.c.kind, slots.c.is_waiting)
    found = await database.rows(sa.select(*columns).order_by(slots.c.slot_id))
    await database.close()
    return [(row.node_id, row.call_id, row.kind, row.is_waiting) for row in found]


async def until_rows(database_url: str, names: Sequence[str]) -> None:
    """Until there are rows for these calls, in this order, and no other ones."""
    await _until(database_url, lambda found: [name for _, name, *_ in found] == list(names))


async def until_waiting(database_url: str, count: int) -> None:
    """Until so many callers wait."""
    await _until(database_url, lambda found: sum(is_waiting for *_, is_waiting in found) == count)


async def _until(database_url: str, holds: Callable[[Sequence[Row]], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds(await rows(database_url)):  # noqa: ASYNC110 -- nobody tells
            await asyncio.sleep(0.01)
