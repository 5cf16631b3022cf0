from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from ari_agent.background import run_beside


async def test_a_part_that_fails_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    failed = asyncio.Event()

    async def fails() -> None:
        raise LookupError("a defect")

    def part_failed(part: str) -> None:
        told.append(part)
        failed.set()

    with caplog.at_level(logging.CRITICAL):
        async with AsyncExitStack() as stack:
            run_beside(stack, "chats", fails(), part_failed)
            await asyncio.wait_for(failed.wait(), 5)
    assert told == ["chats"]
    assert "chats has stopped" in caplog.text
    assert "a defect" in caplog.text


async def test_a_part_that_is_ended_in_order_is_no_failure() -> None:
    told: list[str] = []

    async def waits() -> None:
        await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        run_beside(stack, "chats", waits(), told.append)
        await asyncio.sleep(0)
    assert told == []
