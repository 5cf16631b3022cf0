"""Stores that share a PostgreSQL database as nodes, as controllers do that have joined."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import delete, insert, update

from ari_agent.store.claims import LOST
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import nodes


def database_of(store: Store) -> Database:
    """What a store writes with."""
    return store._database


async def join(store: Store) -> int:
    """Make a process that has opened the store a node; returns its id."""
    row = {"name": "a node", "app": "ari_agent", "version": "1", "started_ms": 1, "heartbeat_ms": 1}
    statement = insert(nodes).values(**row, state="serving", load="{}").returning(nodes.c.node_id)
    database = database_of(store)
    node_id = int(await database.write(lambda connection: connection.execute(statement).scalar_one()))
    database.node_id = node_id
    return node_id


async def bury(store: Store, node_id: int) -> None:
    """Take a dead node out of the table, as another one does that finds it dead."""
    await database_of(store).run(delete(nodes).where(nodes.c.node_id == node_id))


async def give_up(store: Store, node_id: int) -> None:
    """Mark a node as lost, as another one does that begins to take over what it had."""
    await database_of(store).run(update(nodes).where(nodes.c.node_id == node_id).values(state=LOST))


@asynccontextmanager
async def joined(database_url: str) -> AsyncIterator[Store]:
    """A store that is a node as long as the context lasts; it is not buried at the end."""
    store = Store(database_url)
    await store.open()
    try:
        await join(store)
        yield store
    finally:
        await store.close()
