"""Sound is judged sample by sample, and a machine that stalls breaks it anywhere: such an attempt says nothing.

A watch measures how late this process's own event loop runs. A test marked with `again_if_stalled` that fails is made
again when the machine stalled meanwhile; when it did not, the failure counts at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, ParamSpec, Self

P = ParamSpec("P")
STALL_MS: Final = 15.0
"""Later than this, and a frame of 20 ms may miss its turn somewhere."""
ATTEMPTS: Final = 4
_TICK_S: Final = 0.004


class StallWatch:
    """`worst_ms`: how late the loop woke up at most. Use as `async with`."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(_TICK_S)
            self.worst_ms = max(self.worst_ms, (time.monotonic() - before_s - _TICK_S) * 1000)


def again_if_stalled(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Make the test again, up to ATTEMPTS times, when it fails and the machine stalled."""

    @functools.wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            async with StallWatch() as watch:
                try:
                    await test(*args, **kwargs)
                except (AssertionError, TimeoutError):
                    if watch.worst_ms < STALL_MS or attempt == ATTEMPTS:
                        raise
                else:
                    return

    return run


@contextlib.contextmanager
def priority(niceness: int) -> Iterator[None]:
    """Let this process and what it starts go before others, where that is permitted."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, usual)
