"""The answer to a question that may take long, for pages that must not: asked once for all who want to know."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

_REST: Final = 20.0
"""A question is not asked again before so many times as long have passed as it took: it costs a twentieth at most."""


class CachedAnswer(Generic[T]):
    """Keeps the last answer, and asks anew when somebody wants it and it is older than fresh_s seconds.

    what: the question, for the log. ask: waits for the answer; where it fails, that is logged, and the answer before
    serves on. within_s: how long it may take. clock: seconds.
    """

    def __init__(
        self,
        what: str,
        ask: Callable[[], Awaitable[T]],
        *,
        fresh_s: float,
        within_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._ask, self._fresh_s, self._within_s, self._clock = what, ask, fresh_s, within_s, clock
        self._asking: asyncio.Task[None] | None = None
        self._fresh_until_s = clock()
        self._answer: T | None = None

    async def answer(self, *, wait_s: float = 0.0) -> T | None:
        """Return the answer as far as it is known; None before the first. wait_s: how long to wait for a new one."""
        if self._asking is None and self._clock() >= self._fresh_until_s:
            self._asking = asyncio.create_task(self._renew(), name=f"the console asks: {self._what}")
        if self._asking and wait_s:
            await asyncio.wait([self._asking], timeout=wait_s)
        return self._answer

    async def close(self) -> None:
        """Ask no more."""
        if self._asking:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _renew(self) -> None:
        began_s = self._clock()
        try:
            async with asyncio.timeout(self._within_s):
                self._answer = await self._ask()
        except Exception:  # whatever it is, the page has to be shown
            log.exception("the console did not learn what it asked", extra={"what": self._what})
        finally:
            took_s = self._clock() - began_s
            self._fresh_until_s = began_s + took_s + max(self._fresh_s, _REST * took_s)
            self._asking = None
