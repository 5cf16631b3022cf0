"""What real systems send: the fixtures of tests/integration, for tests that need a real Asterisk, and of tests/api."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from tests.api.conftest import api, board, dependencies, house, start_api, store
from tests.integration.conftest import (
    go_before_others,
    nothing_is_left,
    pytest_runtest_makereport,
    scripts_went_well,
    stage,
)
from tests.integration.test_text_agent import talking

__all__ = [
    "api",
    "board",
    "dependencies",
    "go_before_others",
    "house",
    "nothing_is_left",
    "pytest_runtest_makereport",
    "scripts_went_well",
    "stage",
    "start_api",
    "store",
    "talking",
]

HERE = f"{Path(__file__).parent}/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests below this folder that ask for a real Asterisk; they run in the session's event loop."""
    for item in items:
        if str(item.path).startswith(HERE) and {"stage", "talking"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.asterisk)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
