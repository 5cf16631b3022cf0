"""Whether what is written is kept: on real databases, and told once when it changes."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.errors import StoreError
from ari_agent.store import database
from ari_agent.store.database_watch import DatabaseWatch
from ari_agent.store.store import Store
from tests.fakes.llm_server import until
from tests.store.samples import a_call


@pytest.fixture
async def sqlite_store(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Store, Path]]:
    """A store in SQLite that waits for no lock, and its file."""
    pragmas = tuple(pragma for pragma in database._PRAGMAS if "busy_timeout" not in pragma)
    monkeypatch.setattr(database, "_PRAGMAS", ("PRAGMA busy_timeout=0", *pragmas))
    path = tmp_path / "calls.db"
    shutil.copy(empty_database, path)
    opened = Store(f"sqlite:///{path}")
    await opened.open()
    yield opened, path
    await opened.close()


async def test_a_probe_changes_nothing(store: Store) -> None:
    await store.calls.save(a_call())
    for _ in range(2):
        await store.probe()
    assert await store.calls.get("call_1") == a_call()


async def test_a_locked_database_is_told_until_it_is_free(sqlite_store: tuple[Store, Path]) -> None:
    store, path = sqlite_store
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="database is locked"):
        await store.probe()
    other.execute("ROLLBACK")
    other.close()
    await store.probe()


async def test_a_database_that_may_only_be_read_is_told(sqlite_store: tuple[Store, Path]) -> None:
    store, _ = sqlite_store
    await store._database.write(lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON"))
    with pytest.raises(StoreError, match="readonly"):
        await store.probe()


@pytest.mark.parametrize("other_in_its_place", [False, True])
async def test_a_file_that_is_not_there_any_more_is_told_and_not_made_again(
    sqlite_store: tuple[Store, Path], empty_database: Path, other_in_its_place: bool
) -> None:
    store, path = sqlite_store
    path.rename(path.with_suffix(".moved"))
    if other_in_its_place:
        shutil.copy(empty_database, path)
    with pytest.raises(StoreError, match="is another file" if other_in_its_place else "was deleted or moved"):
        await store.probe()
    await store.calls.save(a_call())
    backend = store._database._backend
    assert isinstance(backend, database.Sqlite)
    backend._reader.dispose()  # as when statistics are renewed
    with pytest.raises(StoreError, match="restart to begin with what is there"):
        await store.calls.get("call_1")
    assert path.exists() is other_in_its_place
    path.with_suffix(".moved").replace(path)
    await store.probe()
    assert await store.calls.get("call_1") == a_call()


class Disk:
    """What a probe meets: None, or what is wrong."""

    def __init__(self) -> None:
        self.wrong: str | None = None
        self.looks = 0
        self.hold: asyncio.Event | None = None

    async def probe(self) -> None:
        self.looks += 1
        if self.hold:
            await self.hold.wait()
        if self.wrong:
            raise StoreError(self.wrong)


async def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    watch = DatabaseWatch(disk.probe, fresh_s=0)
    with caplog.at_level(logging.INFO, logger="ari_agent"):
        for wrong in (None, None, "disk is full", "disk is full", "file was deleted", None, None):
            disk.wrong = wrong
            assert await watch.problem() == wrong
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", "what is recorded now is not kept: disk is full"),
        ("ERROR", "what is recorded now is not kept: file was deleted"),
        ("WARNING", "the database can be written again"),
    ]


async def test_a_finding_serves_for_a_while_and_all_who_ask_at_once() -> None:
    now = [1000.0]
    disk = Disk()
    watch = DatabaseWatch(disk.probe, fresh_s=1, clock=lambda: now[0])
    assert await asyncio.gather(*(watch.problem() for _ in range(50))) == [None] * 50
    now[0] += 0.9
    await watch.problem()
    assert disk.looks == 1
    now[0] += 0.2
    await watch.problem()
    assert disk.looks == 2


async def test_who_gives_up_leaves_the_look_to_the_others() -> None:
    disk = Disk()
    disk.hold, disk.wrong = asyncio.Event(), "locked"
    watch = DatabaseWatch(disk.probe)
    first, second = asyncio.create_task(watch.problem()), asyncio.create_task(watch.problem())
    await asyncio.sleep(0)
    first.cancel()
    disk.hold.set()
    assert await second == "locked"
    assert (first.cancelled(), disk.looks) == (True, 1)


async def test_it_looks_again_and_again_until_it_is_stopped() -> None:
    disk = Disk()
    running = asyncio.create_task(DatabaseWatch(disk.probe, look_each_s=0.001, fresh_s=0).run())
    await until(lambda: disk.looks >= 3)
    disk.hold = asyncio.Event()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
