"""The store of tests about delivery; for those that ask for `database_url`, both databases."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.store.store import Store
from tests.store.conftest import database_url, postgresql_template, postgresql_url

__all__ = ["database_url", "postgresql_template", "postgresql_url", "store"]


@pytest.fixture
async def store(tmp_path: Path, empty_database: Path) -> AsyncIterator[Store]:
    """On SQLite."""
    shutil.copy(empty_database, tmp_path / "calls.db")
    the_store = Store(f"sqlite:///{tmp_path}/calls.db")
    await the_store.open()
    yield the_store
    await the_store.close()
