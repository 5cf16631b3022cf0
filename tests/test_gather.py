from __future__ import annotations

import asyncio

import pytest

from ari_agent.gather import gather


async def number(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_the_results_come_in_order() -> None:
    assert await gather(number(1), number(2)) == (1, 2)


async def test_the_first_failure_is_raised_as_itself_and_nothing_goes_on() -> None:
    stopped = asyncio.Event()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ConnectionError("gone")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(ConnectionError, match="gone"):
        await gather(fails(), waits())
    assert stopped.is_set()
