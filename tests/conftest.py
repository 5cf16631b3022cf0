"""What every test shares: hypothesis without deadlines, for machines that are busy, and a database to copy.

A second interpreter need not look for the same examples again: `--hypothesis-profile "second interpreter"`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import settings

from ari_agent.store.store import Store

settings.register_profile("no deadline", deadline=None)
settings.register_profile("second interpreter", deadline=None, max_examples=15)
settings.load_profile("no deadline")

LONGEST_FIRST = ("demo/test_run", "test_overflow", "test_crash", "test_outbound", "test_audio", "test_asterisk_conf")
"""Of the files with tests on a real Asterisk: begun last, one of them would keep every other worker waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are dealt out to workers (with `--no-loadscope-reorder`)."""

    def rank(item: pytest.Item) -> int:
        name = str(item.path.with_suffix(""))
        return next((at for at, ending in enumerate(LONGEST_FIRST) if name.endswith(ending)), len(LONGEST_FIRST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database that is brought to the current schema once, to be copied by each test that needs one."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    asyncio.run(open_once(f"sqlite+aiosqlite:///{path}"))
    return path


async def open_once(database_url: str) -> None:
    """Bring a database to the current schema."""
    store = Store(database_url)
    await store.open()
    await store.close()
