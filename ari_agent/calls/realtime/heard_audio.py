"""How much of what the model says the caller has heard, item by item. Pure.

audio of an item ──▶ [piece][piece][piece]    a mark follows each piece; what its return tells is certain, and for
                      ████   ██░░             PIECE_MS at most the clock tells what was heard since
                             ▲ heard
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

PIECE_MS: Final = 200
"""Length of the pieces, after each of which is a mark."""
MAX_ITEMS: Final = 500
"""Items that may wait to be heard; a server that begins more of them is not listened to."""


@dataclass(frozen=True, slots=True)
class HeardItem:
    """An item of the agent's, and what the caller has heard of the audio that has come of it, in milliseconds."""

    item_id: str
    content_index: int
    came_ms: float
    heard_ms: float

    @property
    def is_heard(self) -> bool:
        """Whether all of it was heard."""
        return self.heard_ms >= self.came_ms


class HeardAudio:
    """What the caller has heard of one call's agent. bytes_per_s: of its audio. Times are in seconds of one clock."""

    def __init__(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s
        self._piece_bytes = bytes_per_s * PIECE_MS // 1000
        self._items: deque[HeardItem] = deque()  # in the order in which they are heard
        self._marks: deque[tuple[int, str, float]] = deque()  # number, item, and where in it the mark stands
        self._heard_s: float | None = None  # when it was last known what is heard; None: nobody listens yet
        self._named = 0

    @property
    def is_all_heard(self) -> bool:
        """Whether nothing waits to be heard."""
        return all(item.is_heard for item in self._items)

    @property
    def unheard_ms(self) -> float:
        """How many milliseconds there are that were not heard yet, as far as marks tell."""
        return sum(item.came_ms - item.heard_ms for item in self._items)

    def listens(self, now_s: float) -> None:
        """Take note that the caller hears the agent from now on."""
        self._heard_s = now_s

    def pieces(self, audio: bytes) -> Iterator[bytes]:
        """Yield the pieces of which each is to be given to `add` and played."""
        for start in range(0, len(audio), self._piece_bytes):
            yield audio[start : start + self._piece_bytes]

    def add(self, item_id: str, content_index: int, size_bytes: int, now_s: float) -> str | None:
        """Add a piece of an item's audio, and return the name of the mark behind it; None: there are too many items."""
        if self._heard_s is not None and self.is_all_heard:
            self._heard_s = now_s  # it is heard at once
        last = self._items[-1] if self._items else None
        if last is None or last.item_id != item_id:
            if len(self._items) >= MAX_ITEMS:
                return None
            last = HeardItem(item_id, content_index, 0.0, 0.0)
            self._items.append(last)
        came_ms = last.came_ms + size_bytes * 1000 / self._bytes_per_s
        self._items[-1] = replace(last, came_ms=came_ms)
        self._named += 1
        self._marks.append((self._named, item_id, came_ms))
        return str(self._named)

    def played(self, names: Sequence[str], now_s: float) -> None:
        """Take note that the caller has heard what was before these marks; those of before a cut are ignored."""
        last = max(map(int, names), default=0)
        while self._marks and self._marks[0][0] <= last:
            _, item_id, at_ms = self._marks.popleft()
            while self._items[0].item_id != item_id:
                self._items.popleft()
            self._items[0] = replace(self._items[0], heard_ms=at_ms)
            self._heard_s = now_s

    def cut(self, now_s: float) -> list[HeardItem]:
        """Forget what was not heard; return the items that it was of, with what was heard of them by now."""
        cut = [item for item in self._items if not item.is_heard]
        if cut and self._heard_s is not None:
            head = cut[0]
            beyond_ms = min((now_s - self._heard_s) * 1000, PIECE_MS, head.came_ms - head.heard_ms)
            cut[0] = replace(head, heard_ms=head.heard_ms + max(0.0, beyond_ms))
        self._items.clear()
        self._marks.clear()
        return cut
