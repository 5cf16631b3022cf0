"""Slow receivers and receivers that hang hold up their own webhooks and nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict

import pytest
from aiohttp import web

from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import MAX_IN_FLIGHT_PER_RECEIVER
from tests.store.samples import a_call
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Arrival, Receiver, never

pytestmark = pytest.mark.slow

NAMES = (WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)
CALLS = 200
PATIENCE_MS = 600_000
"""A receiver may take longer than the test does, so that no attempt is given up because this machine is slow."""


async def save(store: Store, url: str, *call_ids: str) -> None:
    """Calls that end, with what is told about it."""
    for call_id in call_ids:
        await store.calls.save(
            a_call(call_id), [an_event(url, call_id, name, timeout_ms=PATIENCE_MS) for name in NAMES]
        )


async def test_two_hundred_calls_of_a_slow_receiver_delay_no_other(store: Store) -> None:
    """It takes as long for each answer as the test wants: nobody else waits for it."""
    answered = asyncio.Event()

    async def slowly(_: Arrival) -> web.StreamResponse:
        await answered.wait()
        return web.Response()

    async with Receiver(slowly) as slow, Receiver() as quick, delivering(store.outbox) as delivery:
        await save(store, slow.url, *(f"slow_{number}" for number in range(CALLS)))
        await slow.wait_for(MAX_IN_FLIGHT_PER_RECEIVER)
        await save(store, quick.url, *(f"quick_{number}" for number in range(20)))
        await quick.wait_for(20 * len(NAMES))
        assert len(slow.arrivals) == MAX_IN_FLIGHT_PER_RECEIVER
        answered.set()
        await until_settled(store)
    assert delivery.delivered == (CALLS + 20) * len(NAMES)
    told = defaultdict[str, list[str]](list)
    for arrival in (*slow.arrivals, *quick.arrivals):
        told[arrival.document["call"]["call_id"]].append(arrival.document["event"])
    assert len(told) == CALLS + 20
    assert {tuple(events) for events in told.values()} == {tuple(name.value for name in NAMES)}


async def test_however_many_receivers_hang_a_place_is_left_for_one_that_does_not(store: Store) -> None:
    async with contextlib.AsyncExitStack() as stack:
        dead = [await stack.enter_async_context(Receiver(never)) for _ in range(4)]
        alive = await stack.enter_async_context(Receiver())
        for number, receiver in enumerate(dead):
            await save(store, receiver.url, *(f"dead_{number}_{call}" for call in range(20)))
        await stack.enter_async_context(delivering(store.outbox, max_in_flight=16, grace_s=0))
        for receiver in dead:
            await receiver.wait_for(1)
        await save(store, alive.url, *(f"alive_{number}" for number in range(10)))
        await alive.wait_for(20)
        assert sum(len(receiver.arrivals) for receiver in dead) < 16
