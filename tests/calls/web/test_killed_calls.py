"""A controller that is killed in the middle of calls: each record has its recording, and no file is nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calls.web.killed_calls import orphans, play, recording, what_is_left

pytestmark = pytest.mark.slow


async def test_every_record_has_its_recording_up_to_the_crash_and_no_file_is_nobodys(tmp_path: Path) -> None:
    async with recording(tmp_path) as (controller, agent_id):
        played = await play(controller, agent_id, calls=24, kills=2, at_once=8, seconds=3.0)
        left = await what_is_left(controller, played)
        listed = (await controller.post("/v2/list-calls", {"limit": 1000}, expect=200)).json
        await controller.stop()
    assert len(left) == 24
    assert any(each.played.cut for each in left)
    # The last second may not have been written yet, and a stalled machine may be later still. A call that was cut off
    # sooner than that has no recording.
    assert [each for each in left if each.played.lasted_s - (each.recorded_s or 0.0) > 2.5] == []
    assert orphans(tmp_path, [call["call_id"] for call in listed]) == []
