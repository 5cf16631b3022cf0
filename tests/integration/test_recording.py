"""What is in the recording of a call: fetched by its links, from calls on a real Asterisk."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.fakes.sound import Samples, tone, ulaw_decode
from tests.fakes.tones import heard_ms
from tests.integration.stage import Connected, Stage

RECORDED: Final = {"recording": "on"}
CALLER_HZ, AGENT_HZ, TARGET_HZ = 700, 1500, 2400
WITHIN_MS: Final = 20
HEADER_BYTES: Final = 58
SPOKEN: Final = Path(__file__).parents[1] / "data" / "audio"


@dataclass(frozen=True)
class Recording:
    """A recording, as whoever has its links gets it."""

    mixed: Samples
    left: Samples
    right: Samples


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "audio/wav"
        return await response.read()


def samples(file: bytes, *, channels: int) -> Samples:
    """The audio of a WAV file in mu-law, whose header must tell all of it."""
    assert struct.unpack_from("<HHI", file, 20) == (7, channels, 8000)
    assert struct.unpack_from("<I", file, HEADER_BYTES - 4) == (len(file) - HEADER_BYTES,)
    assert struct.unpack_from("<I", file, 4) == (len(file) - 8,)
    return ulaw_decode(file[HEADER_BYTES:])


async def recording_of(call: Mapping[str, Any]) -> Recording:
    mixed = samples(await fetched(call["recording_url"]), channels=1)
    both = samples(await fetched(call["recording_multi_channel_url"]), channels=2)
    assert len(mixed) == len(both) / 2
    return Recording(mixed, both[::2], both[1::2])


async def ended(stage: Stage, call_id: str) -> Mapping[str, Any]:
    """The call object of `call_ended`."""
    return (await stage.events.event("call_ended", call_id=call_id)).call


async def hang_up(stage: Stage, call: Connected) -> Recording:
    await call.caller.hang_up()
    return await recording_of(await ended(stage, call.call_id))


async def test_the_caller_is_left_and_the_agent_right(stage: Stage) -> None:
    async with stage.connected(agent=RECORDED) as call:
        call.caller.audio.say(tone(CALLER_HZ, 2))
        await call.caller.audio.said()
        await call.agent.say(tone(AGENT_HZ, 2))
        await asyncio.sleep(2.5)
        recording = await hang_up(stage, call)
    assert heard_ms(recording.left, CALLER_HZ) >= 1900
    assert heard_ms(recording.right, AGENT_HZ) >= 1900
    assert heard_ms(recording.left, AGENT_HZ) == heard_ms(recording.right, CALLER_HZ) == 0
    assert heard_ms(recording.mixed, CALLER_HZ) >= 1900
    assert heard_ms(recording.mixed, AGENT_HZ) >= 1900


async def test_a_call_that_is_not_to_be_recorded_is_not(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.send({"event": "recording", "recording": {"action": "pause"}})
        refused = await call.agent.event("error")
        reply = await stage.controller.post(f"/v2/pause-recording/{call.call_id}", expect=400)
        await call.caller.hang_up()
        over = await ended(stage, call.call_id)
    assert refused["error"]["event"] == "recording"
    assert "not recorded" in refused["error"]["message"]
    assert "not recorded" in reply.text
    assert "recording_url" not in over
    assert "recording_multi_channel_url" not in over
