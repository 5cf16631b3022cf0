"""Several controllers on one PostgreSQL share one pool of concurrency slots."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa

from ari_agent.calls import shared_slots
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.contract.slot_rules import SlotKind, SlotUsage
from ari_agent.errors import ConcurrencyLimitReached
from ari_agent.store import slot_rows
from ari_agent.store.database import Database
from ari_agent.store.tables import nodes, slots
from tests.calls.shared_pools import a_node, join, left_rows, rows, until_waiting
from tests.fakes.preloaded import run_and_read
from tests.store.databases import Kept


@pytest.fixture
def shared_url(kept_database: Kept) -> Iterator[str]:
    yield kept_database.take()
    kept_database.give_back()


@pytest.fixture
async def database(shared_url: str) -> AsyncIterator[Database]:
    """Somebody who looks at the rows, and does what removes dead nodes."""
    made = Database(shared_url)
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def some_nodes(
    database_url: str, *limits: int, reserved_inbound: int = 0
) -> AsyncIterator[list[SharedSlots]]:
    async with contextlib.AsyncExitStack() as stack:
        made = [stack.enter_async_context(a_node(database_url, limit, reserved_inbound)) for limit in limits]
        yield [await each for each in made]


async def test_three_nodes_together_never_use_more_than_the_limit_and_lose_none(shared_url: str) -> None:
    dice, held, most, refused = random.Random(7), 0, 0, 0

    async def call(pool: SharedSlots, number: int) -> None:
        nonlocal held, most, refused
        kind = number % 4
        slot = pool.inbound(f"call {number}", wait_s=60) if kind else pool.outbound(f"call {number}")
        try:
            async with asyncio.timeout(0.05 if kind == 3 else 60), slot:
                held += 1
                most = max(most, held)
                try:
                    await asyncio.sleep(dice.random() / 50)
                finally:
                    held -= 1
        except (ConcurrencyLimitReached, TimeoutError):
            refused += 1

    async with some_nodes(shared_url, 5, 5, 5) as pools:
        await asyncio.gather(*(call(pools[number % 3], number) for number in range(150)))
        assert (most, held) == (5, 0)
        assert refused < 100
        assert await left_rows(shared_url) == []


async def test_callers_of_all_nodes_are_served_in_the_order_in_which_they_came(shared_url: str) -> None:
    order: list[int] = []

    async def caller(pool: SharedSlots, number: int) -> None:
        async with pool.inbound(f"call {number}"):
            order.append(number)
            with pytest.raises(ConcurrencyLimitReached, match="1 of 1 calls"):
                async with pools[0].outbound():
                    pytest.fail("somebody waits")

    async with some_nodes(shared_url, 1, 1, 1) as pools, asyncio.TaskGroup() as group:
        async with pools[0].inbound():
            for number in range(9):
                group.create_task(caller(pools[number % 3], number))
                await until_waiting(shared_url, number + 1)
            assert await pools[1].usage() == SlotUsage(1, waiting=9)
    assert order == list(range(9))


async def test_a_slot_that_comes_free_wakes_batches_and_callers_of_other_nodes_at_once(
    shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_slots, "LOOK_EACH_S", 60.0)  # not by looking
    async with some_nodes(shared_url, 1, 1) as (here, there), asyncio.TaskGroup() as group:
        async with here.outbound():
            caller = group.create_task(there.inbound("call 1").__aenter__())
            await until_waiting(shared_url, 1)
            batch = group.create_task(there.freed())
            await asyncio.sleep(0.1)
            assert not caller.done() and not batch.done()
        async with asyncio.timeout(20):
            await caller
            await batch


async def test_a_slot_whose_hint_was_lost_is_found_by_looking(shared_url: str, database: Database) -> None:
    async with some_nodes(shared_url, 1, 1) as (here, there):
        holding = here.inbound("call 1")
        await holding.__aenter__()
        async with asyncio.TaskGroup() as group:
            caller = group.create_task(there.inbound("call 2").__aenter__())
            await until_waiting(shared_url, 1)
            await database.run(sa.delete(slots).where(slots.c.call_id == "call 1"))  # and nobody says so
            async with asyncio.timeout(20):
                await caller


async def test_a_caller_who_gets_no_slot_in_time_or_hangs_up_leaves_no_row(shared_url: str) -> None:
    async with some_nodes(shared_url, 1, 1) as (here, there):
        async with here.inbound("held"):
            with pytest.raises(TimeoutError):
                async with there.inbound(wait_s=0):
                    pytest.fail("there was no slot")
            async with asyncio.TaskGroup() as group:
                caller = group.create_task(there.inbound().__aenter__())
                await until_waiting(shared_url, 1)
                caller.cancel()
            assert await rows(shared_url) == [(1, "held", "inbound", False)]
        assert await rows(shared_url) == []


@pytest.mark.parametrize("is_full", [False, True])
async def test_a_call_that_is_cancelled_at_any_moment_leaves_no_row(shared_url: str, is_full: bool) -> None:
    async def call(pool: SharedSlots) -> None:
        async with pool.inbound("call"):
            await asyncio.sleep(0)

    async with some_nodes(shared_url, 2) as (pool,), contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(pool.inbound("one"))
        for turns in range(0, 60, 1):
            if is_full:
                await stack.enter_async_context(pool.inbound("two"))
            task = asyncio.create_task(call(pool))
            for _ in range(turns % 30):
                await asyncio.sleep(0)
            if is_full and turns >= 30:  # as its turn comes
                await stack.aclose()
                await stack.enter_async_context(pool.inbound("one"))
            elif turns >= 30:
                await asyncio.sleep(turns / 10_000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with pool.inbound("probe", wait_s=20 if not is_full or turns >= 30 else 0.0) if turns % 7 == 0 and not is_full else contextlib.nullcontext():
                pass
            assert "call" not in [name for _, name, _, _ in await left_rows(shared_url, but=2)]
