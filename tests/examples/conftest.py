"""A store, for the parts of the product that the examples are run against."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.store.store import Store
from tests.api.web_house import NOW_MS


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    """Empty, on SQLite."""
    shutil.copy(empty_database, tmp_path / "test.db")
    opened = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db", now_ms=lambda: NOW_MS)
    await opened.open()
    yield opened
    await opened.close()
