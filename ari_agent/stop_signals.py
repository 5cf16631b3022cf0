"""SIGINT and SIGTERM: they end a start that is still going on, and stop in order what has started."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class StopSignals:
    """Whether somebody has asked to stop; made by `stop_signals`."""

    def __init__(self, starting: asyncio.Task[object] | None) -> None:
        self._stop = asyncio.Event()
        self._starting = starting

    @property
    def ended_start(self) -> bool:
        """Whether a signal came before `started`: the start was cancelled."""
        return self._stop.is_set() and self._starting is not None

    def started(self) -> None:
        """Say that the start is done: from now on a signal cancels nothing, and `wait` returns."""
        self._starting = None

    async def wait(self) -> None:
        """Wait until somebody asks to stop."""
        await self._stop.wait()

    def stop(self) -> None:
        """Ask to stop, as a signal does, but without cancelling the start."""
        self._stop.set()

    def on_signal(self) -> None:
        """Take a signal: cancel the start if it still goes on, and stop."""
        if self._starting and not self._stop.is_set():
            self._starting.cancel()  # the first start on the database of an older version takes minutes
        self._stop.set()


@asynccontextmanager
async def stop_signals() -> AsyncIterator[StopSignals]:
    """Handle both signals while the context lasts; to be entered by the task that starts and then waits."""
    signals, loop = StopSignals(asyncio.current_task()), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, signals.on_signal)
    try:
        yield signals
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
