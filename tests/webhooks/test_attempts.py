"""What is noted of each attempt: what a receiver answered, whatever that is, within bounds of size and time."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web

from ari_agent.contract.webhook_attempt import ANSWER_BYTES
from ari_agent.contract.webhook_delivery import WebhookDelivery
from ari_agent.store.store import Store
from tests.store.samples import a_call
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Answer, Arrival, Receiver, never

MARKUP = "<script>alert(1)</script>"


def says(status: int, body: bytes) -> Answer:
    async def answer(_: Arrival) -> web.StreamResponse:
        return web.Response(status=status, body=body)

    return answer


def begins(status: int) -> Answer:
    """The headers and one word, and nothing more."""

    async def answer(arrival: Arrival) -> web.StreamResponse:
        assert arrival.transport
        head = f"HTTP/1.1 {status} X\r\nContent-Length: 99\r\n\r\nwait".encode()
        arrival.transport.write(head)
        return await never(arrival)

    return answer


async def delivered_to(store: Store, answer: Answer, *, timeout_ms: int = 10_000) -> WebhookDelivery:
    """An event of which there was one attempt."""
    async with Receiver(answer) as receiver, delivering(store.outbox, retry_after_s=()):
        await store.calls.save(a_call(), [an_event(receiver.url, timeout_ms=timeout_ms)])
        await until_settled(store)
    (delivery,) = await store.webhooks.of_call("call_1")
    return delivery


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    ("body", "noted"),
    [
        (b"", ""),
        (MARKUP.encode(), MARKUP),
        ("Grüße".encode(), "Grüße"),
        (b"\x00\xff\xfe\x1b[2J", "\0\ufffd\ufffd\x1b[2J"),
        (b"x" * 3_000_000, "x" * ANSWER_BYTES),
        (b"\xff" * ANSWER_BYTES * 2, "\ufffd" * ANSWER_BYTES),
    ],
    ids=["nothing", "markup", "umlauts", "binary", "huge", "huge binary"],
)
async def test_an_answer_is_noted_as_text_of_a_bounded_length(
    store: Store, status: int, body: bytes, noted: str
) -> None:
    began_ms = time.time_ns() // 10**6
    delivery = await delivered_to(store, says(status, body))
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.answer) == (status, noted)
    assert attempt.error == (None if status == 200 else "answered 500, expected 2xx")
    assert began_ms <= attempt.at_ms <= attempt.at_ms + attempt.latency_ms <= time.time_ns() // 10**6


@pytest.mark.parametrize("status", [200, 500])
async def test_of_an_answer_that_does_not_end_the_beginning_is_noted_in_time(store: Store, status: int) -> None:
    async with asyncio.timeout(30):
        delivery = await delivered_to(store, begins(status), timeout_ms=200)
    assert [(attempt.status, attempt.answer) for attempt in delivery.attempts] == [(status, "wait")]


async def test_without_an_answer_there_is_the_error_and_how_long_it_took(store: Store) -> None:
    delivery = await delivered_to(store, never, timeout_ms=200)
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.answer, attempt.error) == (None, "", "no answer within 0.2 s")
    assert attempt.latency_ms >= 190
