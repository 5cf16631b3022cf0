"""What many browsers watch, made once: a piece of a page, sent to each of them as it changes.

Source: WHATWG, HTML, section 9.2, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

log = logging.getLogger(__name__)

_EACH_S: Final = 1.0
_ALIVE_S: Final = 20.0
"""A browser that is gone without a word, and a proxy that ends what is silent, notice a comment that often."""
_ALIVE: Final = b":\n\n"
_MOST_WATCHERS: Final = 200


class LiveFeed:
    """Renders a piece of a page once a second while somebody watches; who reads slowly gets the newest alone.

    event: the name under which the page waits for it. render: returns the piece as of now; if it fails, that is
    logged, and the piece stays as it was. each_s: seconds between two looks. alive_s: seconds without a change after
    which a comment is sent.
    """

    def __init__(
        self, event: str, render: Callable[[], Awaitable[str]], *, each_s: float = _EACH_S, alive_s: float = _ALIVE_S
    ) -> None:
        self._event = event
        self._render = render
        self._each_s = each_s
        self._alive_s = alive_s
        self._changed = asyncio.Condition()
        self._piece = b""
        self._version = 0
        self._watchers = 0
        self._work: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def watchers(self) -> int:
        """How many watch."""
        return self._watchers

    @property
    def is_full(self) -> bool:
        """Whether as many watch as there may be."""
        return self._watchers >= _MOST_WATCHERS

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the piece as it is, and again whenever it has changed, as server-sent events, until `close`."""
        seen = 0
        self._watchers += 1
        try:
            if self._work is None and not self._is_closed:
                self._work = asyncio.create_task(self._run())
                await self.renew()  # what was shown when somebody watched last is old
            while not self._is_closed:
                is_new = await self._newer_than(seen)
                if not self._is_closed:
                    seen = self._version
                    yield self._piece if is_new else _ALIVE
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
        """Make the piece now, and send it to all who watch if it has changed."""
        try:
            lines = (await self._render()).splitlines()
        except Exception:
            log.exception("a part of the console cannot be shown", extra={"part": self._event})
            return
        data = "".join(f"data: {line}\n" for line in lines)
        piece = f"event: {self._event}\n{data}\n".encode("utf-8", "replace")
        if piece != self._piece:
            async with self._changed:
                self._piece, self._version = piece, self._version + 1
                self._changed.notify_all()
