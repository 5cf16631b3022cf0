"""Sound is judged sample by sample, and a machine that stalls breaks it anywhere: such an attempt says nothing.

A watch measures how late this process's own event loop runs, and how long anything here waited for a core: what stalled
may have been Asterisk or the controller. A test marked with `again_if_stalled` that fails is made again when the
machine stalled meanwhile; when it did not, the failure counts at once. A machine that is too busy stalls in every
attempt: in the last one `stalls_always` is true, and the test judges what a stall leaves whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Final, ParamSpec, Self

P = ParamSpec("P")
STALL_MS: Final = 15.0
"""Later than this, and a frame of 20 ms may miss its turn somewhere."""
ATTEMPTS: Final = 4
_CROWDED: Final = 0.2
"""In so much of the time something had to wait for a core."""
_PRESSURE: Final = Path("/proc/pressure/cpu")
_TICK_S: Final = 0.004
_LAST_ATTEMPT: Final = ContextVar("_LAST_ATTEMPT", default=False)


def stalls_always() -> bool:
    """All attempts before this one were spoilt by stalls, and there is no further one."""
    return _LAST_ATTEMPT.get()


class StallWatch:
    """`worst_ms`: how late the loop woke up at most. Use as `async with`."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task: asyncio.Task[None] | None = None
        self._began_s, self._waited_s = time.monotonic(), _waited_for_a_core_s()

    @property
    def stalled(self) -> bool:
        """Sound may have been spoilt since the watch was made."""
        waited_s = _waited_for_a_core_s() - self._waited_s
        return self.worst_ms >= STALL_MS or waited_s >= _CROWDED * (time.monotonic() - self._began_s)

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


def _waited_for_a_core_s() -> float:
    """Since the machine was started (Linux, "PSI - Pressure Stall Information"); 0 where the kernel does not tell."""
    try:
        return int(_PRESSURE.read_text().split("total=")[1].split()[0]) / 1_000_000
    except OSError:
        return 0.0


def again_if_stalled(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Make the test again, up to ATTEMPTS times, when it fails and the machine stalled."""

    @functools.wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            _LAST_ATTEMPT.set(attempt == ATTEMPTS)
            async with StallWatch() as watch:
                try:
                    await test(*args, **kwargs)
                except (AssertionError, TimeoutError):
                    if not watch.stalled or attempt == ATTEMPTS:
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
