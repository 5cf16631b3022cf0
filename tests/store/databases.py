"""The databases of tests: SQLite in a copy of a file, PostgreSQL in one that each worker keeps and empties.

To make a database takes PostgreSQL ten times as long as to empty one, and the first connections to it as long again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import URL, make_url

from ari_agent.store.store import Store
from tests.store import postgresql

_count = itertools.count()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database that is brought to the current schema once, to be copied by each test that needs one."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    path.write_bytes(empty_sqlite())
    return path


@cache
def empty_sqlite() -> bytes:
    """The content of that file. Not to be called in an event loop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        asyncio.run(_open_once(f"sqlite+aiosqlite:///{path}"))
        return path.read_bytes()


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
def kept_database(postgresql_url: str) -> Iterator[Kept]:
    """The one that tests take in turn."""
    kept = Kept(postgresql_url)
    yield kept
    kept.drop()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that holds nothing at all, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    else:
        with new_database(request.getfixturevalue("postgresql_url")) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> Iterator[str]:
    """The URL of an empty database with the current schema."""
    if request.param == "sqlite":
        shutil.copy(empty_database, tmp_path / "calls.db")
        yield f"sqlite+aiosqlite:///{tmp_path}/calls.db"
    else:
        kept: Kept = request.getfixturevalue("kept_database")
        yield kept.take()
        kept.give_back()


@pytest.fixture(scope="module")
def shared_url_of_module(kept_database: Kept) -> Iterator[str]:
    """The same as `shared_url`, for all tests of a module."""
    yield kept_database.take()
    kept_database.give_back()


@pytest.fixture
def shared_url(kept_database: Kept) -> Iterator[str]:
    """The URL of an empty PostgreSQL database with the current schema, which several nodes may share."""
    yield kept_database.take()
    kept_database.give_back()


class Kept:
    """A database with the current schema, made when it is first needed and again when a test has spoilt it."""

    def __init__(self, server_url: str) -> None:
        self._server = make_url(server_url)
        self._url: URL | None = None
        self._revision = ""

    def take(self) -> str:
        """Its URL; it is empty."""
        if self._url is None:
            self._url = self._server.set(database=postgresql.database_name(next(_count)))
            asyncio.run(_administer(self._server, f"CREATE DATABASE {self._url.database}"))
            asyncio.run(_open_once(self._url.render_as_string(False)))
            self._revision = asyncio.run(_revision(self._url))
        return self._url.render_as_string(False)

    def give_back(self) -> None:
        """Empty it, whoever is still connected."""
        if self._url is None or not asyncio.run(_emptied(self._url, self._revision)):
            self.drop()

    def drop(self) -> None:
        """It is gone."""
        if self._url is not None:
            asyncio.run(_administer(self._server, f"DROP DATABASE {self._url.database} WITH (FORCE)"))
            self._url = None


async def _open_once(database_url: str) -> None:
    """Bring a database to the current schema."""
    store = Store(database_url)
    await store.open()
    await store.close()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """The URL of a database that holds nothing."""
    server = make_url(server_url)
    name = postgresql.database_name(next(_count))
    asyncio.run(_administer(server, f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(False)
    asyncio.run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _revision(database: URL) -> str:
    connection = await _connected(database)
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()


async def _emptied(database: URL, revision: str) -> bool:
    """False: it has another schema than it had. Sequences begin anew, too."""
    connection = await _connected(database)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        if await connection.fetchval("SELECT version_num FROM alembic_version") != revision:
            return False
        tables = await _names(
            connection,
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
        )
        filled = await _names(
            connection, " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables)
        )
        moved = await _names(
            connection,
            "SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL",
        )
        statements = [f"ALTER SEQUENCE {sequence} RESTART" for sequence in moved]
        if filled:
            statements.append(f"TRUNCATE {', '.join(filled)} CASCADE")
        if statements:
            await connection.execute(";".join(statements))
    finally:
        await connection.close()
    return True


async def _names(connection: asyncpg.Connection, query: str) -> list[str]:
    return [row[0] for row in await connection.fetch(query)]


async def _administer(server: URL, statement: str) -> None:
    connection = await _connected(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _connected(database: URL) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=database.host,
        port=database.port,
        user=database.username,
        password=database.password,
        database=database.database or "postgres",
    )
