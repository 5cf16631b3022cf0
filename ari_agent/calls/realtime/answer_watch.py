"""Notices that a model gives no answer, so that no caller waits for one in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class AnswerWatch:
    """Watches one call's model. on_silent: told once, where an awaited answer has made no progress for limit_s."""

    def __init__(self, limit_s: float, on_silent: Callable[[], None]) -> None:
        self._limit_s, self._on_silent = limit_s, on_silent
        self._loop = asyncio.get_running_loop()
        self._since_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wait(self) -> None:
        """Begin to wait for an answer, or go on, because it makes progress."""
        self._since_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since_s + self._limit_s, self._look)

    def progress(self) -> None:
        """Take note that the answer makes progress, if one is waited for."""
        if self._since_s is not None:
            self._since_s = self._loop.time()

    def rest(self) -> None:
        """Wait for nothing."""
        self._since_s = None

    def close(self) -> None:
        """Watch no more. Idempotent."""
        self._since_s = None
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._since_s is None:
            return
        due_s = self._since_s + self._limit_s
        if self._loop.time() < due_s:
            self._timer = self._loop.call_at(due_s, self._look)
        else:
            self._since_s = None
            self._on_silent()
