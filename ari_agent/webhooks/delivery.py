"""Delivers the webhooks that wait in the outbox: signed POSTs, retried, in order for each call, never lost.

Source: Retell, "Retell webhooks overview" (2026-08): any 2xx is success, up to 3 retries otherwise, in order but not
blocking. What that means here:

- Only one event of a call is being sent at a time, the oldest that is due. A failed one waits for its next attempt
  without holding back the events after it: a failing call_started does not stop call_ended. Only while a receiver
  cannot be reached at all do the later events of a call wait for the older one, so that they keep their order.
- Retries come 1 s, 5 s and 30 s after a failed attempt, each varied by up to a fifth so that receivers which come back
  are not met by all calls at once. The fourth failure makes a dead letter, which stays in the outbox. A receiver that
  answers 429 or 503 and says when to come again is left alone until then, for `MAX_RETRY_AFTER_S` at most.
- An outcome is recorded before the event counts as delivered or dead; a process that dies between the 2xx and its
  record sends again, so that receivers get an event at least once, each time with the same X-Ari-Agent-Delivery. After
  a recorded 2xx it is not sent again, unless somebody replays it.
- Several controllers share an outbox by claims, see `store/outbox.py`: one that dies in between, or stands still for so
  long that it is given up, may have sent what another sends again.
- A receiver, by host and port, gets at most `MAX_IN_FLIGHT_PER_RECEIVER` requests at a time, and no more than
  a quarter of the places that are free. However slow some receivers are, those with no request in flight come first.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_fixed

from ari_agent.clock import now_ms
from ari_agent.contract.parsing.redacted_url import shown_url
from ari_agent.contract.trace import Trace
from ari_agent.contract.webhook_attempt import WebhookAttempt, answer_text
from ari_agent.contract.webhook_event import QueuedEvent, WebhookEventName
from ari_agent.errors import StoreError
from ari_agent.timed_wait import is_set_within
from ari_agent.webhooks.data_copy import with_data_copy
from ari_agent.webhooks.signed_post import PostAnswer, PostFailed, SignedPost
from ari_agent.webhooks.traced_post import traced_post

log = logging.getLogger(__name__)

RETRY_AFTER_S: Final = (1.0, 5.0, 30.0)
"""How long to wait after each failed attempt; after one more failure the event is dead."""
JITTER: Final = 0.2
"""By which share each of these is varied at random, up and down."""
MAX_RETRY_AFTER_S: Final = 600.0
"""The longest pause that a receiver can ask for."""
MAX_IN_FLIGHT: Final = 256
MAX_IN_FLIGHT_PER_RECEIVER: Final = 16
BATCH_SIZE: Final = 32
"""How many events, with their bodies, are read from the outbox at once; those that cannot be sent now are dropped."""
POLL_INTERVAL_S: Final = 30.0
"""The longest wait before the outbox is read again, should another process have added an event to it."""
SHARED_POLL_S: Final = 3.0
"""The same where other controllers work on the outbox: one that leaves may have left events behind."""
STORE_RETRY_S: Final = 1.0
"""How long to wait after the database failed."""
GRACE_S: Final = 2.0
"""How long requests in flight may take when the worker is stopped."""


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
        """At most `limit` pending events that are due: one of each call, none of the excepted calls and receivers."""

    async def next_due_ms(self, after_ms: int) -> int | None:
        """When the next event after this time becomes due, in milliseconds since 1970; None if there is none."""

    async def delivered(self, outbox_id: int, attempt: WebhookAttempt | None = None) -> None:
        """Record that the event was delivered by this attempt, so that it is not sent again."""

    async def failed(
        self,
        outbox_id: int,
        why: str,
        next_attempt_ms: int | None,
        *,
        not_reached: bool = False,
        attempt: WebhookAttempt | None = None,
    ) -> None:
        """Record a failed attempt, to be repeated at that time, or never if it is None.

        not_reached: later events of its call wait until then, too.
        """


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """What became of one attempt to deliver an event. number: from 1. why: it failed, in one line.

    again_in_ms: when it is tried again, after a failure that is not the last.
    """

    call_id: str
    event: WebhookEventName
    number: int
    outcome: Literal["delivered", "failed", "given_up"]
    why: str | None = None
    again_in_ms: int | None = None

    @property
    def is_last(self) -> bool:
        """Whether the event is not sent again."""
        return self.outcome != "failed"


class Delivery:
    """Delivers the events of an outbox until it is cancelled.

    api_key: signs each request when it is sent. copies_data: bodies about calls get `data`, see data_copy.py. now_ms:
    returns milliseconds since 1970. dice: uniform in [0, 1). poll_s: see POLL_INTERVAL_S.
    trace: takes each attempt about a call, as a step; None where there are no traces.
    on_attempt: is told of every attempt, once its outcome is recorded.
    delivered, failed, died: how many attempts have succeeded, failed and will be repeated, or failed for good.
    """

    def __init__(
        self,
        outbox: OutboxPort,
        session: aiohttp.ClientSession,
        api_key: str,
        *,
        copies_data: bool = False,
        now_ms: Callable[[], int] = now_ms,
        dice: Callable[[], float] = random.random,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_in_flight_per_receiver: int = MAX_IN_FLIGHT_PER_RECEIVER,
        store_retry_s: float = STORE_RETRY_S,
        poll_s: float = POLL_INTERVAL_S,
        grace_s: float = GRACE_S,
        trace: Trace | None = None,
    ) -> None:
        self._outbox = outbox
        self._post = SignedPost(session, api_key, now_ms)
        self._copies_data = copies_data
        self._now_ms = now_ms
        self._dice = dice
        self._retry_after_s = retry_after_s
        self._max_in_flight = max_in_flight
        self._max_in_flight_per_receiver = max_in_flight_per_receiver
        self._store_retry_s = store_retry_s
        self._poll_s = poll_s
        self._grace_s = grace_s
        self._trace = trace
        self.on_attempt: Callable[[DeliveryAttempt], None] = lambda _: None
        self._changed = asyncio.Event()
        self._in_flight: dict[asyncio.Task[None], QueuedEvent] = {}
        self.delivered = self.failed = self.died = 0

    @property
    def in_flight(self) -> int:
        """How many requests have been sent and not answered yet."""
        return len(self._in_flight)

    def wake(self) -> None:
        """Read the outbox at once, since something was added to it."""
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled.

        Once cancelled, it still sends what was added last and waits for the requests in flight, for `grace_s` at most.
        The next run sends those again that were not answered by then.
        """
        try:
            while True:
                self._changed.clear()
                wait_s = await self._start_what_is_due()
                await is_set_within(self._changed, wait_s)
        except asyncio.CancelledError:
            await self._start_what_is_due()
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=self._grace_s)
            raise
        finally:
            await self._cancel_in_flight()

    async def _start_what_is_due(self) -> float:
        """Send as many due events as may be in flight; returns how many seconds to wait for the next."""
        now_ms = self._now_ms()
        try:
            while (room := self._max_in_flight - self.in_flight) > 0:
                share = max(1, min(self._max_in_flight_per_receiver, room // 4))
                busy_receivers = Counter(queued.event.receiver for queued in self._in_flight.values())
                busy_calls = {queued.event.call_id for queued in self._in_flight.values()}
                full = [name for name, count in busy_receivers.items() if count >= share]
                limit = min(room, BATCH_SIZE)
                due = await self._outbox.due(now_ms, limit, except_calls=busy_calls, except_receivers=full)
                for queued in due:
                    if busy_receivers[queued.event.receiver] < share:
                        busy_receivers[queued.event.receiver] += 1
                        self._start(queued)
                if len(due) < limit:  # that was all
                    break
            next_ms = await self._outbox.next_due_ms(now_ms)
        except StoreError as error:
            log.error("the outbox cannot be read: %s", error)
            return self._store_retry_s
        return self._poll_s if next_ms is None else min(self._poll_s, max(0.0, (next_ms - self._now_ms()) / 1000))

    def _start(self, queued: QueuedEvent) -> None:
        task = asyncio.create_task(self._attempt(queued), name=f"webhook {queued.event.event} {queued.event.call_id}")
        self._in_flight[task] = queued
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._changed.set()

    async def _cancel_in_flight(self) -> None:
        tasks = list(self._in_flight)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, queued: QueuedEvent) -> None:
        event = queued.event
        facts = {"call_id": event.call_id, "event": event.event.value, "attempt": queued.attempts + 1}
        began_ms = self._now_ms()
        try:
            body = with_data_copy(event.body) if self._copies_data else event.body
            name, which = f"webhook {event.event.value}", f"{queued.outbox_id}.{queued.attempts}"
            step = traced_post(self._trace, event.call_id, name, which=which, url=event.url, now_ms=self._now_ms)
            with step as headers:
                answer = await self._post.notify(
                    event.url,
                    body,
                    delivery_id=queued.delivery_id,
                    timeout_s=event.timeout_ms / 1000,
                    headers=headers,
                )
        except PostFailed as failure:
            attempt = _noted(began_ms, self._now_ms(), failure.answer, failure.why)
            await self._record_failure(queued, failure, attempt, facts)
        else:
            attempt = _noted(began_ms, self._now_ms(), answer)
            await self._record(lambda: self._outbox.delivered(queued.outbox_id, attempt))
            self.delivered += 1
            log.info("webhook delivered", extra=facts)
            self._tell(queued, "delivered")

    async def _record_failure(
        self, queued: QueuedEvent, failure: PostFailed, attempt: WebhookAttempt, facts: Mapping[str, object]
    ) -> None:
        retry_ms = None if failure.hopeless else self._retry_ms(queued.attempts, failure.retry_after_s or 0.0)
        if retry_ms is None:
            self.died += 1
            verdict = "given up"
        else:
            self.failed += 1
            verdict = "will be sent again"
        log.warning("webhook to %s %s: %s", shown_url(queued.event.url), verdict, failure.why, extra=facts)
        not_reached = failure.not_reached
        await self._record(
            lambda: self._outbox.failed(
                queued.outbox_id, failure.why, retry_ms, not_reached=not_reached, attempt=attempt
            )
        )
        self._tell(queued, "given_up" if retry_ms is None else "failed", failure.why, retry_ms)

    def _tell(
        self,
        queued: QueuedEvent,
        outcome: Literal["delivered", "failed", "given_up"],
        why: str | None = None,
        retry_ms: int | None = None,
    ) -> None:
        again_in_ms = None if retry_ms is None else max(0, retry_ms - self._now_ms())
        call_id, event, number = queued.event.call_id, queued.event.event, queued.attempts + 1
        self.on_attempt(DeliveryAttempt(call_id, event, number, outcome, why, again_in_ms))

    async def _record(self, write: Callable[[], Awaitable[None]]) -> None:
        """Record an outcome, however long the database is away; until then the event counts as in flight."""
        recording = AsyncRetrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_fixed(self._store_retry_s),
            before_sleep=_log_unrecorded,
        )
        async for attempt in recording:  # not `recording(write)`: it awaits nothing but a coroutine function
            with attempt:
                await write()

    def _retry_ms(self, failed_before: int, wanted_s: float) -> int | None:
        """When to try again, in milliseconds since 1970; None after the last retry.

        wanted_s: how long the receiver wants to be left alone; it is never asked sooner, and not by all calls at once.
        """
        if failed_before >= len(self._retry_after_s):
            return None
        varied = JITTER * self._dice()
        planned_s = self._retry_after_s[failed_before] * (1 - JITTER + 2 * varied)
        return self._now_ms() + round(max(planned_s, min(wanted_s, MAX_RETRY_AFTER_S) * (1 + varied)) * 1000)


def _noted(began_ms: int, now_ms: int, answer: PostAnswer | None, error: str | None = None) -> WebhookAttempt:
    ended_ms, status, start = (answer.at_ms, answer.status, answer.start) if answer else (now_ms, None, b"")
    return WebhookAttempt(began_ms, max(0, ended_ms - began_ms), status, answer_text(start), error)


def _log_unrecorded(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.error("the outcome of a webhook cannot be recorded: %s", error)
