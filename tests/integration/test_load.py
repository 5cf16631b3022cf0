"""Fifty callers at once: none lost, none stuck, nothing left. The minute-long one is `tests.benchmarks.soak`."""

from __future__ import annotations

from tests.integration.load import place
from tests.integration.stage import Stage


async def test_fifty_calls_at_once_come_and_go_without_a_trace(stage: Stage) -> None:
    load = await place(stage, calls=50, seconds=8.0)
    assert load.faults == []
