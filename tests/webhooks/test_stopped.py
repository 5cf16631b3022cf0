"""The controller is stopped in order, with SIGTERM, while webhooks are on their way: none is lost, none comes twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web

from ari_agent.store.store import Store
from tests.fakes.controller import Controller, free_tcp_port
from tests.store.samples import a_call
from tests.webhooks.deliverer import an_event, until_settled
from tests.webhooks.receiver import Arrival, Receiver

pytestmark = pytest.mark.slow

SLOW = [f"slow_{number}" for number in range(5)]
STUCK = [f"stuck_{number}" for number in range(5)]


def call_of(arrival: Arrival) -> str:
    call_id: str = arrival.document["call"]["call_id"]
    return call_id


async def test_what_is_on_its_way_ends_or_is_sent_again_by_the_next_run(tmp_path: Path) -> None:
    stuck, asked_to_stop = True, asyncio.Event()

    async def answer(arrival: Arrival) -> web.StreamResponse:
        if call_of(arrival) in SLOW:
            await asked_to_stop.wait()
            await asyncio.sleep(0.2)
        elif stuck:
            await asyncio.Event().wait()
        return web.Response()

    controller = Controller(
        tmp_path, ari_url=f"http://127.0.0.1:{free_tcp_port()}/ari", ari_username="nobody", ari_password="none"
    )
    store = Store(controller.environment["DATABASE_URL"])
    await store.open()
    async with controller, Receiver(answer) as receiver:
        for call_id in (*SLOW, *STUCK):
            await store.calls.save(a_call(call_id, call_status="ended"), [an_event(receiver.url, call_id)])
        await controller.start(ready=False)
        await receiver.wait_for(10)
        asked_to_stop.set()
        assert await controller.stop() == 0
        assert {queued.event.call_id for queued in await store.outbox.due(2**50, 20)} == set(STUCK)
        stuck = False
        await controller.start(ready=False)
        await until_settled(store)
    assert await store.outbox.dead_count() == 0
    await store.close()
    assert Counter(map(call_of, receiver.arrivals)) == {**dict.fromkeys(SLOW, 1), **dict.fromkeys(STUCK, 2)}
