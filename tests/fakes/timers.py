"""A clock that is set by hand, with the timers of an event loop."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Timer:
    """A callback of FakeTimers."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeTimers:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)

    def run(self, seconds: float) -> None:
        """Let time pass, every timer firing at its moment."""
        end_s = self.now_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            when_s, _, timer = heapq.heappop(self._timers)
            self.now_s = max(self.now_s, when_s)
            if not timer.cancelled:
                timer.callback()
        self.now_s = end_s

    def stall(self, seconds: float) -> None:
        """Let time pass with no timer firing: the loop is held up, and what was due fires afterwards, in order."""
        self.now_s += seconds
