"""Parts of the controller that run beside everything else, each in a task, until the controller stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any

log = logging.getLogger(__name__)


def run_beside(
    stack: AsyncExitStack, part: str, work: Coroutine[Any, Any, None], failed: Callable[[str], None]
) -> None:
    """Run a part in a task until the stack is unwound. A part that ends before is a defect, and must not go unseen.

    part: its name in the log. failed: called with that name where it ends before, after the log.
    """
    task = asyncio.create_task(work, name=part)

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.critical("%s has stopped", part, exc_info=task.exception())
            failed(part)

    async def end() -> None:
        task.remove_done_callback(ended)
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # a failure is in the log already
            await task

    task.add_done_callback(ended)
    stack.push_async_callback(end)
