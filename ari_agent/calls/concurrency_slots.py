"""Slots: how many calls run at the same time, and who waits for the next. `contract/slot_rules.py` has the rules.

A slot lives exactly as long as its call: who holds one holds it in an `async with`. A pool is either in the memory of
the only controller (`Slots`), or all controllers that share a database share one (`shared_slots.py`). A process that
dies takes the slots in its memory along; the next one begins with an empty pool, in which the calls that it goes on
with hold theirs again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from ari_agent.contract.slot_rules import SlotAnswer, SlotAsk, SlotKind, SlotUsage, require_room_for_others
from ari_agent.errors import ConcurrencyLimitReached

INBOUND_WAIT_S: Final = 40.0
"""How many seconds an inbound caller rings at most while waiting for a slot."""


class SlotPool(Protocol):
    """The workspace's pool of concurrency slots."""

    limit: int
    """Calls at the same time, in all, at least 1."""
    reserved_inbound: int
    """Of these, never used by outbound calls."""

    @property
    def in_use(self) -> int:
        """How many slots the calls of this controller hold."""

    def inbound(self, call_id: str = "", *, wait_s: float | None = None) -> AbstractAsyncContextManager[None]:
        """Hold a slot for an inbound call. wait_s: how long it may ring for one; None for what is usual for the pool.

        Raises:
            TimeoutError: none came free in that time.
        """

    def outbound(self, call_id: str = "", *, batch_reserve: int | None = None) -> AbstractAsyncContextManager[None]:
        """Hold a slot for an outbound or a web call, which never waits.

        batch_reserve: for a call of a batch, the batch's reserved_concurrency: slots that calls of batches leave to
        all others.

        Raises:
            ConcurrencyLimitReached: none is free, or those left are reserved for other calls.
        """

    def resumed(self, call_id: str = "", *, outbound: bool) -> AbstractAsyncContextManager[None]:
        """Hold the slot of a call that another process had before: it runs, and counts, whatever the limit."""

    async def freed(self) -> None:
        """Wait until a slot comes free, or an outbound call of those allowed ends: a batch then tries again."""

    async def usage(self) -> SlotUsage:
        """Return how the pool is used by the whole workspace."""


class Slots:
    """A pool in memory: first come, first served. It belongs to one event loop. See SlotPool.

    inbound_wait_s: how long an inbound caller rings for a slot.
    """

    def __init__(self, limit: int, reserved_inbound: int = 0, *, inbound_wait_s: float = INBOUND_WAIT_S) -> None:
        require_room_for_others(limit, reserved_inbound)
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

    async def usage(self) -> SlotUsage:
        """See SlotPool.usage."""
        return self._usage()

    @asynccontextmanager
    async def inbound(self, call_id: str = "", *, wait_s: float | None = None) -> AsyncIterator[None]:
        """See SlotPool.inbound."""
        ask = SlotAsk(call_id, SlotKind.INBOUND)
        await self._acquire(ask, self._inbound_wait_s if wait_s is None else wait_s)
        try:
            yield
        finally:
            self._release()

    @asynccontextmanager
    async def outbound(self, call_id: str = "", *, batch_reserve: int | None = None) -> AsyncIterator[None]:
        """See SlotPool.outbound."""
        ask = outbound_ask(call_id, batch_reserve)
        answer = self._answer(ask)
        if isinstance(answer, ConcurrencyLimitReached):
            raise answer
        in_batch = ask.kind is SlotKind.BATCH
        self.batch_in_use += in_batch
        try:
            async with self.resumed(call_id, outbound=True):  # for which there is room, as was asked
                yield
        finally:
            self.batch_in_use -= in_batch

    @asynccontextmanager
    async def resumed(self, call_id: str = "", *, outbound: bool) -> AsyncIterator[None]:
        """See SlotPool.resumed."""
        del call_id
        self.in_use += 1
        self.outbound_in_use += outbound
        try:
            yield
        finally:
            self.outbound_in_use -= outbound
            self._release()

    async def freed(self) -> None:
        """See SlotPool.freed."""
        self._freed.clear()
        await self._freed.wait()

    def _usage(self) -> SlotUsage:
        return SlotUsage(self.in_use, self.outbound_in_use, self.batch_in_use, self.waiting)

    def _answer(self, ask: SlotAsk) -> SlotAnswer | ConcurrencyLimitReached:
        return ask.answer(self._usage(), limit=self.limit, reserved_inbound=self.reserved_inbound)

    async def _acquire(self, ask: SlotAsk, wait_s: float) -> None:
        if self._answer(ask) is SlotAnswer.HELD:
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
        # Calls that were resumed may be more than there are slots: theirs come free for nobody.
        while self._waiting and self.in_use <= self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.in_use -= 1


def outbound_ask(call_id: str, batch_reserve: int | None) -> SlotAsk:
    """Return what an outbound call asks for. batch_reserve: see SlotPool.outbound."""
    kind = SlotKind.OUTBOUND if batch_reserve is None else SlotKind.BATCH
    return SlotAsk(call_id, kind, batch_reserve or 0)
