from __future__ import annotations

import asyncio
import gc
import itertools
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.wheel import CATCH_UP_TICKS, SLOT_S, SLOTS, TICK_S, TURNS, Wheel, freeze_garbage_collector
from tests.fakes.timers import FakeTimers


class Call:
    """What one call sees of the wheel."""

    def __init__(self, wheel: Wheel) -> None:
        self.ticks: list[float] = []
        self.late = 0
        self.skipped = 0
        self.ticker = wheel.add(self.ticks.append, self.read, self.skip)

    def read(self, now_s: float) -> None:
        self.late += 1

    def skip(self, ticks: int) -> None:
        self.skipped += ticks


@pytest.fixture
def timers() -> FakeTimers:
    return FakeTimers()


@pytest.fixture
def wheel(timers: FakeTimers) -> Wheel:
    return Wheel(timers)


def test_each_call_ticks_every_20_ms(timers: FakeTimers, wheel: Wheel) -> None:
    call = Call(wheel)
    timers.run(10)
    assert len(call.ticks) == 500
    assert [later - earlier for earlier, later in itertools.pairwise(call.ticks)] == pytest.approx([TICK_S] * 499)
    assert (call.late, call.skipped, wheel.late_ticks) == (0, 0, 0)


def test_calls_are_spread_over_the_slots(timers: FakeTimers, wheel: Wheel) -> None:
    calls = [Call(wheel) for _ in range(8)]
    timers.run(TICK_S)
    moments = sorted(round((call.ticks[0] - 1000) / SLOT_S) for call in calls)
    assert moments == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_new_call_goes_where_there_are_fewest(wheel: Wheel) -> None:
    calls = [Call(wheel) for _ in range(SLOTS)]
    calls[2].ticker.remove()
    assert Call(wheel).ticker.slot == calls[2].ticker.slot
    assert len(wheel) == SLOTS


def test_calls_that_follow_each_other_have_all_moments_of_a_second_between_them(wheel: Wheel) -> None:
    moments = [(call.ticker.slot, call.ticker.turn) for call in (Call(wheel) for _ in range(2 * SLOTS * TURNS))]
    each = set(itertools.product(range(SLOTS), range(TURNS)))
    assert (set(moments[: len(each)]), set(moments[len(each) :])) == (each, each)


@given(st.lists(st.floats(0, 0.5), max_size=10))
def test_whatever_holds_the_loop_up_every_20_ms_tick_is_run_or_skipped(stalls_s: list[float]) -> None:
    timers = FakeTimers()
    wheel = Wheel(timers)
    calls = [Call(wheel) for _ in range(5)]
    began_s = timers.now_s
    for stall_s in stalls_s:
        timers.run(0.03)
        timers.stall(stall_s)
    timers.run(0.1)
    passed = (timers.now_s - began_s) / TICK_S
    for call in calls:
        assert passed - 1.3 < len(call.ticks) + call.skipped < passed + 1.3


@given(st.floats(0, 5))
def test_no_stall_makes_a_burst(stall_s: float) -> None:
    timers = FakeTimers()
    wheel = Wheel(timers)
    calls = [Call(wheel) for _ in range(SLOTS)]
    timers.run(0.1)
    before = [len(call.ticks) for call in calls]
    timers.stall(stall_s)
    timers.run(0.002)
    for call, ticked in zip(calls, before, strict=True):
        assert len(call.ticks) - ticked <= CATCH_UP_TICKS + 1


def test_before_late_ticks_each_call_reads_what_waits(timers: FakeTimers, wheel: Wheel) -> None:
    order: list[str] = []
    wheel.add(lambda _: order.append("tick"), lambda _: order.append("read"), lambda _: order.append("skip"))
    timers.run(0.02)
    timers.stall(0.05)
    order.clear()
    timers.run(0.0005)
    assert order == [], "the loop has its round first"
    timers.run(0.001)
    assert order == ["read", "tick", "tick"]
    assert wheel.late_ticks == 2
    assert wheel.worst_stall_s == pytest.approx(0.05)


def test_a_long_stall_is_skipped_over(timers: FakeTimers, wheel: Wheel) -> None:
    call = Call(wheel)
    timers.run(0.1)
    timers.stall(0.4)
    timers.run(0.002)
    assert (call.late, call.skipped, len(call.ticks)) == (1, 20 - CATCH_UP_TICKS, 5 + CATCH_UP_TICKS)
    assert wheel.skipped_ticks == call.skipped


def test_a_call_that_fails_leaves_and_the_others_go_on(
    timers: FakeTimers, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[float] = []

    def fail(now_s: float) -> None:
        failures.append(now_s)
        raise RuntimeError("broken call")

    wheel.add(fail, lambda _: None, lambda _: None)
    calls = [Call(wheel) for _ in range(SLOTS)]
    with caplog.at_level(logging.ERROR):
        timers.run(0.1)
    assert [len(call.ticks) for call in calls] == [5] * SLOTS
    assert (len(failures), len(caplog.records), len(wheel)) == (1, 1, SLOTS)


def test_a_call_may_take_itself_and_others_off_in_its_tick(timers: FakeTimers, wheel: Wheel) -> None:
    others: list[Call] = []

    def end(now_s: float) -> None:
        first.remove()
        for call in others:
            call.ticker.remove()

    first = wheel.add(end, lambda _: None, lambda _: None)
    others += [Call(wheel) for _ in range(SLOTS * 2)]
    timers.run(1)
    same_slot = [call for call in others if call.ticker.slot == first.slot]
    assert [len(call.ticks) for call in same_slot] == [0, 0]
    assert max(len(call.ticks) for call in others) <= 1
    assert (len(wheel), timers.waiting) == (0, 0)


def test_the_wheel_stands_still_without_calls_and_starts_again(timers: FakeTimers, wheel: Wheel) -> None:
    for _ in range(3):
        call = Call(wheel)
        timers.run(0.1)
        call.ticker.remove()
        call.ticker.remove()
        assert timers.waiting == 0
        timers.run(3)
        assert (len(call.ticks), call.skipped) == (5, 0)


def test_a_first_call_that_replaces_the_last_in_its_tick_has_one_timer(timers: FakeTimers, wheel: Wheel) -> None:
    successors: list[Call] = []

    def replace(now_s: float) -> None:
        last.remove()
        successors.append(Call(wheel))

    last = wheel.add(replace, lambda _: None, lambda _: None)
    timers.run(0.021)
    timers.run(1)
    (successor,) = successors
    assert len(successor.ticks) == 50
    assert timers.waiting == 1


@given(st.floats(0, 1), st.floats(0, 0.015), st.integers(1, 9))
def test_a_moved_call_ticks_next_when_asked_and_every_20_ms_from_there(
    after_s: float, delay_s: float, others: int
) -> None:
    timers = FakeTimers()
    wheel = Wheel(timers)
    calls = [Call(wheel) for _ in range(others)]
    timers.run(after_s)
    before = len(calls[0].ticks)
    regular_s = calls[0].ticks[-1] + TICK_S if before else None
    moved_s = calls[0].ticker.move(delay_s)
    asked_s = timers.now_s
    timers.run(1)
    ticks = calls[0].ticks[before:]
    assert asked_s + delay_s - 1e-6 <= ticks[0] <= asked_s + delay_s + SLOT_S + 0.0015
    if regular_s is not None:
        assert ticks[0] - regular_s == pytest.approx(moved_s)
    assert [later - earlier for earlier, later in itertools.pairwise(ticks)] == pytest.approx(
        [TICK_S] * (len(ticks) - 1)
    )
    assert len(wheel) == others


def test_a_call_that_left_cannot_be_moved(timers: FakeTimers, wheel: Wheel) -> None:
    calls = [Call(wheel) for _ in range(2)]
    calls[0].ticker.remove()
    assert calls[0].ticker.move(0.01) == 0.0
    assert len(wheel) == 1


async def test_it_runs_on_the_event_loop() -> None:
    wheel = Wheel()
    enough = asyncio.Event()
    ticks: list[float] = []

    def tick(now_s: float) -> None:
        ticks.append(now_s)
        if len(ticks) == 5:
            enough.set()

    ticker = wheel.add(tick, lambda _: None, lambda _: None)
    await asyncio.wait_for(enough.wait(), 10)
    ticker.remove()
    assert ticks == sorted(ticks)
    assert "0 calls" in repr(wheel)


def test_settling_freezes_what_is_loaded() -> None:
    before = gc.get_threshold()
    try:
        freeze_garbage_collector()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == 50_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
