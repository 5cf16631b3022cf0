"""A real signal to this process, during the start and after it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ari_agent.stop_signals import StopSignals, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_start_that_still_goes_on(number: signal.Signals) -> None:
    seen: list[StopSignals] = []

    async def start() -> None:
        async with stop_signals() as signals:
            seen.append(signals)
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(start())
    assert seen[0].ended_start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_after_the_start_signals_stop_and_cancel_nothing(number: signal.Signals) -> None:
    async with stop_signals() as signals:
        signals.started()
        for _ in range(2):  # impatient
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
        await signals.wait()
        assert not signals.ended_start


async def test_a_part_that_fails_during_the_start_stops_without_cancelling_it() -> None:
    async with stop_signals() as signals:
        signals.stop()
        await asyncio.sleep(0)
        signals.started()
        await signals.wait()


async def ends_when(*numbers: signal.Signals, work_s: float) -> bool:
    """Whether work of the stop ended by itself, when these signals came."""
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(work_s)
        done.set()

    async with stop_signals() as signals:
        signals.started()
        for number in numbers:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
        await signals.unless_at_once(work())
    return done.is_set()


async def test_sigterm_leaves_time_and_sigint_or_a_second_signal_does_not() -> None:
    assert await ends_when(signal.SIGTERM, work_s=0.05)
    assert not await ends_when(signal.SIGINT, work_s=600)
    assert not await ends_when(signal.SIGTERM, signal.SIGTERM, work_s=600)


async def test_a_drain_lasts_until_a_signal_which_then_leaves_its_own_time() -> None:
    async with stop_signals() as signals:
        signals.started()
        signals.drain()
        await signals.wait()
        finished: list[str] = []

        async def work(name: str, pause_s: float) -> None:
            await asyncio.sleep(pause_s)
            finished.append(name)

        await signals.unless_stopped(work("drain", 0.01))
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        await signals.unless_stopped(work("drain until the signal", 600))
        await signals.unless_stopped(work("drain after the signal", 0))
        await signals.unless_at_once(work("stop", 0.01))
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.unless_at_once(work("stop after the second signal", 600))
    assert finished == ["drain", "stop"]
