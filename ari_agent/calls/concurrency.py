"""Slots: how many calls run at the same time, and who waits for the next.

Source: Retell, "Understand concurrency & limits" (2026-08): one pool for the workspace; inbound calls may use all of it
and wait, ringing, for a slot; outbound calls may use at most the limit less what is reserved for inbound, and are
refused at once. A slot lives exactly as long as its call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ari_agent.errors import ConcurrencyLimitReached

INBOUND_WAIT_S: Final = 40.0
"""How long an inbound caller rings for a slot."""


class Slots:
    """The workspace's pool. First come, first served; belongs to one event loop.

    limit: calls at the same time, at least 1. reserved_inbound: of these, never used by outbound calls.
    """

    def __init__(self, limit: int, reserved_inbound: int = 0) -> None:
        if not 0 <= reserved_inbound < limit:
            raise ValueError(f"reserved_inbound must be 0 to {limit - 1}, is {reserved_inbound}")
        self.limit = limit
        self.reserved_inbound = reserved_inbound
        self.in_use = 0
        self.outbound_in_use = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Inbound callers that ring for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def inbound(self, wait_s: float = INBOUND_WAIT_S) -> AsyncIterator[None]:
        """Hold a slot for an inbound call.

        Raises:
            TimeoutError: none came free within `wait_s`.
        """
        await self._acquire(wait_s)
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def outbound(self) -> AsyncIterator[None]:
        """Hold a slot for an outbound call, which never waits.

        Raises:
            ConcurrencyLimitReached: none is free, or those left are reserved for inbound calls.
        """
        if self.in_use >= self.limit:
            raise ConcurrencyLimitReached(self.in_use, self.limit)
        if self.outbound_in_use >= self.limit - self.reserved_inbound:
            raise ConcurrencyLimitReached(self.outbound_in_use, self.limit - self.reserved_inbound)
        self.in_use += 1
        self.outbound_in_use += 1
        try:
            yield
        finally:
            self.outbound_in_use -= 1
            self._release()

    async def _acquire(self, wait_s: float) -> None:
        if self.in_use < self.limit and not self._waiting:
            self.in_use += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._release()  # the slot was handed over in the same moment
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _release(self) -> None:
        """Hand the slot to the first who still waits, so that it is never free while somebody rings."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_use -= 1
