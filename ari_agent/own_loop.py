"""Runs work in an event loop of its own, in a thread: whatever it computes or waits for holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what the coroutine returns. What it uses has to be made in it, as its loop is another.

    Cancelled, it cancels the coroutine and waits for its end.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]]] = Future()

    def run() -> T:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            task = loop.create_task(work())
            started.set_result((loop, task))
            return loop.run_until_complete(task)

    running = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        loop, task = await asyncio.wrap_future(started)
        with suppress(RuntimeError):  # it has ended by itself, and its loop is closed
            loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait([running])
        raise
