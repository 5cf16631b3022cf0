"""Deletes from the outbox what nobody needs any more, a little at a time, so that it never grows with the years.

What was delivered is kept for a while to answer for it; what was given up is kept much longer, since somebody may still
want to send it again. Both are days, so that an event which is saved twice is still recognised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from ari_agent.errors import StoreError

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
LOOK_S: Final = 3600.0
PAUSE_S: Final = 0.02
"""Between two deletions, whose transactions take a few milliseconds each: the records of calls come first."""


class RetentionPort(Protocol):
    """What is needed of an outbox. Both delete some rows that are older, and return how many; may raise StoreError."""

    async def purge_settled(self, before_ms: int) -> int:
        """Of what was delivered, or deleted over the API."""

    async def purge_dead(self, before_ms: int) -> int:
        """Of what was given up."""


class Retention:
    """The worker. days: how long what was delivered is kept; dead_days: what was given up. now_ms: since the epoch."""

    def __init__(
        self,
        outbox: RetentionPort,
        *,
        days: int,
        dead_days: int,
        now_ms: Callable[[], int],
        look_s: float = LOOK_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._outbox = outbox
        self._days, self._dead_days = days, dead_days
        self._now_ms = now_ms
        self._look_s, self._pause_s = look_s, pause_s

    async def run(self) -> None:
        """At the start and every hour, until cancelled."""
        while True:
            try:
                await self.purge()
            except StoreError as error:
                log.error("old webhooks not deleted yet: %s", error)
            await asyncio.sleep(self._look_s)

    async def purge(self) -> None:
        """Delete everything that is old now. StoreError: not all of it."""
        now_ms = self._now_ms()
        settled = await self._all(self._outbox.purge_settled, now_ms - self._days * DAY_MS)
        dead = await self._all(self._outbox.purge_dead, now_ms - self._dead_days * DAY_MS)
        if settled or dead:
            log.info("old webhooks deleted", extra={"delivered": settled, "given_up": dead})

    async def _all(self, purge: Callable[[int], Awaitable[int]], before_ms: int) -> int:
        total = 0
        while deleted := await purge(before_ms):
            total += deleted
            await asyncio.sleep(self._pause_s)
        return total
