"""The timers of one call's model, by what they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """Starts and cancels timers by name; of each name there is one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[str, asyncio.TimerHandle] = {}

    def start(self, name: str, delay_s: float, do: Callable[[], None]) -> None:
        """Call `do` after so many seconds, in place of what a timer of this name would have called."""
        self.cancel(name)

        def due() -> None:
            self._due.pop(name, None)
            do()

        self._due[name] = self._loop.call_later(delay_s, due)

    def cancel(self, name: str) -> bool:
        """Cancel the timer of this name; returns False where there is none."""
        timer = self._due.pop(name, None)
        if timer:
            timer.cancel()
        return timer is not None

    def close(self) -> None:
        """Cancel all timers. Idempotent."""
        for name in list(self._due):
            self.cancel(name)
