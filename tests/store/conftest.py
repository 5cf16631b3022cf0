"""Every test that takes `store` or `database_url` runs on SQLite, and on PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ari_agent.store.store import Store


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    the_store = Store(database_url)
    await the_store.open()
    yield the_store
    await the_store.close()
