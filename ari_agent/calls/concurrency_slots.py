"""Slots: how many calls run at the same time, and who waits for the next.

Source: Retell, "Understand concurrency & limits" and "Make batch calls" (2026-08): one pool for the workspace.

    call                  may use                                           when none is free
    inbound               all of the limit                                  waits, ringing; first come, first served
    outbound, web         the limit less what is reserved for inbound       is refused at once
    outbound of a batch   the same, less the batch's reserved_concurrency   is tried again when one comes free
    resumed               any                                               runs beyond the limit: it talks already

A slot lives exactly as long as its call: who holds one holds it in an `async with`. The pool is in memory, so a process
that dies takes its slots along; the next one begins with an empty pool, in which the calls that it goes on with hold
theirs again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ari_agent.errors import ConcurrencyLimitReached

INBOUND_WAIT_S: Final = 40.0
"""How many seconds an inbound caller rings at most while waiting for a slot."""


class Slots:
    """The workspace's pool of concurrency slots: first come, first served. It belongs to one event loop.

    limit: calls at the same time, at least 1. reserved_inbound: of these, never used by outbound calls.
    inbound_wait_s: how long an inbound caller rings for a slot.
    """

    def __init__(self, limit: int, reserved_inbound: int = 0, *, inbound_wait_s: float = INBOUND_WAIT_S) -> None:
        if not 0 <= reserved_inbound < limit:
            raise ValueError(f"reserved_inbound must be 0 to {limit - 1}, is {reserved_inbound}")
        self.limit = limit
        self.reserved_inbound = reserved_inbound
        self.in_use = 0
        self.outbound_in_use = 0
        self.batch_in_use = 0
        self._inbound_wait_s = inbound_wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._freed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many inbound callers ring and wait for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def inbound(self, wait_s: float | None = None) -> AsyncIterator[None]:
        """Hold a slot for an inbound call. wait_s: None for `inbound_wait_s` of the pool.

        Raises:
            TimeoutError: none came free in that time.
        """
        await self._acquire(self._inbound_wait_s if wait_s is None else wait_s)
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def outbound(self, *, batch_reserve: int | None = None) -> AsyncIterator[None]:
        """Hold a slot for an outbound or a web call, which never waits.

        batch_reserve: for a call of a batch, the batch's reserved_concurrency: slots that calls of batches leave to
        all others.

        Raises:
            ConcurrencyLimitReached: none is free, or those left are reserved for other calls.
        """
        in_batch = batch_reserve is not None
        for in_use, reserved in (
            (self.in_use, 0),
            (self.outbound_in_use, self.reserved_inbound),
            (self.batch_in_use if in_batch else 0, batch_reserve or 0),
        ):
            if in_use >= self.limit - reserved:
                raise ConcurrencyLimitReached(in_use, max(0, self.limit - reserved))
        self.in_use += 1
        self.outbound_in_use += 1
        self.batch_in_use += in_batch
        try:
            yield
        finally:
            self.batch_in_use -= in_batch
            self.outbound_in_use -= 1
            self._release()

    @asynccontextmanager
    async def resumed(self, call_id: str = "", *, outbound: bool) -> AsyncIterator[None]:
        """Hold a slot for a call that another run has begun: at once, beyond the limit if need be.

        call_id: means nothing to a pool in memory.
        """
        del call_id
        self.in_use += 1
        self.outbound_in_use += outbound
        try:
            yield
        finally:
            self.outbound_in_use -= outbound
            self._release()

    async def freed(self) -> None:
        """Wait until a slot comes free, or an outbound call of those allowed ends: a batch then tries again."""
        self._freed.clear()
        await self._freed.wait()

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
        self._freed.set()
        while self._waiting and self.in_use <= self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_use -= 1
