"""What many browsers watch, made once: a piece of a page, sent to each of them as it changes.

Source: WHATWG, HTML, section 9.2, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

_EACH_S: Final = 1.0
_ALIVE_S: Final = 20.0
"""A browser that is gone without a word, and a proxy that ends what is silent, notice a comment that often."""
_ALIVE: Final = b":\n\n"
_MOST_WATCHERS: Final = 200


class Feed(ABC):
    """Looks at something once in a while as long as somebody watches; who reads slowly gets the newest alone.

    event: the name of the part of the page, for the log; if a look fails, that is logged, and all stays as it was.
    each_s: seconds between two looks. alive_s: seconds without a change after which a comment is sent.
    """

    def __init__(self, event: str, *, each_s: float = _EACH_S, alive_s: float = _ALIVE_S) -> None:
        self._event = event
        self._each_s = each_s
        self._alive_s = alive_s
        self._changed = asyncio.Condition()
        self._looking = asyncio.Lock()
        self._version = 0
        self._watchers = 0
        self._work: asyncio.Task[None] | None = None
        self._is_closed = False

    @abstractmethod
    async def look(self, version: int) -> bool:
        """Look at what is shown, and return whether it has changed. version: its name, if it has."""

    @abstractmethod
    def piece_since(self, version: int) -> bytes:
        """Return the server-sent events that lead to what is shown now. version: what was seen last; 0: nothing."""

    @property
    def watchers(self) -> int:
        """How many watch."""
        return self._watchers

    @property
    def is_full(self) -> bool:
        """Whether as many watch as there may be."""
        return self._watchers >= _MOST_WATCHERS

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the piece as it is, and what has changed whenever it has, as server-sent events, until `close`."""
        seen = 0
        self._watchers += 1
        try:
            if self._work is None and not self._is_closed:
                self._work = asyncio.create_task(self._run())
                await self.renew()  # what was shown when somebody watched last is old
            while not self._is_closed:
                is_new = await self._newer_than(seen)
                if not self._is_closed:
                    before, seen = seen, self._version
                    yield self.piece_since(before) if is_new else _ALIVE
        finally:
            self._watchers -= 1

    async def close(self) -> None:
        """End the feed of everybody who watches."""
        self._is_closed = True
        if self._work:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work
        async with self._changed:
            self._changed.notify_all()

    async def _newer_than(self, seen: int) -> bool:
        """Wait for another version, or until it is time for a sign of life; return whether there is one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._alive_s), self._changed:
                await self._changed.wait_for(lambda: self._version != seen or self._is_closed)
        return self._version != seen

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._each_s)  # whoever began to watch has made the first piece
            while self._watchers:
                await self.renew()
                await asyncio.sleep(self._each_s)
        finally:
            self._work = None

    async def renew(self) -> None:
        """Look now, and send what has changed to all who watch."""
        async with self._looking:
            try:
                has_changed = await self.look(self._version + 1)
            except Exception:
                log.exception("a part of the console cannot be shown", extra={"part": self._event})
                return
            if has_changed:
                async with self._changed:
                    self._version += 1
                    self._changed.notify_all()


class LiveFeed(Feed):
    """Renders a piece of a page, and sends it whole whenever it has changed.

    event: the name under which the page waits for it. render: returns the piece as of now.
    """

    def __init__(
        self, event: str, render: Callable[[], Awaitable[str]], *, each_s: float = _EACH_S, alive_s: float = _ALIVE_S
    ) -> None:
        super().__init__(event, each_s=each_s, alive_s=alive_s)
        self._render = render
        self._piece = b""

    async def look(self, version: int) -> bool:
        """Render the piece, and return whether it is another."""
        del version
        piece = sent_event(self._event, await self._render())
        has_changed, self._piece = piece != self._piece, piece
        return has_changed

    def piece_since(self, version: int) -> bytes:
        """Return the piece, whatever was seen before."""
        del version
        return self._piece


def sent_event(event: str, text: str) -> bytes:
    """Return a text as a server-sent event of this name."""
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])  # without data it is no event
    return f"event: {event}\n{data}\n".encode("utf-8", "replace")
