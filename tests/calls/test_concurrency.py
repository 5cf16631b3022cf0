from __future__ import annotations

import asyncio

import pytest

from ari_agent.calls.concurrency import Slots


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

    await asyncio.gather(*(call(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


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


@pytest.mark.parametrize(("limit", "reserved"), [(1, 1), (5, -1), (0, 0)])
def test_a_reservation_leaves_room(limit: int, reserved: int) -> None:
    with pytest.raises(ValueError, match="reserved_inbound"):
        Slots(limit, reserved)
