"""What many browsers watch, made once: a piece of a page, sent to each of them as it changes.

Source: WHATWG, HTML, section 9.2, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

log = logging.getLogger(__name__)

_EACH_S: Final = 1.0


class LiveFeed:
    """Renders a piece of a page once a second while somebody watches; who reads slowly gets the newest alone.

    event: the name under which the page waits for it. render: returns the piece as of now; if it fails, that is
    logged, and the piece stays as it was.
    """

    def __init__(self, event: str, render: Callable[[], str], *, each_s: float = _EACH_S) -> None:
        self._event = event
        self._render = render
        self._each_s = each_s
        self._changed = asyncio.Condition()
        self._piece = b""
        self._version = 0
        self._watchers = 0
        self._work: asyncio.Task[None] | None = None
        self._is_closed = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the piece as it is, and again whenever it has changed, as server-sent events, until `close`."""
        seen = 0
        self._watchers += 1
        try:
            if self._work is None and not self._is_closed:
                self._work = asyncio.create_task(self._run())
                await self._renew()  # what was shown when somebody watched last is old
            while not self._is_closed:
                async with self._changed:
                    while self._version == seen and not self._is_closed:
                        await self._changed.wait()
                    piece, seen = self._piece, self._version
                if not self._is_closed:
                    yield piece
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

    async def _run(self) -> None:
        try:
            while self._watchers:
                await self._renew()
                await asyncio.sleep(self._each_s)
        finally:
            self._work = None

    async def _renew(self) -> None:
        try:
            lines = self._render().splitlines()
        except Exception:
            log.exception("a part of the console cannot be shown", extra={"part": self._event})
            return
        data = "".join(f"data: {line}\n" for line in lines)
        piece = f"event: {self._event}\n{data}\n".encode()
        if piece != self._piece:
            async with self._changed:
                self._piece, self._version = piece, self._version + 1
                self._changed.notify_all()
