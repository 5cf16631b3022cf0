"""Places the calls of batches: in their windows, not faster than allowed, while slots are free, after restarts too.

Every batch that is due gets its turn, one call at a time. What has to be known after a crash is in the database:
which tasks were placed, and when a batch is due again. Of several controllers one places calls at a time, for as long
as it can, so that together they place no more of them a second than allowed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ari_agent.calls.call_window import opens_ms
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.originator import Originator
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.errors import AsteriskUnreachable, CallError, CallNotPlaced, ConcurrencyLimitReached, StoreError
from ari_agent.routing.dial_policy import DialLimitReached
from ari_agent.store.batches import PendingTask
from ari_agent.store.store import Store
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

_LONGEST_SLEEP_S: Final = 60.0
"""The longest sleep in seconds, however far away the next batch is: another controller may have taken one."""
_LONGEST_SHARED_SLEEP_S: Final = 5.0
"""The same where other controllers place calls too, and may have left some behind."""
_TURN_S: Final = 1.0
"""How many seconds to wait before it is looked whether another controller still has its turn."""
_TROUBLE_S: Final = 2.0
"""How many seconds to wait before Asterisk or the database is tried again."""


class BatchScheduler:
    """Places the calls of all batches. calls_per_second: of all batches together. pause: waits for seconds."""

    def __init__(
        self,
        *,
        store: Store,
        originator: Originator,
        slots: SlotPool,
        calls_per_second: float,
        new_batch_id: Callable[[], str],
        now_ms: Callable[[], int],
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._originator = originator
        self._slots = slots
        self._interval_s = 1 / calls_per_second
        self._new_batch_id = new_batch_id
        self._now_ms = now_ms
        self._pause = pause
        self._news = asyncio.Event()

    async def create(self, request: BatchCallCreate) -> BatchCall:
        """Accept a batch; its calls are placed when their time has come.

        Raises:
            UnknownAsset, CallNotPlaced: it could never be placed as it is asked for.
        """
        number = await self._originator.number(request.from_number)
        await self._originator.check_agents(number, request.tasks)
        if request.reserved_concurrency >= self._slots.limit - self._slots.reserved_inbound:
            free = self._slots.limit - self._slots.reserved_inbound
            raise CallNotPlaced(
                f"reserved_concurrency: must leave some of the {free} calls that outbound may use, "
                f"and {request.reserved_concurrency} leaves none"
            )
        now_ms = self._now_ms()
        wanted_ms = max(now_ms, request.trigger_timestamp or 0)
        batch = BatchCall(
            batch_call_id=self._new_batch_id(),
            name=request.name or f"Batch of {len(request.tasks)} calls",
            from_number=number.phone_number,
            scheduled_timestamp=request.trigger_timestamp or now_ms,
            total_task_count=len(request.tasks),
            reserved_concurrency=request.reserved_concurrency,
            call_time_window=request.call_time_window,
        )
        await self._store.batches.create(batch, request.tasks)
        log.info(
            "batch taken",
            extra={"batch_call_id": batch.batch_call_id, "tasks": len(request.tasks), "due_ms": wanted_ms},
        )
        self.wake()
        return batch

    def wake(self) -> None:
        """Look at once which batches are due."""
        self._news.set()

    async def run(self) -> None:
        """Place the calls of every batch as they fall due, until cancelled."""
        while True:
            self._news.clear()
            try:
                wait_s = await self._round()
            except AsteriskUnreachable as error:
                log.warning("batches wait: %s", error)
                wait_s = _TROUBLE_S
            except StoreError as error:
                log.error("batches wait: %s", error)
                wait_s = _TROUBLE_S
            await self._sleep(wait_s)

    async def _round(self) -> float:
        """Place one call of each batch that is due; return for how many seconds there is nothing to do."""
        now_ms = self._now_ms()
        due = await self._store.batches.due(now_ms)
        try:
            full = await self._place_one_of_each(due)
        finally:
            if due:
                await self._store.batches.end_turn()
        if due and full == len(due):
            await self._wait_for_slot()
            return 0.0
        if due:
            return 0.0
        next_ms = await self._store.batches.next_due_ms()
        if next_ms is None:
            return _LONGEST_SLEEP_S
        soonest_s = _TURN_S if self._store.is_shared else 0.0
        return max(soonest_s, (next_ms - self._now_ms()) / 1000)

    async def _place_one_of_each(self, due: Sequence[BatchCall]) -> int:
        """Place one call of each batch; returns for how many of them no slot was free."""
        full = 0
        for batch in due:
            try:
                if await self._take_turn(batch):
                    await self._pause(self._interval_s)
            except ConcurrencyLimitReached:
                full += 1
        return full

    async def _take_turn(self, batch: BatchCall) -> bool:
        """Place the next call of a batch, or refuse it; return False where the batch has none to place now."""
        now_ms = self._now_ms()
        if (open_ms := opens_ms(batch.call_time_window, now_ms)) > now_ms:
            log.info("batch waits for its window", extra={"batch_call_id": batch.batch_call_id, "due_ms": open_ms})
            await self._store.batches.postpone(batch.batch_call_id, open_ms)
            return False
        pending = await self._store.batches.next_task(batch.batch_call_id)
        if pending is None:
            log.info("batch is done", extra={"batch_call_id": batch.batch_call_id})
            await self._store.batches.close(batch.batch_call_id)
            return False
        if pending.unreadable:
            await self._refuse(batch, pending, pending.unreadable)
        else:
            await self._place(batch, pending)
        return True

    async def _place(self, batch: BatchCall, pending: PendingTask) -> None:
        async def register(call: Call, recovery: CallRecovery) -> Call | None:
            placed = await self._store.batches.place(batch.batch_call_id, pending.position, call, recovery)
            return None if placed else call  # another controller was faster: it dials

        try:
            await self._originator.place_task(
                pending.task,
                from_number=batch.from_number,
                register=register,
                batch_call_id=batch.batch_call_id,
                batch_reserve=batch.reserved_concurrency,
            )
        except ConcurrencyLimitReached:
            raise
        except DialLimitReached as error:
            log.info("batch waits: %s", error, extra={"batch_call_id": batch.batch_call_id})
            await self._store.batches.postpone(batch.batch_call_id, self._now_ms() + error.retry_after_ms)
        except CallError as error:
            await self._refuse(batch, pending, str(error))

    async def _refuse(self, batch: BatchCall, pending: PendingTask, why: str) -> None:
        record = await self._originator.unplaced(
            pending.task, from_number=batch.from_number, batch_call_id=batch.batch_call_id, why=why
        )
        log.warning(
            "task of a batch refused: %s",
            why,
            extra={"batch_call_id": batch.batch_call_id, "call_id": record.call.call_id},
        )
        refused = (batch.batch_call_id, pending.position, record.call, tuple(record.owed))
        await self._store.batches.refuse(*refused, why=why, recovery=record.recovery)

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(_TROUBLE_S):
                await self._slots.freed()
        except TimeoutError:
            return

    async def _sleep(self, wait_s: float) -> None:
        """Sleep for wait_s seconds, no longer than batches may be left alone, or until a batch is taken."""
        longest_s = _LONGEST_SHARED_SLEEP_S if self._store.is_shared else _LONGEST_SLEEP_S
        await is_set_within(self._news, min(wait_s, longest_s))
