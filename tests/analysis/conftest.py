"""A model's server, and what asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ari_agent.analysis.chat_completions import ChatCompletions, ModelSettings
from ari_agent.clock import now_ms
from tests.fakes.model_server import ModelServer, model_server

MakeCompletions = Callable[..., ChatCompletions]


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
async def completions(models: ModelServer) -> AsyncIterator[MakeCompletions]:
    """`completions(**settings)`: asks this server, without long pauses; closed at the end."""
    made: list[ChatCompletions] = []

    def make(**settings: Any) -> ChatCompletions:
        usual = {"model": "small", "url": models.url, "request_timeout_s": 60.0, "first_pause_s": 0.01}
        one = ChatCompletions(ModelSettings(**{**usual, **settings}), now_ms=now_ms, dice=lambda: 0.5)
        made.append(one)
        return one

    yield make
    closing: list[Awaitable[None]] = [one.close() for one in made]
    for each in closing:
        await each
