"""A session of PostgreSQL beside the pool: what is bound to a session, such as an advisory lock, falls with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from ari_agent.errors import StoreError
from ari_agent.store.fault import one_line

T = TypeVar("T")

# The server lets go of a machine that has vanished after some 4 seconds: without these, after hours. Not as options of
# the connection, which poolers refuse.
_SETTINGS = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "4000",
    "idle_session_timeout": "0",
}


class OwnSession:
    """One connection, with one transaction at a time. Once one has failed, the session is over."""

    def __init__(self, url: URL, *, within_s: float) -> None:
        """Take where the database is, and how long the connection and each transaction may take, in seconds."""
        self._engine = create_async_engine(
            url, hide_parameters=True, poolclass=NullPool, connect_args={"timeout": within_s}
        )
        self._within_s = within_s
        self._turn = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        self._is_over = False

    async def open(self, name: str) -> None:
        """Connect. name: what the session is called in pg_stat_activity. Raises: StoreError."""
        try:
            self._connection = await self._engine.connect()
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"no connection to the database: {one_line(error)}") from error
        await self.set(_SETTINGS | {"application_name": name})

    async def set(self, settings: dict[str, str]) -> None:
        """Change settings of the session; one that this server does not know is left alone. Raises: StoreError."""
        known = sa.text("SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name")
        values = [{"name": name, "value": value} for name, value in settings.items()]
        await self.write(lambda connection: [connection.execute(known, each) for each in values])

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job` in a transaction. Raises: StoreError, where it failed or took too long.

        Whoever waits for it may be cancelled; the transaction goes on, and the next one waits for its end.
        """
        writing = asyncio.create_task(self._write(job))
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())  # who waited may have gone
        return await asyncio.shield(writing)

    async def _write(self, job: Callable[[sa.Connection], T]) -> T:
        async with self._turn:
            if (connection := self._connection) is None or self._is_over:
                raise StoreError("the connection to the database is closed")
            try:
                async with asyncio.timeout(self._within_s), connection.begin():
                    return await connection.run_sync(job)
            except (SQLAlchemyError, OSError) as error:
                self._is_over = True  # SQLAlchemy would connect again by itself, to a session that holds nothing
                raise StoreError(f"the database failed: {one_line(error)}") from error

    async def close(self) -> None:
        """Let go of the connection, and with it of all that the session held, once a transaction under way is over."""
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(SQLAlchemyError, OSError):
                    await connection.invalidate()
                    await connection.close()
            await self._engine.dispose()
