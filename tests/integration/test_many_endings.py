"""Some sixty calls that end in every way at once leave nothing; the benchmark teardown.py has thousands."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.integration.endings import NO_AUDIO_AFTER_S, left, play
from tests.integration.stage import staged


async def test_calls_that_end_in_every_way_leave_nothing(tmp_path: Path) -> None:
    async with staged(tmp_path, CONCURRENCY_LIMIT="100", NO_AUDIO_AFTER_S=str(NO_AUDIO_AFTER_S)) as stage:
        found = await play(stage, each=4)
        assert found["call_transfer"] == found["dial_busy"] == 4
        await stage.idle(timeout_s=30)
        for _ in range(100):
            after = await left(stage)
            if not after.live_calls:
                break
            await asyncio.sleep(0.1)
    assert (after.channels, after.bridges, after.udp_sockets, after.slots, after.live_calls) == (0, 0, 0, 0, 0)
