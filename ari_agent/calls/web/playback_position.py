"""How far the user of a web call has heard what was sent, by a clock that runs through the sound. Pure.

A front end plays in real time what it gets in bursts, and says nothing of it, but for Twilio, which sends each mark
back when the sound before it was played or cleared.

    sent            sent            mark "a"        now
    |---- heard ----|---- not heard yet -----|
                    begins at once, or where the sound before it ends
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

AHEAD_LIMIT_S: Final = 600.0
"""How many seconds agent audio may run ahead of what the user hears."""
MARKS_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class _PendingMark:
    name: str
    heard_at_s: float


class PlaybackPosition:
    """How far one user has heard the agent. All times are in seconds, of the same clock, and never go back.

    until_s: when all that was sent will have been heard. cleared_s: what was taken back, in all.
    """

    def __init__(self, now_s: float) -> None:
        self.until_s = now_s
        self.cleared_s = 0.0
        self._marks: deque[_PendingMark] = deque()

    def remaining_s(self, now_s: float) -> float:
        """Return how many seconds of the sound that was sent are not heard yet."""
        return max(0.0, self.until_s - now_s)

    def has_room(self, lasts_s: float, now_s: float) -> bool:
        """Whether lasts_s more seconds may be sent without running ahead of the user by over AHEAD_LIMIT_S."""
        return self.remaining_s(now_s) + lasts_s <= AHEAD_LIMIT_S

    def send(self, lasts_s: float, now_s: float) -> None:
        """Take note that lasts_s seconds of sound are sent now."""
        self.until_s = max(self.until_s, now_s) + lasts_s

    def mark(self, name: str, now_s: float) -> bool:
        """Add a mark after all that was sent. False: too many wait already."""
        if len(self._marks) >= MARKS_LIMIT:
            return False
        self._marks.append(_PendingMark(name, max(self.until_s, now_s)))
        return True

    @property
    def next_mark_s(self) -> float | None:
        """When the next mark is due, in seconds of the clock; None where no mark waits."""
        return self._marks[0].heard_at_s if self._marks else None

    def take_due(self, now_s: float) -> list[str]:
        """Take out the marks that have been heard by now, and return their names in order."""
        due = []
        while self._marks and self._marks[0].heard_at_s <= now_s:
            due.append(self._marks.popleft().name)
        return due

    def take_returned(self, name: str) -> bool:
        """Take out a mark that the front end has sent back. False: no such mark waits."""
        for pending in self._marks:
            if pending.name == name:
                self._marks.remove(pending)
                return True
        return False

    def clear(self, now_s: float) -> None:
        """Forget what was sent and is not heard yet; its marks stay until they are taken out."""
        self.cleared_s += self.remaining_s(now_s)
        self.until_s = min(self.until_s, now_s)

    def take_all(self) -> list[str]:
        """Take out every mark that waits, and return their names in order."""
        names = [pending.name for pending in self._marks]
        self._marks.clear()
        return names

    def take_unsent(self, names: Iterable[str]) -> list[str]:
        """Take out those of these marks that wait; of two of the same name, the later one: it was not sent yet."""
        self._marks.reverse()
        taken = [name for name in names if self.take_returned(name)]
        self._marks.reverse()
        return taken
