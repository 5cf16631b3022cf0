"""The engine and its transactions: SQLite by default, PostgreSQL by URL.

A transaction is a plain function of a connection. For PostgreSQL it runs on asyncpg, through SQLAlchemy's greenlets;
for SQLite in a thread, with `sqlite3`, which takes half as long for a save as an asynchronous driver.

SQLite has one writer at a time, so the writes of this process queue up for one thread; in WAL mode, readers neither
wait for the writer nor hold it up. A write transaction takes the lock when it begins (BEGIN IMMEDIATE): one that reads
first and writes later would fail instead of waiting when another process had written in between.

`synchronous=NORMAL`: a commit survives the death of this process at any moment, but is not synced to the disk, which
would cost each call 2 to 20 ms. After a power cut the database is whole but may lack the last moments.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from ari_agent.errors import StoreError
from ari_agent.store.fault import one_line

if TYPE_CHECKING:
    from ari_agent.store.own_session import OwnSession

log = logging.getLogger(__name__)
T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 5_000  # how long another process may hold SQLite's write lock
SQLITE_READERS: Final = 2
POSTGRESQL_CONNECTIONS: Final = 10
IDLE_IN_TRANSACTION_S: Final = 5
"""After how long PostgreSQL ends a transaction of a process that stands still: it holds rows that others wait for."""
CONNECT_TIMEOUT_S: Final = 10

_BACKENDS: Final[Mapping[str, str]] = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",  # first: to change the journal mode takes a lock
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16000",  # KiB: the upper pages of every index of a million calls
)
# Tells the planner how selective each index is, from a sample that takes 0.1 s. Without it, it may look through every
# call of an agent for the few of a number; from a small one, all values look as frequent as the sample is large.
_STATISTICS: Final = ("PRAGMA analysis_limit=20000", "ANALYZE")
_STATISTICS_EVERY: Final = 10_000  # write transactions
_EXPECTED: Final = "expected sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"


def parse_url(database_url: str) -> URL:
    """The URL with the driver that is used here.

    Raises:
        StoreError: neither SQLite in a file nor PostgreSQL. The message holds no password.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise StoreError(f"the database URL cannot be read: {_EXPECTED}") from None
    backend = _BACKENDS.get(url.drivername)
    if backend is None:
        raise StoreError(f"no database of the kind {url.drivername!r} is known: {_EXPECTED}")
    url = url.set(drivername=backend)
    if backend == "sqlite" and (not url.database or ":memory:" in url.database):
        raise StoreError(f"a database in memory would lose every record at the end: {_EXPECTED}")
    if backend != "sqlite" and not url.database:
        raise StoreError(f"the URL {shown(url)} names no database: {_EXPECTED}")
    return url


def shown(url: URL) -> str:
    """The URL for people: the password is starred out, the query, which may hold one too, left out."""
    return url.set(query={}).render_as_string(hide_password=True)


def make_folder(database_url: str) -> None:
    """Make the folder of a SQLite file, readable by nobody else, where it is missing.

    Raises:
        StoreError: it cannot be made.
    """
    folder = Path(parse_url(database_url).database or "").parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}") from None


INSERTS: Final[Mapping[str, Callable[[sa.Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""By the dialect's name, what makes an INSERT that knows ON CONFLICT, which both databases write alike."""


def insert_into(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT into this table for the database of this connection. See INSERTS."""
    return INSERTS[connection.dialect.name](table)


def among(connection: sa.Connection, column: sa.ColumnElement[Any], values: Sequence[str]) -> sa.ColumnElement[bool]:
    """The column is one of these: one statement, and one parameter, for any number of them."""
    if connection.dialect.name == "sqlite":
        return column.in_(sa.select(sa.func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == sa.func.any(sa.literal(list(values), sa.ARRAY(sa.String)))


def dump(document: Mapping[str, object]) -> str:
    """JSON as a column holds it: in ASCII, as a text there has neither NUL (PostgreSQL) nor half a surrogate pair."""
    return json.dumps(document, separators=(",", ":"))


class Database:
    """Transactions, each with a connection of its own. Every failure is a StoreError."""

    def __init__(self, database_url: str) -> None:
        url = parse_url(database_url)
        self.shown_url = shown(url)
        """The URL of the database for people, without the password."""
        try:
            self._backend: Sqlite | Postgresql = Sqlite(url) if url.drivername == "sqlite" else Postgresql(url)
        except SQLAlchemyError as error:
            raise StoreError(f"the database URL {self.shown_url} is not usable: {one_line(error)}") from None
        self._failures: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, *self._backend.failures)
        self._under_way: set[asyncio.Task[object]] = set()
        self.node_id: int | None = None
        """Which of the controllers that share the database this is; None where it has the database to itself."""

    def __repr__(self) -> str:
        return f"<Database {self.shown_url}>"

    @property
    def file(self) -> Path | None:
        """The file of the database; None where the database is no file."""
        return self._backend.path if isinstance(self._backend, Sqlite) else None

    def is_to_be_made(self, *, folder_is_made: bool) -> bool:
        """Tell whether the database is a file that is not there yet.

        Raises:
            StoreError: it cannot be made there.
        """
        return isinstance(self._backend, Sqlite) and self._backend.is_to_be_made(folder_is_made=folder_is_made)

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job` in a transaction that is committed at its end, or leaves no trace if it raises.

        Whoever waits for it may be cancelled; the transaction goes on and is committed or not, never half done.
        """
        return await self._run(self._backend.write, job)

    async def read(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job`, which only reads, on one consistent state of the database."""
        return await self._run(self._backend.read, job)

    async def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return all rows that one statement finds."""
        return await self.read(lambda connection: connection.execute(statement).all())

    async def scalar(self, statement: sa.Select[T]) -> T | None:
        """The first column of the first row that one statement finds; None where there is no row."""
        return await self.read(lambda connection: connection.execute(statement).scalar())

    async def run(self, statement: sa.Executable) -> int:
        """Write with one statement. Returns how many rows it has written."""
        return await self.write(lambda connection: connection.execute(statement).rowcount)

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Any]:
        """Hold a connection of asyncpg's beside all transactions, to be told what happens in PostgreSQL.

        Raises:
            StoreError: the database is away, or the connection was lost while it was held, or is SQLite.
        """
        if isinstance(self._backend, Sqlite):
            raise StoreError(f"the database {self.shown_url} is a file, which tells nobody anything")
        async with self.translated(), self._backend.own_connection() as connection:
            yield connection

    @asynccontextmanager
    async def translated(self) -> AsyncIterator[None]:
        """Raise StoreError where the database, or its driver, fails."""
        try:
            yield
        except self._failures as error:
            raise StoreError(f"the database {self.shown_url} failed: {one_line(error)}") from error

    async def probe(self) -> None:
        """Write something that changes nothing. Raises: StoreError, when it is not kept."""
        await self.write(self._backend.probe)

    def own_session(self, *, within_s: float) -> OwnSession | None:
        """Return a session of its own, which is not open yet; None where the database is a file.

        within_s: how long the connection and each transaction may take, in seconds.
        """
        return self._backend.own_session(within_s) if isinstance(self._backend, Postgresql) else None

    async def close(self) -> None:
        """Let transactions under way end, then let go of every connection."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._backend.close()

    async def _run(
        self, transaction: Callable[[Callable[[sa.Connection], T]], Awaitable[T]], job: Callable[[sa.Connection], T]
    ) -> T:
        task = asyncio.create_task(self._translated(transaction(job)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise

    async def _translated(self, transaction: Awaitable[T]) -> T:
        async with self.translated():
            return await transaction


def _log_failure(task: asyncio.Task[T]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a transaction failed after its caller had gone: %s", error)


class Sqlite:
    """A SQLite file, with one thread that writes and a few that read."""

    failures: tuple[type[Exception], ...] = ()

    def __init__(self, url: URL) -> None:
        self.path = Path(url.database or "").absolute()
        self._file: tuple[int, int] | None = None
        """Device and inode of the file once it is open."""
        self._writer = self._engine(url, "BEGIN IMMEDIATE", connections=1)
        self._reader = self._engine(url, "BEGIN", connections=SQLITE_READERS)
        self._writes = 0
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._reading = ThreadPoolExecutor(SQLITE_READERS, thread_name_prefix="store-read")

    def is_to_be_made(self, *, folder_is_made: bool) -> bool:
        """Tell whether the file is not there yet, as Database.is_to_be_made says."""
        if self.path.exists():
            return False
        folder = self.path.parent
        while folder_is_made and not folder.exists():
            folder = folder.parent
        if not folder.is_dir():
            raise StoreError(f"cannot make the database {self.path}: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(f"cannot make the database {self.path}: this user may not write to {folder}")
        return True

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """A transaction in the thread that writes, after those that came before."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._write, job)

    async def read(self, job: Callable[[sa.Connection], T]) -> T:
        """Run `job` in a transaction in a thread that reads."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._transaction, self._reader, job)

    def probe(self, connection: sa.Connection) -> None:
        """Write the header of the file as it is, and require that its path still leads to it."""
        version = connection.exec_driver_sql("PRAGMA user_version").scalar()
        connection.exec_driver_sql(f"PRAGMA user_version={version}")
        self._require_same_file()

    async def close(self) -> None:
        """Wait until nothing runs in the threads any more, and end them."""
        self._writer.dispose()
        self._reader.dispose()
        self._writing.shutdown()
        self._reading.shutdown()

    def _write(self, job: Callable[[sa.Connection], T]) -> T:
        result = self._transaction(self._writer, job)
        # the first is the one that migrates
        if self._writes % _STATISTICS_EVERY == 0:
            self._transaction(self._writer, _renew_statistics)
            self._reader.dispose()  # connections read the statistics when they are made
        self._writes += 1
        return result

    def _transaction(self, engine: sa.Engine, job: Callable[[sa.Connection], T]) -> T:
        with engine.begin() as connection:
            return job(connection)

    def _engine(self, url: URL, begin: str, *, connections: int) -> sa.Engine:
        # the driver would begin transactions late and by rules of its own: leave that to us
        engine = sa.create_engine(
            url,
            hide_parameters=True,
            pool_size=connections,
            max_overflow=0,
            connect_args={"isolation_level": None, "check_same_thread": False},
        )

        @sa.event.listens_for(engine, "do_connect")
        def connecting(*_: object) -> None:
            self._make_file()

        @sa.event.listens_for(engine, "connect")
        def connected(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
            del record
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(pragma)
            cursor.close()
            self._file = self._file or _identity(self.path)

        @sa.event.listens_for(engine, "begin")
        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _require_same_file(self) -> None:
        """Raise StoreError where a program that opens the path now does not find what is written here."""
        found = _identity(self.path)
        if found != self._file:
            what = "was deleted or moved" if found is None else "is another file than the one that was opened"
            raise StoreError(f"the database {self.path} {what}: put it back, or restart to begin with what is there")

    def _make_file(self) -> None:
        """Readable by nobody else: it holds the passwords of trunks. SQLite gives its other files the same mode.

        A file that is there is never opened here: closing it would take SQLite's locks of this process away, and the
        next program that looks into the database would delete its WAL (sqlite.org/howtocorrupt.html, section 2.2).
        Once it was open it is not made again: other connections are at the one that was deleted.
        """
        if self._file is not None:
            return self._require_same_file()
        try:
            os.close(os.open(os.path.realpath(self.path), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if self.path.is_dir():
                raise StoreError(f"cannot open the database {self.path}: Is a directory") from None
        except OSError as error:
            raise StoreError(f"cannot open the database {self.path}: {error.strerror}") from None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _renew_statistics(connection: sa.Connection) -> None:
    for pragma in _STATISTICS:
        connection.exec_driver_sql(pragma)


def _limit_idle_transactions(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    """Set what a pooler would refuse as a parameter of the connection's start."""
    del record
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'")
    cursor.close()
    connection.commit()


class Postgresql:
    """A pool of asyncpg connections, each asked before use whether it still lives."""

    def __init__(self, url: URL) -> None:
        # It brings the ORM, which nobody uses: a tenth of what a server on SQLite imports at its start.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        self._url = url
        try:
            self._engine = create_async_engine(
                url,
                hide_parameters=True,
                pool_size=POSTGRESQL_CONNECTIONS,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={"timeout": CONNECT_TIMEOUT_S},
            )
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            sa.event.listen(self._engine.sync_engine, "connect", _limit_idle_transactions)
        except ModuleNotFoundError:
            raise StoreError("PostgreSQL needs the package asyncpg: pip install 'ari-agent[postgresql]'") from None
        driver: Any = self._engine.dialect.dbapi
        self.failures: tuple[type[Exception], ...] = (driver.asyncpg.PostgresError, driver.asyncpg.InterfaceError)
        """What the driver itself raises, without SQLAlchemy."""

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Any]:
        """Hold a connection of the driver's that the pool does not count."""
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            own: Any = raw.driver_connection
            raw.detach()
            try:
                yield own
            finally:
                own.terminate()

    async def write(self, job: Callable[[sa.Connection], T]) -> T:
        """A transaction in READ COMMITTED: jobs that read before they write lock what they read."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(job)

    async def read(self, job: Callable[[sa.Connection], T]) -> T:
        """A transaction in REPEATABLE READ: all statements of a job see one state, and none waits for a writer."""
        async with self._reader.begin() as connection:
            return await connection.run_sync(job)

    def probe(self, connection: sa.Connection) -> None:
        """Write a row with the values that it has: this fails where writing does, and changes nothing."""
        connection.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))

    def own_session(self, within_s: float) -> OwnSession:
        """Return a session beside the pool, as Database.own_session says."""
        from ari_agent.store.own_session import OwnSession  # noqa: PLC0415 -- brings the ORM, like the pool

        return OwnSession(self._url, within_s=within_s)

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self._engine.dispose()
