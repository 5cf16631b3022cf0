from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls import shared_slots
from ari_agent.calls.concurrency_slots import SlotPool, Slots
from ari_agent.contract.slot_rules import SlotUsage
from ari_agent.errors import ConcurrencyLimitReached
from tests.calls.shared_pools import Member
from tests.store.databases import Kept


async def test_two_hundred_callers_never_use_more_than_twenty_slots_and_none_is_lost() -> None:
    slots = Slots(20)
    most = served = 0

    async def call() -> None:
        nonlocal most, served
        async with slots.inbound():
            most = max(most, slots.in_use)
            assert slots.in_use <= 20
            await asyncio.sleep(0)
            served += 1

    await asyncio.gather(*(call() for _ in range(200)))
    assert (most, served, slots.in_use, slots.waiting) == (20, 200, 0, 0)


async def test_the_first_who_waits_is_served_first() -> None:
    slots = Slots(1)
    order: list[int] = []

    async def call(number: int) -> None:
        async with slots.inbound():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(200)))
    assert order == list(range(200))


async def test_a_waiting_caller_who_hangs_up_leaves_the_queue() -> None:
    slots = Slots(1)
    async with slots.inbound():
        waiter = asyncio.create_task(slots.inbound().__aenter__())
        await asyncio.sleep(0)
        assert slots.waiting == 1
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert slots.waiting == 0
    assert slots.in_use == 0


async def test_a_slot_handed_to_a_caller_who_hangs_up_in_the_same_moment_goes_to_the_next() -> None:
    slots = Slots(1)
    holder = slots.inbound()
    await holder.__aenter__()
    gone = asyncio.create_task(slots.inbound().__aenter__())
    following = slots.inbound()
    next_one = asyncio.create_task(following.__aenter__())
    await asyncio.sleep(0)
    await holder.__aexit__(None, None, None)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await next_one
    assert slots.in_use == 1
    await following.__aexit__(None, None, None)
    assert slots.in_use == 0


async def test_a_slot_that_comes_free_as_the_first_hangs_up_goes_to_the_next() -> None:
    slots = Slots(1)
    holder, following = slots.inbound(), slots.inbound()
    await holder.__aenter__()
    gone = asyncio.create_task(slots.inbound().__aenter__())
    next_one = asyncio.create_task(following.__aenter__())
    await asyncio.sleep(0)
    gone.cancel()
    await holder.__aexit__(None, None, None)
    await next_one
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert slots.in_use == 1
    await following.__aexit__(None, None, None)
    assert slots.in_use == 0


@pytest.mark.parametrize(("limit", "reserved"), [(1, 1), (5, -1), (0, 0)])
def test_a_reservation_leaves_room(limit: int, reserved: int) -> None:
    with pytest.raises(ValueError, match="reserved_inbound"):
        Slots(limit, reserved)


@given(
    limit=st.integers(1, 5),
    steps=st.lists(st.tuples(st.sampled_from(["inbound", "outbound", "batch", "end", "give up"]), st.integers(0, 9))),
)
async def test_whatever_happens_the_pool_holds_its_promises(limit: int, steps: list[tuple[str, int]]) -> None:
    slots = Slots(limit, reserved_inbound=limit - 1)
    held: list[AsyncExitStack] = []
    waiting: list[asyncio.Task[AsyncExitStack]] = []

    async def inbound() -> AsyncExitStack:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(slots.inbound())
            return stack.pop_all()
        raise AssertionError

    for what, which in steps:
        if what == "inbound":
            waiting.append(asyncio.create_task(inbound()))
        elif what == "end" and held:
            await held.pop(which % len(held)).aclose()
        elif what == "give up" and waiting:
            waiting.pop(which % len(waiting)).cancel()
        elif what in ("outbound", "batch"):
            stack = AsyncExitStack()
            try:
                await stack.enter_async_context(slots.outbound(batch_reserve=0 if what == "batch" else None))
                held.append(stack)
            except ConcurrencyLimitReached:
                assert slots.in_use == limit or slots.outbound_in_use == 1
        for _ in range(4):
            await asyncio.sleep(0)
        served = [task for task in waiting if task.done()]
        assert served == waiting[: len(served)]  # first come, first served
        held += [task.result() for task in served]
        del waiting[: len(served)]
        assert slots.in_use == len(held) <= limit
        assert slots.outbound_in_use <= 1
        assert slots.waiting == len(waiting)
        assert not waiting or slots.in_use == limit  # nobody waits while a slot is free
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for stack in held:
        await stack.aclose()
    assert (slots.in_use, slots.outbound_in_use, slots.batch_in_use, slots.waiting) == (0, 0, 0, 0)


# What holds for a pool in memory as well as for one that several controllers share.

NewPool = Callable[[int, int], Awaitable[SlotPool]]


@pytest.fixture(params=["memory", "shared"])
def pool_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The database of the pool; none where it is in memory."""
    if request.param == "memory":
        yield ""
        return
    kept: Kept = request.getfixturevalue("kept_database")
    yield kept.take()
    kept.give_back()


@pytest.fixture
async def new_pool(pool_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NewPool]:
    monkeypatch.setattr(shared_slots, "_FRESH_S", 0.0)
    async with AsyncExitStack() as stack:

        async def made(limit: int, reserved_inbound: int = 0) -> SlotPool:
            if not pool_url:
                return Slots(limit, reserved_inbound)
            return (await stack.enter_async_context(Member(pool_url, limit, reserved_inbound).running())).pool

        yield made


async def calls_taken(slots: SlotPool, stack: AsyncExitStack, kind: str) -> int:
    """How many more calls are taken; the stack holds them. kind: inbound, outbound, or what a batch reserves."""
    for count in range(100):
        try:
            if kind == "inbound":
                await stack.enter_async_context(slots.inbound(wait_s=0))
            else:
                batch_reserve = None if kind == "outbound" else int(kind)
                await stack.enter_async_context(slots.outbound(batch_reserve=batch_reserve))
        except TimeoutError:
            return count
        except ConcurrencyLimitReached as error:
            assert error.http_status == 429
            assert str(error.limit) in str(error)
            return count
    raise AssertionError("no limit")


@pytest.mark.parametrize(
    ("limit", "reserved", "calls", "usage"),
    [
        (5, 2, [("outbound", 3), ("inbound", 2)], SlotUsage(5, 3)),
        (5, 2, [("inbound", 5), ("outbound", 0)], SlotUsage(5)),
        (10, 2, [("7", 3), ("6", 1), ("outbound", 4)], SlotUsage(8, 8, 4)),
        (3, 0, [("outbound", 3), ("0", 0), ("inbound", 0)], SlotUsage(3, 3)),
        (2, 1, [("9", 0), ("outbound", 1), ("inbound", 1)], SlotUsage(2, 1)),
    ],
    ids=[
        "outbound calls leave to inbound ones what is reserved",
        "inbound calls may use all of the limit and leave none for outbound",
        "calls of batches leave to all others what the batch reserves",
        "nobody waits for long who may not wait",
        "a batch that reserves all gets none",
    ],
)
async def test_who_may_use_how_many_slots(
    new_pool: NewPool, limit: int, reserved: int, calls: list[tuple[str, int]], usage: SlotUsage
) -> None:
    slots = await new_pool(limit, reserved)
    async with AsyncExitStack() as stack:
        for kind, count in calls:
            assert await calls_taken(slots, stack, kind) == count
        assert await slots.usage() == usage
    assert await slots.usage() == SlotUsage()


async def test_a_caller_without_a_slot_gives_up(new_pool: NewPool) -> None:
    slots = await new_pool(1, 0)
    async with slots.inbound():
        with pytest.raises(TimeoutError):
            async with slots.inbound(wait_s=0):
                pytest.fail("there was no slot")
    assert await slots.usage() == SlotUsage()


async def test_a_batch_is_woken_when_a_call_ends(new_pool: NewPool) -> None:
    slots = await new_pool(1, 0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.inbound())
        waiter = asyncio.create_task(slots.freed())
        await asyncio.sleep(0)
        assert not waiter.done()
        await stack.aclose()
        await waiter
        assert await calls_taken(slots, stack, "outbound") == 1


@pytest.mark.parametrize("direction", ["inbound", "outbound", "batch"])
async def test_a_call_that_fails_or_is_cancelled_gives_its_slot_back(new_pool: NewPool, direction: str) -> None:
    slots = await new_pool(3, 0)

    async def call(failure: BaseException) -> None:
        slot = {"inbound": slots.inbound(), "outbound": slots.outbound(), "batch": slots.outbound(batch_reserve=1)}
        async with slot[direction]:
            raise failure

    for failure in (RuntimeError(), asyncio.CancelledError(), SystemError()):
        with pytest.raises(type(failure)):
            await call(failure)
    assert await slots.usage() == SlotUsage()


async def test_calls_that_are_resumed_count_whatever_the_limit(new_pool: NewPool) -> None:
    slots = await new_pool(1, 0)
    async with slots.resumed("call 1", outbound=False):
        waiting = asyncio.create_task(used_when_served(slots))
        async with slots.resumed("call 2", outbound=True):
            assert (await slots.usage()).in_use == 2
            with pytest.raises(ConcurrencyLimitReached):
                async with slots.outbound():
                    pytest.fail("there are more than are allowed")
        await asyncio.sleep(0.05)
        assert not waiting.done()
    assert await waiting == SlotUsage(1)
    assert await slots.usage() == SlotUsage()


async def used_when_served(slots: SlotPool) -> SlotUsage:
    """How the pool is used when a caller has got a slot."""
    async with slots.inbound():
        return await slots.usage()
