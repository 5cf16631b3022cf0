"""The store of tests about delivery."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.store.store import Store


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    """On SQLite."""
    shutil.copy(empty_database, tmp_path / "calls.db")
    the_store = Store(f"sqlite:///{tmp_path}/calls.db")
    await the_store.open()
    yield the_store
    await the_store.close()
