"""A thousand webhooks while everything that can die does: the receiver half way, the controller twice, all with -9."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import outbox
from tests.fakes.controller import Controller, free_tcp_port
from tests.fakes.preloaded import PreloadedProcess, run_module
from tests.store.samples import a_call

pytestmark = pytest.mark.slow

NAMES = (
    WebhookEventName.CALL_STARTED,
    WebhookEventName.TRANSFER_STARTED,
    WebhookEventName.CALL_ENDED,
    WebhookEventName.CALL_ANALYZED,
)
CALLS = 250
EVENTS = CALLS * len(NAMES)
DOWN_S = 0.7


class Arrived(NamedTuple):
    """A line of the receiver's file."""

    at_ms: int
    call_id: str
    event: str
    valid: str


class Customer:
    """The receiver: it can be killed and started again on its port and its file."""

    def __init__(self, folder: Path, api_key: str) -> None:
        self.port = free_tcp_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._file = folder / "arrived"
        self._file.touch()
        self._api_key = api_key
        self._process: PreloadedProcess | None = None

    async def start(self) -> None:
        arguments = (str(self.port), str(self._file), self._api_key)
        self._process = await run_module("tests.webhooks.receiving_process", *arguments)

    async def kill(self) -> None:
        if self._process:
            self._process.kill()
            await self._process.wait()

    def arrived(self) -> Sequence[Arrived]:
        """Everything so far, the line that a kill cut off left out."""
        lines = self._file.read_text().splitlines(keepends=True)
        found = [line.split() for line in lines if line.endswith("\n")]
        return [Arrived(int(at_ms), *rest) for at_ms, *rest in found]

    async def has(self, count: int) -> None:
        """Until that many requests have arrived in all."""
        for _ in range(3000):
            if len(self.arrived()) >= count:
                return
            await asyncio.sleep(0.02)
        raise TimeoutError(f"{len(self.arrived())} of {count} have arrived")


@contextlib.asynccontextmanager
async def killed_at_the_end(customer: Customer) -> AsyncIterator[Customer]:
    await customer.start()
    try:
        yield customer
    finally:
        await customer.kill()


async def queue(store: Store, url: str) -> None:
    """As the calls of an earlier run left them."""
    for number in range(CALLS):
        call_id = f"call_{number}"
        bodies = {name: compact_json({"event": name, "call": {"call_id": call_id}}) for name in NAMES}
        events = [WebhookEvent(call_id, name, url, body) for name, body in bodies.items()]
        await store.calls.save(a_call(call_id), events)


async def recorded_ms(database_url: str) -> dict[tuple[str, str], int]:
    """When the 2xx of each event was recorded."""
    database = Database(database_url)
    statement = outbox.select().where(outbox.c.state == "delivered")
    rows = await database.read(lambda connection: connection.execute(statement).all())
    await database.close()
    return {(row.call_id, row.event): row.settled_ms for row in rows}


async def nothing_pending(store: Store) -> None:
    """Until everything is delivered or given up."""
    for _ in range(900):
        if not await store.outbox.depth():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{await store.outbox.depth()} are still pending")


async def test_every_webhook_arrives_in_order_and_none_after_its_record(tmp_path: Path) -> None:
    controller = Controller(
        tmp_path, ari_url=f"http://127.0.0.1:{free_tcp_port()}/ari", ari_username="nobody", ari_password="none"
    )
    database_url = controller.environment["DATABASE_URL"]
    store = Store(database_url)
    await store.open()
    async with controller, killed_at_the_end(Customer(tmp_path, controller.api_key)) as customer:
        await queue(store, customer.url)

        await controller.start(ready=False)
        await customer.has(EVENTS // 4)
        await controller.kill()

        await controller.start(ready=False)
        await customer.has(EVENTS // 2)
        await customer.kill()
        await asyncio.sleep(DOWN_S)
        await customer.start()
        await customer.has(EVENTS * 3 // 4)
        await controller.kill()

        await controller.start(ready=False)
        await nothing_pending(store)
        arrived = customer.arrived()
    assert await store.outbox.dead_count() == 0
    await store.close()

    recorded = await recorded_ms(database_url)
    assert len(recorded) == EVENTS
    assert {(one.call_id, one.event) for one in arrived} == set(recorded)
    assert {one.valid for one in arrived} == {"True"}
    late = [one for one in arrived if one.at_ms > recorded[one.call_id, one.event]]
    assert late == []
    order = defaultdict[str, list[str]](list)
    for one in arrived:
        order[one.call_id].append(one.event)
    # what comes twice comes at once: nothing of a call after what followed it
    told = {tuple(event for event, _ in itertools.groupby(events)) for events in order.values()}
    assert told == {tuple(name.value for name in NAMES)}
    assert EVENTS <= len(arrived) < EVENTS + 3 * 16 + 1, "only what was on its way at a kill came twice"
