"""Finds out again and again whether what is written to the database is kept, and says so once when that changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from ari_agent.errors import StoreError

log = logging.getLogger(__name__)

LOOK_EACH_S: Final = 5.0
FRESH_S: Final = 1.0
"""For how long the last finding serves: whoever may ask for it, which is everybody, makes one write a second."""


class DatabaseWatch:
    """Looks at the database by writing to it: one look at a time, whose finding serves all who ask meanwhile."""

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        *,
        look_each_s: float = LOOK_EACH_S,
        fresh_s: float = FRESH_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what writes to the database, and raises StoreError where that is in vain."""
        self._probe, self._look_each_s, self._fresh_s, self._clock = probe, look_each_s, fresh_s, clock
        self._looking: asyncio.Task[str | None] | None = None
        self._fresh_until_s = clock()
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """Return why the database cannot be written; None when it can. Whoever waits for it may be cancelled."""
        if self._looking is None or (self._looking.done() and self._clock() >= self._fresh_until_s):
            self._looking = asyncio.create_task(self._look(), name="look at the database")
        return await asyncio.shield(self._looking)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        try:
            while True:
                await self.problem()
                await asyncio.sleep(self._look_each_s)
        finally:
            if self._looking is not None:
                self._looking.cancel()

    async def _look(self) -> str | None:
        try:
            await self._probe()
            found = None
        except StoreError as error:
            found = str(error)
        if found is not None and found != self._problem:
            log.error("what is recorded now is not kept: %s", found)
        elif found is None and self._problem is not None:
            log.warning("the database can be written again")
        self._problem = found
        self._fresh_until_s = self._clock() + self._fresh_s
        return found
