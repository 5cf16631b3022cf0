"""Delivery from a real outbox to real receivers: signed, in order, retried, and one dead receiver harms nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from ari_agent.contract.webhook_attempt import WebhookAttempt
from ari_agent.contract.webhook_event import QueuedEvent, WebhookEvent, WebhookEventName
from ari_agent.errors import StoreError
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery, DeliveryAttempt
from tests.store.samples import a_call
from tests.webhooks.deliverer import an_event, delivering, end, until_settled
from tests.webhooks.receiver import API_KEY, Arrival, Receiver, never

pytestmark = pytest.mark.slow

STARTED, ENDED = WebhookEventName.CALL_STARTED, WebhookEventName.CALL_ENDED


async def test_an_event_is_posted_as_it_was_saved_and_signed_as_it_is_sent(store: Store) -> None:
    async with Receiver() as receiver, delivering(store.outbox) as delivery:
        event = an_event(f"{receiver.url}?tenant=5")
        await store.calls.save(a_call(), [event])
        await receiver.wait_for(1)
        await until_settled(store)
    (arrival,) = receiver.arrivals
    assert arrival.body == event.body
    assert arrival.path == "/hook?tenant=5"
    assert arrival.is_signed
    assert arrival.headers["content-type"] == "application/json"
    assert (delivery.delivered, delivery.failed, delivery.died) == (1, 0, 0)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_success_whatever_the_body(store: Store, status: int) -> None:
    async def answer(_: Arrival) -> web.StreamResponse:
        return web.Response(status=status, body=None if status == 204 else b"\xff not json")

    async with Receiver(answer) as receiver, delivering(store.outbox):
        await store.calls.save(a_call(), [an_event(receiver.url)])
        await until_settled(store)
    assert len(receiver.arrivals) == 1


@pytest.mark.parametrize("status", [302, 400, 404, 410, 500, 503])
async def test_anything_else_is_sent_four_times_and_then_a_dead_letter(store: Store, status: int) -> None:
    async def answer(_: Arrival) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with Receiver(answer) as receiver, delivering(store.outbox) as delivery:
        attempts: list[DeliveryAttempt] = []
        delivery.on_attempt = attempts.append
        event = an_event(receiver.url)
        event = WebhookEvent(event.call_id, event.event, event.url, event.body, timeout_ms=1000)
        await store.calls.save(a_call(), [event])
        await until_settled(store)
    assert len(receiver.arrivals) == 4
    assert {arrival.path for arrival in receiver.arrivals} == {"/hook"}
    (letter,) = await store.outbox.dead_letters()
    assert (letter.event, letter.attempts) == (event, 4)
    assert (delivery.delivered, delivery.failed, delivery.died) == (0, 3, 1)
    assert [(attempt.number, attempt.outcome) for attempt in attempts] == [
        (1, "failed"),
        (2, "failed"),
        (3, "failed"),
        (4, "given_up"),
    ]
    assert [attempt.is_last for attempt in attempts] == [False, False, False, True]
    assert {attempt.why for attempt in attempts} == {letter.why}
    assert [attempt.again_in_ms is None for attempt in attempts] == [False, False, False, True]
    assert {(attempt.call_id, attempt.event) for attempt in attempts} == {(event.call_id, event.event)}


async def test_a_url_that_cannot_be_posted_to_is_given_up_at_once(store: Store) -> None:
    async with delivering(store.outbox):
        await store.calls.save(a_call(), [an_event("http://[::1/hook")])
        await until_settled(store)
    (letter,) = await store.outbox.dead_letters()
    assert letter.attempts == 1
    assert "not a URL" in letter.why


async def test_the_timeout_is_the_events_own(store: Store) -> None:
    async with Receiver(never) as receiver, delivering(store.outbox, retry_after_s=()):
        event = an_event(receiver.url)
        await store.calls.save(a_call(), [WebhookEvent(event.call_id, event.event, event.url, event.body, 50)])
        await until_settled(store)
    (letter,) = await store.outbox.dead_letters()
    assert letter.why == "no answer within 0.05 s"


async def test_events_of_a_call_arrive_in_order_one_at_a_time(store: Store) -> None:
    under_way: set[str] = set()

    async def slowly(arrival: Arrival) -> web.StreamResponse:
        call_id = arrival.document["call"]["call_id"]
        assert call_id not in under_way
        under_way.add(call_id)
        await asyncio.sleep(0.01)
        under_way.remove(call_id)
        return web.Response()

    names = [STARTED, WebhookEventName.TRANSFER_STARTED, WebhookEventName.TRANSFER_CANCELLED, ENDED]
    ids = [f"call_{number}" for number in range(20)]
    async with Receiver(slowly) as receiver, delivering(store.outbox):
        for name in names:
            for call_id in ids:
                await store.calls.save(a_call(call_id), [an_event(receiver.url, call_id, name)])
        await until_settled(store)
    for call_id in ids:
        of_call = [a.document["event"] for a in receiver.arrivals if a.document["call"]["call_id"] == call_id]
        assert of_call == names


async def test_a_failing_call_started_does_not_hold_back_call_ended(store: Store) -> None:
    async def refuse_started(arrival: Arrival) -> web.StreamResponse:
        return web.Response(status=500 if arrival.document["event"] == STARTED else 200)

    async with Receiver(refuse_started) as receiver, delivering(store.outbox, retry_after_s=(3600,)):
        await store.calls.save(a_call(), [an_event(receiver.url), an_event(receiver.url, name=ENDED)])
        await receiver.wait_for(2)
    assert [arrival.document["event"] for arrival in receiver.arrivals] == [STARTED, ENDED]
    assert await store.outbox.depth() >= 1


async def test_events_of_a_call_wait_for_a_receiver_that_is_down_and_keep_their_order(store: Store) -> None:
    """Each is added while the ones before wait for their retry; another call's go to another receiver meanwhile."""
    async with Receiver() as other:
        async with Receiver() as gone:
            url, port = gone.url, urlsplit(gone.url).port
        async with delivering(store.outbox, retry_after_s=(0.5, 0.5, 30)) as delivery:
            await store.calls.save(a_call(), [an_event(url)])
            await asyncio.sleep(0.1)
            for name in (WebhookEventName.TRANSFER_STARTED, ENDED):
                await store.calls.save(a_call(), [an_event(url, name=name)])
            await store.calls.save(a_call("call_2"), [an_event(other.url, "call_2")])
            await other.wait_for(1)
            assert delivery.failed == 1
            async with Receiver(port=port or 0) as back:
                await until_settled(store)
    assert [arrival.document["event"] for arrival in back.arrivals] == [
        STARTED,
        WebhookEventName.TRANSFER_STARTED,
        ENDED,
    ]


async def test_a_receiver_that_hangs_up_on_one_event_gets_the_next_when_that_is_given_up(store: Store) -> None:
    async def hang_up_on_started(arrival: Arrival) -> web.StreamResponse:
        if arrival.document["event"] == STARTED:
            assert arrival.transport
            arrival.transport.abort()
        return web.Response()

    async with Receiver(hang_up_on_started) as receiver, delivering(store.outbox):
        await store.calls.save(a_call(), [an_event(receiver.url), an_event(receiver.url, name=ENDED)])
        await until_settled(store)
    assert [arrival.document["event"] for arrival in receiver.arrivals] == [STARTED] * 4 + [ENDED]
    (letter,) = await store.outbox.dead_letters()
    assert letter.why.startswith("not reached: ")


async def test_a_receiver_that_hangs_does_not_hold_back_the_others(store: Store) -> None:
    async with (
        Receiver(never) as dead,
        Receiver() as alive,
        delivering(store.outbox, max_in_flight=16, max_in_flight_per_receiver=3, grace_s=0),
    ):
        for number in range(10):
            await store.calls.save(a_call(f"dead_{number}"), [an_event(dead.url, f"dead_{number}")])
        await dead.wait_for(3)
        for number in range(10):
            await store.calls.save(a_call(f"alive_{number}"), [an_event(alive.url, f"alive_{number}")])
        await alive.wait_for(10)
        assert len(dead.arrivals) == 3


async def test_the_end_waits_for_what_is_on_its_way_and_sends_what_was_added_last(store: Store) -> None:
    async def a_little_later(_: Arrival) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return web.Response()

    async with Receiver(a_little_later) as receiver:
        async with delivering(store.outbox):
            await store.calls.save(a_call("call_1"), [an_event(receiver.url, "call_1")])
            await receiver.wait_for(1)
            await store.calls.save(a_call("call_2"), [an_event(receiver.url, "call_2")])
        assert await store.outbox.depth() == 0


async def test_what_has_not_come_back_by_the_end_is_kept(store: Store) -> None:
    async with Receiver(never) as receiver, delivering(store.outbox, grace_s=0.01):
        await store.calls.save(a_call(), [an_event(receiver.url)])
        await receiver.wait_for(1)
    (queued,) = await store.outbox.due(2**50, 10)
    assert queued.attempts == 0


class FakeOutbox:
    """Holds one event; its database can be away."""

    def __init__(self, event: WebhookEvent, *, attempts: int = 0) -> None:
        self.pending: list[QueuedEvent] = [QueuedEvent(1, event, attempts)]
        self.retries: list[int | None] = []
        self.refusals = 0
        self.settled = asyncio.Event()
        self.on_added: Callable[[], None] | None = None

    async def due(
        self,
        now_ms: int,
        limit: int,
        *,
        except_calls: Collection[str] = (),
        except_receivers: Collection[str] = (),
    ) -> Sequence[QueuedEvent]:
        """The event, as long as it is not settled."""
        return [queued for queued in self.pending if queued.event.call_id not in except_calls]

    async def next_due_ms(self, after_ms: int) -> int | None:
        """Nothing is to come."""
        return None

    async def delivered(self, outbox_id: int, attempt: WebhookAttempt | None = None) -> None:
        """Settled."""
        if self.refusals:
            self.refusals -= 1
            raise StoreError("the database is away")
        self.pending.clear()
        self.settled.set()

    async def failed(
        self,
        outbox_id: int,
        why: str,
        next_attempt_ms: int | None,
        *,
        not_reached: bool = False,
        attempt: WebhookAttempt | None = None,
    ) -> None:
        """Noted."""
        self.retries.append(next_attempt_ms)
        self.pending.clear()
        self.settled.set()


@pytest.mark.parametrize(
    ("attempts", "dice", "retry_ms"),
    [
        (0, 0.5, 1_000),
        (1, 0.5, 5_000),
        (2, 0.5, 30_000),
        (3, 0.5, None),
        (0, 0.0, 800),
        (0, 1.0, 1_200),
        (2, 0.0, 24_000),
        (2, 1.0, 36_000),
    ],
)
async def test_pauses_grow_and_vary_by_a_fifth(attempts: int, dice: float, retry_ms: int | None) -> None:
    async def refuse(_: Arrival) -> web.StreamResponse:
        return web.Response(status=500)

    async with Receiver(refuse) as receiver, aiohttp.ClientSession() as session:
        outbox = FakeOutbox(an_event(receiver.url), attempts=attempts)
        delivery = Delivery(outbox, session, API_KEY, now_ms=lambda: 0, dice=lambda: dice)
        running = asyncio.create_task(delivery.run())
        await outbox.settled.wait()
        await end(running)
    assert outbox.retries == [retry_ms]


@pytest.mark.parametrize(
    ("status", "header", "retry_ms"),
    [
        (429, "7", 7_700),
        (503, "7", 7_700),
        (500, "7", 1_000),
        (503, "Thu, 01 Jan 1970 00:00:10 GMT", 11_000),
        (429, "0", 1_000),
        (429, "soon", 1_000),
        (429, "31536000", 660_000),
    ],
)
async def test_a_receiver_may_say_when_to_come_again(status: int, header: str, retry_ms: int) -> None:
    async def refuse(_: Arrival) -> web.StreamResponse:
        return web.Response(status=status, headers={"Retry-After": header})

    async with Receiver(refuse) as receiver, aiohttp.ClientSession() as session:
        outbox = FakeOutbox(an_event(receiver.url))
        delivery = Delivery(outbox, session, API_KEY, now_ms=lambda: 0, dice=lambda: 0.5)
        running = asyncio.create_task(delivery.run())
        await outbox.settled.wait()
        await end(running)
    assert outbox.retries == [retry_ms]


@pytest.mark.parametrize("copies_data", [True, False])
async def test_what_is_sent_with_a_copy_is_signed_with_it(copies_data: bool) -> None:
    async with Receiver() as receiver:
        outbox = FakeOutbox(an_event(receiver.url))
        async with delivering(outbox, copies_data=copies_data):
            await outbox.settled.wait()
    (arrival,) = receiver.arrivals
    assert arrival.is_signed
    assert ("data" in arrival.document) is copies_data


async def test_while_the_database_is_away_an_accepted_event_is_not_sent_again() -> None:
    async with Receiver() as receiver:
        outbox = FakeOutbox(an_event(receiver.url))
        outbox.refusals = 3
        async with delivering(outbox, store_retry_s=0.01) as delivery:
            await receiver.wait_for(1)
            delivery.wake()
            await outbox.settled.wait()
    assert len(receiver.arrivals) == 1
    assert delivery.delivered == 1


async def test_an_outbox_that_cannot_be_read_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:

    class Away(FakeOutbox):
        """Cannot be read at first."""

        async def next_due_ms(self, after_ms: int) -> int | None:
            """Once."""
            if not self.settled.is_set():
                raise StoreError("the database is away")
            return None

    async with Receiver() as receiver:
        outbox = Away(an_event(receiver.url))
        async with delivering(outbox, store_retry_s=0.01):
            await outbox.settled.wait()
    assert "the outbox cannot be read: the database is away" in caplog.text
    assert len(receiver.arrivals) == 1


async def test_no_secret_and_no_body_is_logged(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="ari_agent")
    async with delivering(store.outbox):
        await store.calls.save(a_call(), [an_event("http://user:hunter2@127.0.0.1:1/hook?token=hunter2")])
        await until_settled(store)
    assert "webhook to http://127.0.0.1:1/hook given up" in caplog.text
    assert "hunter2" not in caplog.text
    assert "Grüße" not in caplog.text
    assert API_KEY not in caplog.text
