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
