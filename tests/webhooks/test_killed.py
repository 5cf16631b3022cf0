"""The deliverer is killed with -9 again and again: each event arrives, in its call's order, none after its record."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest
from aiohttp import web

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.fakes.preloaded import PreloadedProcess, run_module
from tests.store.samples import a_call
from tests.webhooks.receiver import Arrival, Receiver

pytestmark = pytest.mark.slow

CALLS = 60
KILLS = 3
NAMES = (WebhookEventName.CALL_STARTED, WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)


def key_of(arrival: Arrival) -> tuple[str, str]:
    """Which event it was."""
    return arrival.document["call"]["call_id"], arrival.document["event"]


async def recorded(database: Database) -> set[tuple[str, str]]:
    """Events of which the database knows a 2xx."""
    statement = outbox.select().where(outbox.c.state == "delivered")
    rows = await database.read(lambda connection: connection.execute(statement).all())
    return {(row.call_id, row.event) for row in rows}


async def start(database_url: str) -> PreloadedProcess:
    """A deliverer."""
    return await run_module("tests.webhooks.delivering_process", database_url)


async def kill_after(deliverer: PreloadedProcess, receiver: Receiver, arrivals: int) -> None:
    """Kill it when that many requests have arrived, unless it has ended because nothing was left."""
    ended, arrived = asyncio.create_task(deliverer.wait()), asyncio.create_task(receiver.wait_for(arrivals))
    await asyncio.wait([ended, arrived], return_when=asyncio.FIRST_COMPLETED)
    arrived.cancel()
    if not ended.done():
        deliverer.kill()
    await asyncio.gather(ended, arrived, return_exceptions=True)


def first_arrivals(arrivals: Sequence[Arrival]) -> dict[tuple[str, str], int]:
    """When each event came for the first time."""
    first: dict[tuple[str, str], int] = {}
    for index, arrival in enumerate(arrivals):
        first.setdefault(key_of(arrival), index)
    return first


async def test_killed_again_and_again_every_event_arrives(database_url: str) -> None:
    """One attempt in five is refused as well, which lets the next event of its call pass."""
    dice = random.Random(2)
    accepted: set[tuple[str, str]] = set()
    sent_after_record = []
    known: set[tuple[str, str]] = set()

    async def fail_one_in_five(arrival: Arrival) -> web.StreamResponse:
        assert arrival.is_signed
        if key_of(arrival) in known:
            sent_after_record.append(key_of(arrival))
        if dice.random() < 0.2:
            return web.Response(status=503)
        accepted.add(key_of(arrival))
        return web.Response(status=204)

    store = Store(database_url)
    await store.open()
    database = Database(database_url)
    everything = {(f"call_{number}", name.value) for number in range(CALLS) for name in NAMES}
    async with Receiver(fail_one_in_five) as receiver:
        for number in range(CALLS):
            call_id = f"call_{number}"
            bodies = {name: compact_json({"event": name, "call": {"call_id": call_id}}) for name in NAMES}
            events = [WebhookEvent(call_id, name, receiver.url, body) for name, body in bodies.items()]
            await store.calls.save(a_call(call_id), events)
        for _ in range(KILLS):
            deliverer = await start(database_url)
            await kill_after(deliverer, receiver, len(receiver.arrivals) + dice.randint(1, 35))
            known |= await recorded(database)
        deliverer = await start(database_url)
        assert await deliverer.wait() == 0

    assert sent_after_record == []
    assert accepted == await recorded(database) == everything
    assert await store.outbox.depth() == await store.outbox.dead_count() == 0
    told = {(key_of(arrival), arrival.headers["x-ari-agent-delivery"]) for arrival in receiver.arrivals}
    assert len(told) == len({delivery_id for _, delivery_id in told}) == len(everything)
    first = first_arrivals(receiver.arrivals)
    for number in range(CALLS):
        moments = [first[f"call_{number}", name.value] for name in NAMES]
        assert moments == sorted(moments)
    await database.close()
    await store.close()
