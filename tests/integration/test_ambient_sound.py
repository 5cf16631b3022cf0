"""The sound of a place under an agent's words and in its silences, as the caller of a real Asterisk hears it."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import pytest

from ari_agent.media.ambient_sounds import LEVEL_DBFS
from ari_agent.media.audio import level_dbfs
from tests.fakes.sound import Samples, tone
from tests.integration.stage import Stage
from tests.integration.test_recording import hang_up

pytestmark = pytest.mark.asterisk

AMBIENT: Final[dict[str, Any]] = {"ambient_sound": "static-noise", "recording": "on"}


def level(sound: Samples) -> float:
    return level_dbfs(sound.astype("<i2").tobytes())


@pytest.mark.parametrize(("volume", "dbfs"), [(1.0, LEVEL_DBFS), (2.0, LEVEL_DBFS + 6)])
async def test_it_is_heard_while_nobody_speaks_and_is_recorded(stage: Stage, volume: float, dbfs: float) -> None:
    async with stage.connected(agent={**AMBIENT, "ambient_sound_volume": volume}) as call:
        await asyncio.sleep(0.3)
        since_s = time.monotonic()
        await asyncio.sleep(1.2)
        heard = call.caller.audio.sound(since_s=since_s)
        await call.agent.say(tone(700, 0.5))
        await asyncio.sleep(1)
        recording = await hang_up(stage, call)
    assert level(heard) == pytest.approx(dbfs, abs=1)
    assert level(recording.right[4000:8000]) == pytest.approx(dbfs, abs=1)
    assert level(recording.left) < dbfs - 20, "the agent does not hear it"


async def test_at_volume_0_there_is_silence(stage: Stage) -> None:
    async with stage.connected(agent={**AMBIENT, "ambient_sound_volume": 0}) as call:
        await call.caller.audio.hears_silence()
