"""Work that goes on beside a block and ends with it, also when the block fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, _Result]) -> AsyncIterator[asyncio.Task[_Result]]:
    """Await the task inside for its result; unfinished at the end of the block, it is cancelled."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
