"""Work in an event loop of its own: what it returns and raises comes back, and cancelling it waits for its end."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ari_agent.own_loop import in_own_loop


async def test_the_work_runs_beside_and_this_loop_goes_on_while_it_computes() -> None:
    async def blocks() -> int:
        await asyncio.sleep(0)
        time.sleep(0.3)  # noqa: ASYNC251 -- the point: it holds its own loop up
        return threading.get_ident()

    working = asyncio.create_task(in_own_loop(blocks))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert await working != threading.get_ident()
    assert turns > 3


async def test_what_it_raises_is_raised_here() -> None:
    async def fails() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await in_own_loop(fails)


async def test_cancelled_it_ends_the_work_in_order_first() -> None:
    began, steps = threading.Event(), []

    async def waits() -> None:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)  # what it has made is taken back
            steps.append("ended")

    working = asyncio.create_task(in_own_loop(waits))
    await asyncio.to_thread(began.wait, 10)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert steps == ["ended"]
