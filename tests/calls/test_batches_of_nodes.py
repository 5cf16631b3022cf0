"""Several nodes place the calls of batches: each task once, no more a second than allowed, and on after a death."""

from __future__ import annotations

import asyncio

from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.store.store import Store
from tests.api.lines import Lines, originator
from tests.calls.test_batch_scheduler import NOW_MS, Clock, Office, an_office, running
from tests.store.several_nodes import bury, database_of, joined

NUMBERS = [f"+1415555{number}" for number in range(1000, 1012)]


class OnePausesAtATime(Clock):
    """The clock of all: whoever pauses has placed a call, and nobody else does meanwhile."""

    pausing = 0

    async def pause(self, wait_s: float) -> None:
        self.pausing += 1
        try:
            assert self.pausing == 1
            await asyncio.sleep(0.02)
        finally:
            self.pausing -= 1


def office_of_node(store: Store, first: Office, clock: Clock, name: str) -> Office:
    lines, slots = Lines(), Slots(20)
    made = originator(store, lines, slots, now_ms=NOW_MS)
    made._new_call_id = iter(f"call_{name}_{number}" for number in range(100)).__next__
    scheduler = BatchScheduler(
        store=store,
        originator=made,
        slots=slots,
        calls_per_second=100,
        new_batch_id=lambda: "none",
        now_ms=lambda: NOW_MS,
        pause=clock.pause,
    )
    return Office(store, lines, slots, made, scheduler, clock, first.agent_id)


async def test_each_task_is_placed_once_by_one_node_at_a_time_and_goes_on_when_that_dies(shared_url: str) -> None:
    clock = OnePausesAtATime()
    async with joined(shared_url) as one, joined(shared_url) as other:
        first = await an_office(one, slots=Slots(20))
        offices = [office_of_node(store, first, clock, name) for store, name in ((one, "one"), (other, "other"))]
        await offices[0].ask(*NUMBERS)
        async with running(offices[0]), running(offices[1]):
            await offices[0].until_calls(4)
        assert await one.batches.due(NOW_MS)  # and it dies, in its turn
        async with running(offices[1]):
            await asyncio.sleep(0.2)
            assert await one.calls.count() < len(NUMBERS)
            await bury(other, database_of(one).node_id or 0)
            offices[1].scheduler.wake()
            calls = await offices[1].until_calls(len(NUMBERS))
    dialled = [order.call.to_number for office in offices for order in office.lines.orders]
    assert len(set(dialled)) == len(dialled)  # one that was cancelled between its record and its INVITE is not dialled
    assert sorted(call.to_number or "" for call in calls) == NUMBERS


async def test_while_one_node_has_its_turn_another_gets_no_batch(shared_url: str) -> None:
    async with joined(shared_url) as one, joined(shared_url) as other, joined(shared_url) as third:
        office = await an_office(one, slots=Slots(20))
        for number in NUMBERS[:2]:
            await office.ask(number)
        assert [batch.batch_call_id for batch in await one.batches.due(NOW_MS)] == ["batch_call_0", "batch_call_1"]
        await office.ask(NUMBERS[2])
        assert await other.batches.due(NOW_MS) == []
        assert len(await one.batches.due(NOW_MS)) == 3
        await one.batches.end_turn()
        assert len(await other.batches.due(NOW_MS)) == 3
        assert await third.batches.due(NOW_MS) == []
        await bury(third, database_of(other).node_id or 0)
        assert await other.batches.due(NOW_MS) == []  # it only stood still
        assert len(await third.batches.due(NOW_MS)) == 3
