"""SIGINT and SIGTERM: they end a start that is still going on, and stop in order what has started.

SIGTERM, which service managers send, leaves time for calls to end by themselves; SIGINT, or a second signal, does not.
A drain, which no signal asks for, leaves as much time as the calls take; each signal is still to come, then.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class StopSignals:
    """Whether somebody has asked to stop; made by `stop_signals`."""

    def __init__(self, starting: asyncio.Task[object] | None) -> None:
        self._end = asyncio.Event()  # of new calls, at least
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._starting = starting

    @property
    def ended_start(self) -> bool:
        """Whether a signal came before `started`: the start was cancelled."""
        return self._stop.is_set() and self._starting is not None

    def started(self) -> None:
        """Say that the start is done: from now on a signal cancels nothing, and `wait` returns."""
        self._starting = None

    async def wait(self) -> None:
        """Wait until somebody asks to stop or to drain."""
        await self._end.wait()

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for a drain; cancel it as soon as somebody wants more than that, and do not begin it if he has."""
        await self._unless(self._stop, work)

    async def unless_at_once(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for work of the stop that may take long; cancel it as soon as somebody wants the end at once."""
        await self._unless(self._at_once, work)

    async def _unless(self, event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
        if event.is_set():
            work.close()
            return
        working, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
        await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)

    def drain(self) -> None:
        """Ask to stop once the last call has ended; a start that still goes on is finished first. May be repeated."""
        self._end.set()

    def stop(self) -> None:
        """Ask to stop at once, but without cancelling the start."""
        self._end.set()
        self._stop.set()
        self._at_once.set()

    def asked_by_parent(self, *, at_once: bool) -> None:
        """Stop as the process that started this one asks. A signal may have come here as well, and is the same wish."""
        if at_once:
            self.on_signal(signal.SIGINT)
        elif not self._stop.is_set():
            self.on_signal(signal.SIGTERM)

    def on_signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Take a signal: cancel the start if it still goes on, and stop."""
        if self._stop.is_set() or number == signal.SIGINT:
            self._at_once.set()
        if self._starting and not self._stop.is_set():
            self._starting.cancel()  # the first start on the database of an older version takes minutes
        self._end.set()
        self._stop.set()


@asynccontextmanager
async def stop_signals() -> AsyncIterator[StopSignals]:
    """Handle both signals while the context lasts; to be entered by the task that starts and then waits."""
    signals, loop = StopSignals(asyncio.current_task()), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, signals.on_signal, number)
    try:
        yield signals
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
