"""Batches without an Asterisk: everything is real but the dialling, which is only written down."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ari_agent.calls.batch_scheduler import BatchScheduler
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.originator import Originator
from ari_agent.contract.agent import AgentCreate, AgentUpdate
from ari_agent.contract.batch_call import BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.store.store import Store
from ari_agent.store.tables import batch_tasks
from tests.api.lines import Lines, originator

pytestmark = pytest.mark.slow

NOW_MS = 1_800_000_000_000  # a Friday, 08:00 UTC
FROM = "+14155550100"
HOOK = "http://127.0.0.1:9/hook"


@dataclass
class Clock:
    """Stands still unless somebody pauses."""

    now_ms: int = NOW_MS
    pauses_s: list[float] = field(default_factory=list)

    async def pause(self, wait_s: float) -> None:
        self.pauses_s.append(wait_s)
        self.now_ms += round(wait_s * 1000)
        await asyncio.sleep(0)


@dataclass
class Office:
    """One controller: a database, lines, and a scheduler that runs."""

    store: Store
    lines: Lines
    slots: Slots
    originator: Originator
    scheduler: BatchScheduler
    clock: Clock
    agent_id: str

    async def ask(self, *numbers: str, **fields: Any) -> str:
        """Take a batch; its id."""
        tasks = [{"to_number": number} for number in numbers]
        given = {"from_number": FROM, "tasks": tasks, **fields}
        return (await self.scheduler.create(BatchCallCreate.model_validate(given))).batch_call_id

    async def until_calls(self, count: int) -> Sequence[Call]:
        """Until so many calls have a record, or more."""
        for _ in range(1000):
            if await self.store.calls.count() >= count:
                return (await self.store.calls.list(limit=1000)).calls
            await asyncio.sleep(0.01)
        raise TimeoutError(f"{await self.store.calls.count()} calls instead of {count}")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(f"sqlite+aiosqlite:///{tmp_path}/calls.db")
    await made.open()
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def running(office: Office) -> AsyncIterator[None]:
    task = asyncio.create_task(office.scheduler.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await office.lines.hang_up_all()


async def an_office(store: Store, *, slots: Slots, calls_per_second: float = 100) -> Office:
    lines, clock = Lines(), Clock()
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}
    agent = await store.agents.create(AgentCreate.model_validate({"response_engine": engine, "webhook_url": HOOK}))
    number = {
        "phone_number": FROM,
        "termination_uri": "sip.example.com",
        "outbound_agents": [{"agent_id": agent.agent_id, "weight": 1}],
        "allowed_outbound_country_list": ["US"],
    }
    await store.phone_numbers.create(PhoneNumberImport.model_validate(number).number(now_ms=NOW_MS))
    made = originator(store, lines, slots, now_ms=NOW_MS)
    scheduler = BatchScheduler(
        store=store,
        originator=made,
        slots=slots,
        calls_per_second=calls_per_second,
        new_batch_id=iter(f"batch_call_{number}" for number in range(100)).__next__,
        now_ms=lambda: clock.now_ms,
        pause=clock.pause,
    )
    return Office(store, lines, slots, made, scheduler, clock, agent.agent_id)


@pytest.fixture
async def office(store: Store) -> AsyncIterator[Office]:
    made = await an_office(store, slots=Slots(20))
    async with running(made):
        yield made


async def test_a_task_that_cannot_be_placed_leaves_a_record_that_says_why(office: Office) -> None:
    batch_id = await office.ask("+14155550199", "+442071838750", "+14155550198")
    calls = {call.to_number: call for call in await office.until_calls(3)}
    refused = calls["+442071838750"]
    assert (refused.call_status, refused.disconnection_reason) == ("not_connected", "dial_failed")
    assert (refused.batch_call_id, refused.agent_id, refused.direction) == (batch_id, office.agent_id, "outbound")
    assert "allowed_outbound_country_list" in " ".join(refused.faults or ())
    assert refused.start_timestamp is None
    assert [order.call.to_number for order in office.lines.orders] == ["+14155550199", "+14155550198"]


async def test_its_webhooks_are_those_of_a_call_that_was_not_connected(office: Office) -> None:
    await office.ask("+442071838750")
    (refused,) = await office.until_calls(1)
    queued = await office.store.outbox.due(9 * NOW_MS, 10)
    told = [json.loads(event.event.body) for event in queued]
    assert [(body["event"], body["call"]["call_id"]) for body in told] == [("call_ended", refused.call_id)]


@pytest.mark.parametrize("gone", ["agent", "number"])
async def test_what_is_deleted_meanwhile_is_told_in_the_record(store: Store, gone: str) -> None:
    office = await an_office(store, slots=Slots(20))
    await office.ask("+14155550199")
    if gone == "agent":
        await store.agents.delete(office.agent_id)
    else:
        await store.phone_numbers.delete(FROM)
    async with running(office):
        (refused,) = await office.until_calls(1)
    assert (refused.call_status, refused.disconnection_reason) == ("not_connected", "dial_failed")
    assert "not found" in " ".join(refused.faults or ())
    assert office.lines.orders == []
    assert office.slots.in_use == 0


async def test_an_agent_that_takes_no_calls_any_more_is_told_in_the_record(store: Store) -> None:
    office = await an_office(store, slots=Slots(20))
    await office.ask("+14155550199")
    engine = {"response_engine": {"type": "retell-llm", "llm_id": "llm_1"}, "voice_id": "voice"}
    await store.agents.update(office.agent_id, AgentUpdate.model_validate(engine))
    async with running(office):
        (refused,) = await office.until_calls(1)
    assert (refused.call_status, refused.disconnection_reason) == ("not_connected", "dial_failed")
    assert (refused.agent_id, office.lines.orders, office.slots.in_use) == (office.agent_id, [], 0)
    assert "retell-llm, which takes no calls" in " ".join(refused.faults or ())


async def test_a_task_that_an_earlier_version_took_and_this_one_cannot_read_is_refused(store: Store) -> None:
    office = await an_office(store, slots=Slots(20))
    await office.ask("+14155550199", "+14155550198")
    spoil = update(batch_tasks).where(batch_tasks.c.position == 0)
    await store.batches._database.write(
        lambda connection: connection.execute(spoil.values(document='{"to_number":"1&PJSIP/2"}'))
    )
    async with running(office):
        calls = {call.to_number: call for call in await office.until_calls(2)}
    assert calls["1&PJSIP/2"].call_status == "not_connected"
    assert [order.call.to_number for order in office.lines.orders] == ["+14155550198"]


async def test_no_more_calls_a_second_than_allowed_all_batches_together(store: Store) -> None:
    office = await an_office(store, slots=Slots(20), calls_per_second=4)
    for _ in range(3):
        await office.ask("+14155550199", "+14155550198")
    async with running(office):
        await office.until_calls(6)
        assert len(office.lines.orders) == 6
        assert office.clock.pauses_s[:5] == [0.25] * 5


async def test_a_batch_leaves_its_reserve_and_that_of_inbound_calls(store: Store) -> None:
    office = await an_office(store, slots=Slots(5, 1))
    await office.ask(*(f"+1415555{number}" for number in range(1000, 1010)), reserved_concurrency=2)
    async with running(office):
        await office.until_calls(3)
        async with office.slots.outbound(), office.slots.inbound(wait_s=0.01):
            assert (office.slots.in_use, office.slots.batch_in_use) == (5, 3)
        while office.lines.orders[-1].call.to_number != "+14155551009":
            assert office.slots.batch_in_use <= 3
            if office.lines.slots:
                await office.lines.slots.pop(0).aclose()
            await asyncio.sleep(0.01)
    assert len({order.call.to_number for order in office.lines.orders}) == len(office.lines.orders) == 10


async def test_nothing_is_placed_outside_its_window(store: Store) -> None:
    office = await an_office(store, slots=Slots(20))
    window = {"windows": [{"start": 600, "end": 660}], "timezone": "UTC"}
    closed = await office.ask("+14155550199", call_time_window=window)
    await office.ask("+14155550198")
    async with running(office):
        (placed,) = await office.until_calls(1)
        assert placed.to_number == "+14155550198"
        for _ in range(1000):
            if await store.batches.next_due_ms() == NOW_MS + 2 * 3_600_000:
                break
            await asyncio.sleep(0.01)
    assert [batch.batch_call_id for batch in await store.batches.due(9 * NOW_MS)] == [closed]
    later = await an_office_again(office)
    later.clock.now_ms = NOW_MS + 2 * 3_600_000
    async with running(later):
        assert len(await later.until_calls(2)) == 2


async def an_office_again(office: Office) -> Office:
    """After a restart, on the same database."""
    lines, slots, clock = Lines(), Slots(20), Clock()
    made = originator(office.store, lines, slots, now_ms=NOW_MS)
    made._new_call_id = iter(f"call_again_{number}" for number in range(100)).__next__
    scheduler = BatchScheduler(
        store=office.store,
        originator=made,
        slots=slots,
        calls_per_second=100,
        new_batch_id=lambda: "none",
        now_ms=lambda: clock.now_ms,
        pause=clock.pause,
    )
    return Office(office.store, lines, slots, made, scheduler, clock, office.agent_id)


async def test_what_one_controller_has_placed_another_does_not(store: Store) -> None:
    office = await an_office(store, slots=Slots(20))
    numbers = [f"+1415555{number}" for number in range(1000, 1030)]
    await office.ask(*numbers)
    other = await an_office_again(office)
    async with running(office), running(other):
        await office.until_calls(20)
    third = await an_office_again(office)
    third.originator._new_call_id = iter(f"call_third_{number}" for number in range(100)).__next__
    async with running(third):
        calls = await third.until_calls(30)
    dialled = [order.call.to_number for each in (office, other, third) for order in each.lines.orders]
    assert len(set(dialled)) == len(dialled)  # one that was cancelled between its record and its INVITE is not dialled
    assert sorted(call.to_number or "" for call in calls) == numbers
