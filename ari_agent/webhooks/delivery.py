"""Delivers what waits in the outbox: signed POSTs, retried, in order for each call, never lost.

Source: Retell, "Retell webhooks overview" (2026-08): any 2xx is success, up to 3 retries otherwise, in order but not
blocking. What that means here:

- Of one call, one event at a time is on its way, the oldest that is due. A failed one waits for its next attempt
  without holding back the events after it: a failing call_started does not stop call_ended. Only while a receiver
  cannot be reached at all do the later events of a call wait for the older one, so that they keep their order.
- Retries come 1 s, 5 s and 30 s after a failed attempt, each varied by up to a fifth so that receivers which come back
  are not met by all calls at once. The fourth failure makes a dead letter, which stays in the outbox.
- An outcome is recorded before the event counts as settled; a process that dies between the 2xx and its record sends
  again, which is why receivers see an event at least once. After a recorded 2xx it is never sent again.
- A receiver, told by host and port, gets at most `PER_RECEIVER` requests at a time, and no more than a quarter of the
  places that are free: however slow some are, those that have none on their way are served before those that have.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from ari_agent.clock import now_ms
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.webhook_event import QueuedEvent
from ari_agent.errors import StoreError
from ari_agent.webhooks.signed_post import PostFailed, SignedPost

log = logging.getLogger(__name__)

RETRY_AFTER_S: Final = (1.0, 5.0, 30.0)
JITTER: Final = 0.2  # of each of these
AT_A_TIME: Final = 256
PER_RECEIVER: Final = 16
READ_AT_ONCE: Final = 32  # events with their bodies, of which only those are kept that are sent now
IDLE_LOOK_S: Final = 30.0  # somebody else may have put something into the outbox
STORE_RETRY_S: Final = 1.0  # after the database failed
GRACE_S: Final = 2.0  # at the end


class OutboxPort(Protocol):
    """What delivery needs of an outbox. Every method may raise StoreError."""

    async def due(
        self,
        now_ms: int,
        limit: int,
        *,
        except_calls: Collection[str] = (),
        except_receivers: Collection[str] = (),
    ) -> Sequence[QueuedEvent]:
        """Pending events whose time has come, at most one of each call, none of the calls and receivers excepted."""

    async def next_due_ms(self, after_ms: int) -> int | None:
        """When the next one becomes due."""

    async def delivered(self, outbox_id: int) -> None:
        """It is never to be sent again."""

    async def failed(self, outbox_id: int, why: str, next_attempt_ms: int | None, *, not_reached: bool = False) -> None:
        """To be sent again at that time, or never (None). not_reached: later events of its call wait until then."""


class Delivery:
    """The worker. api_key: signs each request, at the moment it is sent.

    delivered, failed, died: how many attempts succeeded, failed and will be repeated, failed for good.
    """

    def __init__(
        self,
        outbox: OutboxPort,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        now_ms: Callable[[], int] = now_ms,
        dice: Callable[[], float] = random.random,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        at_a_time: int = AT_A_TIME,
        per_receiver: int = PER_RECEIVER,
        store_retry_s: float = STORE_RETRY_S,
        grace_s: float = GRACE_S,
    ) -> None:
        self._outbox = outbox
        self._post = SignedPost(session, api_key, now_ms)
        self._now_ms = now_ms
        self._dice = dice
        self._retry_after_s = retry_after_s
        self._at_a_time = at_a_time
        self._per_receiver = per_receiver
        self._store_retry_s = store_retry_s
        self._grace_s = grace_s
        self._something_changed = asyncio.Event()
        self._on_their_way: dict[asyncio.Task[None], QueuedEvent] = {}
        self.delivered = self.failed = self.died = 0

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return len(self._on_their_way)

    def wake(self) -> None:
        """Something was added to the outbox: look at once."""
        self._something_changed.set()

    async def run(self) -> None:
        """Deliver until cancelled.

        Then what was added last is sent too and what is on its way may come back, for two seconds at most. What has
        not by then is sent again by the next run.
        """
        try:
            while True:
                self._something_changed.clear()
                wait_s = await self._start_what_is_due()
                await self._wait_for_change(wait_s)
        except asyncio.CancelledError:
            await self._start_what_is_due()
            if self._on_their_way:
                await asyncio.wait(self._on_their_way, timeout=self._grace_s)
            raise
        finally:
            await self._give_up_the_rest()

    async def _start_what_is_due(self) -> float:
        """Begin as many requests as there is room for. How long, in seconds, nothing more will be due."""
        now_ms = self._now_ms()
        try:
            while (room := self._at_a_time - self.in_flight) > 0:
                share = max(1, min(self._per_receiver, room // 4))
                busy_receivers = Counter(queued.event.receiver for queued in self._on_their_way.values())
                busy_calls = {queued.event.call_id for queued in self._on_their_way.values()}
                full = [name for name, count in busy_receivers.items() if count >= share]
                limit = min(room, READ_AT_ONCE)
                due = await self._outbox.due(now_ms, limit, except_calls=busy_calls, except_receivers=full)
                if not due:
                    break
                for queued in due:
                    if busy_receivers[queued.event.receiver] < share:
                        busy_receivers[queued.event.receiver] += 1
                        self._start(queued)
            next_ms = await self._outbox.next_due_ms(now_ms)
        except StoreError as error:
            log.error("the outbox cannot be read: %s", error)
            return self._store_retry_s
        return IDLE_LOOK_S if next_ms is None else min(IDLE_LOOK_S, max(0.0, (next_ms - self._now_ms()) / 1000))

    def _start(self, queued: QueuedEvent) -> None:
        task = asyncio.create_task(self._attempt(queued), name=f"webhook {queued.event.event} {queued.event.call_id}")
        self._on_their_way[task] = queued
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._on_their_way[task]
        self._something_changed.set()

    async def _wait_for_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._something_changed.wait()
        except TimeoutError:
            pass  # something became due

    async def _give_up_the_rest(self) -> None:
        rest = list(self._on_their_way)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _attempt(self, queued: QueuedEvent) -> None:
        event = queued.event
        facts = {"call_id": event.call_id, "event": event.event.value, "attempt": queued.attempts + 1}
        try:
            await self._post.tell(event.url, event.body, timeout_s=event.timeout_ms / 1000)
        except PostFailed as failure:
            await self._record_failure(queued, failure, facts)
        else:
            await self._record(lambda: self._outbox.delivered(queued.outbox_id))
            self.delivered += 1
            log.info("webhook delivered", extra=facts)

    async def _record_failure(self, queued: QueuedEvent, failure: PostFailed, facts: Mapping[str, object]) -> None:
        retry_ms = None if failure.hopeless else self._retry_ms(queued.attempts)
        if retry_ms is None:
            self.died += 1
            verdict = "given up"
        else:
            self.failed += 1
            verdict = "will be sent again"
        log.warning("webhook to %s %s: %s", shown_url(queued.event.url), verdict, failure.why, extra=facts)
        await self._record(
            lambda: self._outbox.failed(queued.outbox_id, failure.why, retry_ms, not_reached=failure.not_reached)
        )

    async def _record(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write the outcome down, however long the database is away: until then the event counts as on its way, so
        that it is not sent again.
        """
        recording = AsyncRetrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_fixed(self._store_retry_s),
            before_sleep=_log_unrecorded,
        )
        async for attempt in recording:  # not `recording(write)`: it awaits nothing but a coroutine function
            with attempt:
                await write()

    def _retry_ms(self, failed_before: int) -> int | None:
        """When to try again; None after the last retry."""
        if failed_before >= len(self._retry_after_s):
            return None
        varied_s = self._retry_after_s[failed_before] * (1 + JITTER * (2 * self._dice() - 1))
        return self._now_ms() + round(varied_s * 1000)


def _log_unrecorded(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.error("the outcome of a webhook cannot be recorded: %s", error)
