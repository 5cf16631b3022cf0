"""Opening: a schema that is made and kept, and one clear line when a database cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Row, literal, select, text

from ari_agent.errors import StoreError
from ari_agent.store import migrations
from ari_agent.store.database import Database
from ari_agent.store.due_events import WantedEvents
from ari_agent.store.store import Store
from ari_agent.store.tables import calls, metadata
from tests.store import postgresql
from tests.store.samples import a_call, an_event


async def failure(database_url: str) -> str:
    """What opening says, which is one line."""
    with pytest.raises(StoreError) as caught:
        await Store(database_url).open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def modes_in(folder: Path) -> dict[str, int]:
    """Permission bits by file name."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_the_scripts_make_what_the_tables_say(store: Store, database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    database = Database(database_url)
    assert await database.read(differences) == []
    await database.close()


def test_the_known_schemas_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(migrations.SCHEMAS))
    assert scripts.get_heads() == [migrations.SCHEMAS[-1]]


async def test_a_start_with_nothing_to_upgrade_does_not_wait_for_the_tools_that_upgrade(
    store: Store, database_url: str
) -> None:
    program = """
        import asyncio, sys
        from ari_agent.store.store import Store
        store = Store(sys.argv[1])
        asyncio.run(store.open())
        print("alembic" in sys.modules)
    """
    opened = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), database_url, stdout=subprocess.PIPE
    )
    assert (await opened.communicate())[0] == b"False\n"


async def test_what_was_written_is_there_after_opening_again(store: Store, database_url: str) -> None:
    await store.calls.save(a_call(), [an_event()])
    await store.close()
    again = Store(database_url)
    await again.open()
    await again.probe()
    assert await again.calls.get("call_1") == a_call()
    assert await again.outbox.depth() == 1
    await again.close()


async def test_several_open_one_bare_database_at_once(bare_database_url: str) -> None:
    stores = [Store(bare_database_url) for _ in range(4)]
    await asyncio.gather(*(store.open() for store in stores))
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(store: Store, database_url: str) -> None:
    database = Database(database_url)
    await database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num='9999'")))
    message = await failure(database_url)
    assert "schema 9999, made by a newer version of ari-agent" in message
    assert (
        await database.read(
            lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        )
        == "9999"
    )
    await database.close()


async def test_sqlite_runs_in_wal_mode_with_foreign_keys_and_a_busy_timeout(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/calls.db")

    def pragmas(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await database.write(pragmas) == await database.read(pragmas) == ["wal", 1, 1, 5000]
    await database.close()


async def test_the_file_of_sqlite_is_closed_to_other_users(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await store.calls.save(a_call())
    modes = await asyncio.to_thread(modes_in, tmp_path)
    assert modes == {"calls.db": 0o600, "calls.db-wal": 0o600, "calls.db-shm": 0o600}
    await store.close()


async def test_a_program_that_looks_into_the_file_meanwhile_takes_nothing_away(tmp_path: Path) -> None:
    look = """
        import contextlib, sqlite3, sys
        with contextlib.closing(sqlite3.connect(sys.argv[1])) as database:
            print(*(row[0] for row in database.execute("SELECT call_id FROM calls ORDER BY call_id")))
    """

    def seen() -> str:
        command = [sys.executable, "-c", textwrap.dedent(look), str(tmp_path / "calls.db")]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await store.calls.save(a_call("call_1"))
    assert await store.calls.get("call_1") == a_call("call_1")  # by a connection that came later
    assert await asyncio.to_thread(seen) == "call_1"
    await store.calls.save(a_call("call_2"))
    assert await asyncio.to_thread(seen) == "call_1 call_2"
    await store.close()
    assert await asyncio.to_thread(seen) == "call_1 call_2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "cannot be read"),
        ("calls.db", "cannot be read"),
        ("mysql://root:hunter2@localhost/calls", "no database of the kind 'mysql' is known"),
        ("sqlite://", "in memory"),
        ("sqlite+aiosqlite:///:memory:", "in memory"),
        ("postgresql://root:hunter2@localhost", "names no database"),
        ("postgresql://root:hunter2@localhost:port/calls", "cannot be read"),
    ],
)
async def test_a_wrong_url_says_what_would_be_right(url: str, expected: str) -> None:
    message = await failure(url)
    assert expected in message
    assert "expected sqlite+aiosqlite:///FILE or postgresql+asyncpg://" in message
    assert "hunter2" not in message


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert await failure(f"sqlite:///{tmp_path}/none/calls.db") == (
        f"cannot open the database {tmp_path}/none/calls.db: No such file or directory"
    )


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_text("this is no database, but long enough to be looked at as one" * 20)
    assert "file is not a database" in await failure(f"sqlite:///{tmp_path}/calls.db")


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "Is a directory" in await failure(f"sqlite:///{tmp_path}")


def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    # in a process of its own: root may write everywhere, so it becomes somebody else
    program = """
        import asyncio, os, sys
        import alembic.command
        from ari_agent.store.store import Store
        store = Store(f"sqlite:///{sys.argv[1]}/calls.db")
        if os.geteuid() == 0:
            os.seteuid(65534)
        try:
            asyncio.run(store.open())
        except Exception as error:
            print(type(error).__name__, error)
    """
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), folder], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"StoreError cannot open the database {folder}/calls.db: Permission denied\n"


async def test_a_database_that_somebody_else_keeps_locked_says_so(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    other = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        await store.calls.save(a_call())
    other.execute("ROLLBACK")
    other.close()
    await store.calls.save(a_call())
    await store.close()


async def test_nobody_answering_for_postgresql_is_one_line() -> None:
    message = await failure("postgresql://root:hunter2@127.0.0.1:1/calls")
    assert "postgresql+asyncpg://root:***@127.0.0.1:1/calls failed: " in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((postgresql.PASSWORD_IN_URL, "wrong-one"), "password authentication failed"),
        (("asyncpg://postgres:", "asyncpg://nobody:"), "password authentication failed"),
        (("/postgres", "/missing"), 'database "missing" does not exist'),
    ],
)
async def test_postgresql_refusing_is_one_line(postgresql_url: str, change: tuple[str, str], expected: str) -> None:
    if "ARI_AGENT_TEST_POSTGRESQL_URL" in os.environ:
        pytest.skip("needs the tests' own PostgreSQL server, whose passwords are known")
    head, _, tail = f"{postgresql_url}/postgres".rpartition(change[0])
    message = await failure(head + change[1] + tail)
    assert expected in message
    assert "wrong-one" not in message


async def test_a_postgresql_connection_that_died_is_replaced(postgresql_url: str) -> None:
    database = Database(f"{postgresql_url}/postgres" if "/" not in postgresql_url.split("//")[1] else postgresql_url)
    one = select(literal(1))
    assert await database.scalar(one) == 1
    killer = Database(f"{postgresql_url}/postgres")
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname = current_database()"
    )
    await killer.read(lambda connection: connection.execute(kill).all())
    assert await database.scalar(one) == 1
    await database.close()
    await killer.close()


async def test_pages_and_due_events_are_read_from_indexes(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    database = Database(f"sqlite:///{tmp_path}/calls.db")
    page = select(calls).where(calls.c.to_number == "1").order_by(calls.c.listed_ms.desc(), calls.c.call_id.desc())
    due = WantedEvents(now_ms=0, limit=10)
    statements = [page.limit(50), due.statement.params(due.values)]

    def plan(connection: Connection) -> str:
        rows: list[Row[Any]] = []
        for statement in statements:
            compiled = statement.compile(connection)
            values = tuple(compiled.params[name] for name in compiled.positiontup or ())
            rows += connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        return "\n".join(row.detail for row in rows)

    found = await database.read(plan)
    assert "USING INDEX ix_calls_to_number" in found
    assert "USING INDEX ix_outbox_pending" in found
    assert "TEMP B-TREE" not in found
    await database.close()
    await store.close()


async def test_opening_tells_the_planner_how_selective_indexes_are(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    for number in range(20):
        await store.calls.save(a_call(f"call_{number}", from_number=f"+1{number}"))
    await store.close()
    again = Store(f"sqlite:///{tmp_path}/calls.db")
    await again.open()
    await again.close()
    with closing(sqlite3.connect(tmp_path / "calls.db")) as database:
        statistics = dict(database.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 'calls'").fetchall())
    assert statistics["ix_calls_from_number"].startswith("20 1")
    assert statistics["ix_calls_to_number"].startswith("20 20")


def test_an_installed_wheel_has_the_migrations() -> None:
    # setuptools packs each folder with an __init__.py, and what package-data names
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["setuptools"]
    folder = Path(migrations.__file__).parent
    assert project["packages"]["find"]["include"] == ["ari_agent*"]
    assert "store/migrations/*.mako" in project["package-data"]["ari_agent"]
    for path in folder.rglob("*"):
        if "__pycache__" not in path.parts and path.is_file():
            assert path.suffix in {".py", ".mako"}
            assert (path.parent / "__init__.py").exists()
