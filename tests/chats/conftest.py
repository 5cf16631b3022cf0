"""A store whose clock stands still, and text agents."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import store
from tests.fakes.llm_server import LlmServer

__all__ = ["llms", "store"]


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    """Where text agents are."""
    async with LlmServer() as server:
        yield server
