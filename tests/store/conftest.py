"""Every test that takes `store` or `database_url` runs on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from ari_agent.store.store import Store
from tests.conftest import open_once
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


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> Iterator[str]:
    """The name of a database that is brought to the current schema once, to be copied by each test."""
    with _new_database(postgresql_url) as url:
        asyncio.run(open_once(url))
        yield str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that holds nothing at all, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    else:
        with _new_database(request.getfixturevalue("postgresql_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[str]:
    """The URL of an empty database with the current schema."""
    if request.param == "sqlite":
        shutil.copy(empty_database, tmp_path / "calls.db")
        yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    else:
        template = request.getfixturevalue("postgresql_template")
        with _new_database(request.getfixturevalue("postgresql_url"), template=template) as url:
            yield url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    the_store = Store(database_url)
    await the_store.open()
    yield the_store
    await the_store.close()


@contextmanager
def _new_database(server_url: str, *, template: str = "template1") -> Iterator[str]:
    server = make_url(server_url)
    name = postgresql.database_name(next(_count))
    asyncio.run(_administer(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server.set(database=name).render_as_string(False)
    asyncio.run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _administer(server: URL, statement: str) -> None:
    engine = create_async_engine(server.set(database=server.database or "postgres"), isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()
