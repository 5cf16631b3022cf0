"""Deletes old webhooks from the outbox, a few rows at a time, so that it does not grow over the years.

Delivered webhooks are kept for some days, as a proof of delivery. Dead ones are kept much longer, since somebody may
want to send them again. Neither is deleted at once, so that an event which is saved twice is still recognised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from ari_agent.errors import StoreError

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
INTERVAL_S: Final = 3600.0
"""How long to wait between two rounds."""
PAUSE_S: Final = 0.02
"""How long to wait between two deletions of some rows, so that the records of calls are written in between."""


class RetentionPort(Protocol):
    """What retention needs of an outbox. Both methods may raise StoreError."""

    async def purge_settled(self, before_ms: int) -> int:
        """Delete some webhooks that were delivered, or deleted over the API, before this time; returns how many."""

    async def purge_dead(self, before_ms: int) -> int:
        """Delete some webhooks that were given up before this time; returns how many, 0 when none is left."""


class Retention:
    """Deletes old webhooks at the start and every hour.

    days: how long delivered webhooks are kept; dead_days: how long those that were given up are. now_ms: returns
    milliseconds since 1970.
    """

    def __init__(
        self,
        outbox: RetentionPort,
        *,
        days: int,
        dead_days: int,
        now_ms: Callable[[], int],
        interval_s: float = INTERVAL_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._outbox = outbox
        self._days, self._dead_days = days, dead_days
        self._now_ms = now_ms
        self._interval_s, self._pause_s = interval_s, pause_s

    async def run(self) -> None:
        """Delete what is old at the start and then every `interval_s`, until cancelled; a failure is logged."""
        while True:
            try:
                await self.purge()
            except StoreError as error:
                log.error("old webhooks not deleted yet: %s", error)
            await asyncio.sleep(self._interval_s)

    async def purge(self) -> None:
        """Delete everything that is old now.

        Raises:
            StoreError: the database failed; some of it may be left.
        """
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
