"""Whether this process may still act for its calls, or another one may have taken them over. Pure: the time is given.

A process that stood still, because it was stopped or its machine slept, does not know what became of its calls. It acts
again once the database has said that they are its own. A database that is away takes nothing from anybody: as long as
the process runs, its calls go on.
"""

from __future__ import annotations

from collections.abc import Callable


class Lease:
    """Tells for how long this process has stood still. clock: seconds, which go on while the machine sleeps.

    stood_still_s: after how long another node could have taken the calls over.
    """

    def __init__(self, clock: Callable[[], float], *, stood_still_s: float) -> None:
        self._clock, self._stood_still_s = clock, stood_still_s
        self._ran_s = clock()
        self._is_doubted = False

    @property
    def holds(self) -> bool:
        """Whether this process has run without a break, or the database has confirmed it since."""
        return not self._is_doubted and self._clock() - self._ran_s <= self._stood_still_s

    def ran(self) -> None:
        """Note that the process runs; to be called much more often than after `stood_still_s`."""
        self._is_doubted = not self.holds
        self._ran_s = self._clock()

    def doubt(self) -> None:
        """Note that another node may have begun to take over."""
        self._is_doubted = True

    def now_s(self) -> float:
        """Return the time on the clock, for `confirm`."""
        return self._clock()

    def confirm(self, asked_s: float) -> None:
        """Note that the database has answered that nobody has taken over. asked_s: when it was asked.

        An answer that lay there while the process stood still says nothing.
        """
        now_s = self._clock()
        if now_s - asked_s <= self._stood_still_s:
            self._is_doubted, self._ran_s = False, now_s
