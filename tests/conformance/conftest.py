"""A real Asterisk and a real controller, as the integration tests have them; one stage for the session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.stage import Stage, staged

HERE = f"{Path(__file__).parent}/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs an Asterisk; it runs in the session's event loop."""
    for item in items:
        if str(item.path).startswith(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asterisk)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Beside the one of the integration tests, if they run too."""
    async with staged(tmp_path_factory.mktemp("conformance")) as made:
        yield made
