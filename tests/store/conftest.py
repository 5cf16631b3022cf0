"""Every test that takes `store` or `database_url` runs on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from ari_agent.store.store import Store
from tests.store import postgresql

_count = itertools.count()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A server in which databases may be made."""
    if given := os.environ.get("ARI_AGENT_TEST_POSTGRESQL_URL"):
        yield given
    elif folder := postgresql.programs():
        with postgresql.server(folder) as url:
            yield url
    else:
        pytest.skip(postgresql.WHY_NOT)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
        return
    server = make_url(request.getfixturevalue("postgresql_url"))
    name = postgresql.database_name(next(_count))
    administrator = create_async_engine(
        server.set(database=server.database or "postgres"), isolation_level="AUTOCOMMIT"
    )
    try:
        async with administrator.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        yield server.set(database=name).render_as_string(False)
        async with administrator.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await administrator.dispose()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    the_store = Store(database_url)
    await the_store.open()
    yield the_store
    await the_store.close()
