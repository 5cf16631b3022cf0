from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.errors import ConcurrencyLimitReached


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


async def test_a_caller_without_a_slot_gives_up() -> None:
    slots = Slots(1)
    async with slots.inbound():
        with pytest.raises(TimeoutError):
            async with slots.inbound(wait_s=0):
                pytest.fail("there was no slot")
    assert (slots.in_use, slots.waiting) == (0, 0)


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


async def outbound_calls(slots: Slots, stack: AsyncExitStack, *, batch_reserve: int | None = None) -> int:
    """How many more are allowed; the stack holds them."""
    for count in range(100):
        try:
            await stack.enter_async_context(slots.outbound(batch_reserve=batch_reserve))
        except ConcurrencyLimitReached as error:
            assert error.http_status == 429
            assert str(error.limit) in str(error)
            return count
    raise AssertionError("no limit")


async def test_outbound_calls_leave_to_inbound_ones_what_is_reserved() -> None:
    slots = Slots(5, reserved_inbound=2)
    async with AsyncExitStack() as stack:
        assert await outbound_calls(slots, stack) == 3
        for _ in range(2):
            await stack.enter_async_context(slots.inbound(wait_s=0))
        with pytest.raises(TimeoutError):
            await stack.enter_async_context(slots.inbound(wait_s=0))
    assert (slots.in_use, slots.outbound_in_use) == (0, 0)


async def test_inbound_calls_may_use_all_of_the_limit_and_leave_none_for_outbound() -> None:
    slots = Slots(5, reserved_inbound=2)
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(slots.inbound(wait_s=0))
        assert await outbound_calls(slots, stack) == 0


async def test_calls_of_batches_leave_to_all_others_what_the_batch_reserves() -> None:
    slots = Slots(10, reserved_inbound=2)
    async with AsyncExitStack() as stack:
        assert await outbound_calls(slots, stack, batch_reserve=7) == 3
        assert await outbound_calls(slots, stack, batch_reserve=6) == 1
        assert await outbound_calls(slots, stack) == 4
        assert (slots.in_use, slots.outbound_in_use, slots.batch_in_use) == (8, 8, 4)
    assert (slots.in_use, slots.outbound_in_use, slots.batch_in_use) == (0, 0, 0)


async def test_a_batch_is_woken_when_a_call_ends() -> None:
    slots = Slots(1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.inbound())
        waiter = asyncio.create_task(slots.freed())
        await asyncio.sleep(0)
        assert not waiter.done()
        await stack.aclose()
        await waiter
        assert await outbound_calls(slots, stack) == 1


@pytest.mark.parametrize("direction", ["inbound", "outbound", "batch"])
async def test_a_call_that_fails_or_is_cancelled_gives_its_slot_back(direction: str) -> None:
    slots = Slots(3)

    async def call(failure: BaseException) -> None:
        slot = {"inbound": slots.inbound(), "outbound": slots.outbound(), "batch": slots.outbound(batch_reserve=1)}
        async with slot[direction]:
            raise failure

    for failure in (RuntimeError(), asyncio.CancelledError(), SystemError()):
        with pytest.raises(type(failure)):
            await call(failure)
    assert (slots.in_use, slots.outbound_in_use, slots.batch_in_use) == (0, 0, 0)


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


async def test_a_resumed_call_runs_beyond_the_limit_and_nobody_waits_less_for_it() -> None:
    slots = Slots(1, inbound_wait_s=5)
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await first.enter_async_context(slots.inbound())
        await second.enter_async_context(slots.resumed(outbound=True))
        assert (slots.in_use, slots.outbound_in_use) == (2, 1)
        async with AsyncExitStack() as third:
            waiting = asyncio.create_task(third.enter_async_context(slots.inbound()))
            await asyncio.sleep(0)
            await second.aclose()
            await asyncio.sleep(0)
            assert (slots.in_use, slots.waiting) == (1, 1)
            await first.aclose()
            await waiting
            assert (slots.in_use, slots.outbound_in_use) == (1, 0)
