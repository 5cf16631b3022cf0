"""What is in the recording of a call: fetched by its links, from calls on a real Asterisk."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import wave
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import pytest
from yarl import URL

from tests.fakes.agent_server import echo
from tests.fakes.baresip import G722, calling
from tests.fakes.sound import Samples, find_pieces, noise, read_wav, silence, strongest_tone, tone, ulaw_decode
from tests.fakes.tones import as_sent, heard_ms, longest_silence_ms
from tests.fakes.web_client import WebFrontEnd
from tests.integration.stage import Connected, Stage, staged
from tests.integration.target import CANCEL, TO, connected_with_target

RECORDED: Final = {"recording": "on"}
CALLER_HZ, AGENT_HZ, TARGET_HZ = 700, 1900, 2400
BEEP_HZ: Final = 1400
ABOVE_NARROWBAND_HZ: Final = 6000
PIECE: Final = 2000
FIRST, LAST = noise(0.5), noise(1.0)[4000:]
"""Sounds that are found again by correlation, and told apart."""
WITHIN_MS: Final = 20
LATE_MS: Final = 100
"""How late a busy machine may send."""
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


def place_ms(said: Samples, heard: Samples) -> float:
    """Where a sound begins in what was heard: a stall of this machine may cost a piece of it, or move one."""
    pieces = list(enumerate(find_pieces(said, heard, piece=PIECE)))
    index, best = max(pieces, key=lambda piece: piece[1].similarity)
    assert best.similarity > 0.9
    return (best.offset - PIECE * index) / 8


def apart_ms(first: Samples, last: Samples, heard: Samples) -> float:
    """From where one sound begins in what was heard, to where another one does."""
    return place_ms(last, heard) - place_ms(first, heard)


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


async def test_what_was_said_is_found_again_where_it_was_said(stage: Stage) -> None:
    """Of a call of some 30 s with an agent that echoes: speech and noise, at its beginning and at its end."""
    words, _ = read_wav(SPOKEN / "slt_hours.wav")
    first, last = np.concatenate([words, FIRST]), np.concatenate([words, LAST])
    async with stage.connected(echo, agent=RECORDED) as call:
        audio = call.caller.audio
        audio.say(first)
        await audio.said()
        await asyncio.sleep(22)
        audio.say(last)
        await audio.said()
        await asyncio.sleep(0.5)
        recording = await hang_up(stage, call)
    told_agent, told_caller = call.agent.sound(), as_sent(audio.heard)
    apart_in_agent_ms = apart_ms(FIRST, LAST, told_agent)
    assert apart_in_agent_ms == pytest.approx((audio.said_s[1] - audio.said_s[0]) * 1000, abs=LATE_MS)
    assert apart_ms(FIRST, LAST, recording.left) == pytest.approx(apart_in_agent_ms, abs=WITHIN_MS)
    assert apart_ms(FIRST, LAST, recording.right) == pytest.approx(apart_ms(FIRST, LAST, told_caller), abs=WITHIN_MS)
    assert 0 < place_ms(FIRST, recording.right) - place_ms(FIRST, recording.left) <= LATE_MS, "the agent's echo"
    assert max(match.similarity for match in find_pieces(words[4000:8000], recording.left)) > 0.9
    both = recording.left.astype(np.int32) + recording.right
    assert np.corrcoef(both, recording.mixed)[0, 1] > 0.99


Ask = Callable[[Stage, Connected, str], Awaitable[None]]


async def _by_agent(stage: Stage, call: Connected, action: str) -> None:
    await call.agent.send({"event": "recording", "recording": {"action": action}})


async def _by_api(stage: Stage, call: Connected, action: str) -> None:
    await stage.controller.post(f"/v2/{action}-recording/{call.call_id}", expect=204)


@pytest.mark.parametrize(
    ("protocol", "ask"),
    [("twilio", _by_agent), ("web", _by_agent), ("twilio", _by_api)],
    ids=["twilio", "web", "API"],
)
async def test_a_pause_is_heard_as_silence_and_is_in_the_log(stage: Stage, protocol: str, ask: Ask) -> None:
    encoding = "mulaw" if protocol == "twilio" else "s16le"
    async with stage.connected(agent=RECORDED, protocol=protocol, encoding=encoding, rate_hz=8000) as call:
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await ask(stage, call, "pause")
        await asyncio.sleep(0.3)
        call.caller.audio.say(tone(TARGET_HZ, 1))
        await call.agent.say(tone(AGENT_HZ, 1))
        await call.caller.audio.said()
        await asyncio.sleep(0.5)
        assert heard_ms(call.agent.sound(), TARGET_HZ) >= 900, "the agent hears it all the same"
        await ask(stage, call, "resume")
        await asyncio.sleep(0.3)
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await asyncio.sleep(0.3)
        recording = await hang_up(stage, call)
    assert heard_ms(recording.left, CALLER_HZ) >= 1800
    assert heard_ms(recording.mixed, TARGET_HZ) == heard_ms(recording.mixed, AGENT_HZ) == 0
    log = [line for line in stage.controller.log_path.read_text().splitlines() if call.call_id in line]
    assert [word for line in log for word in ("paused", "resumed") if f"recording {word}" in line] == [
        "paused",
        "resumed",
    ]


async def test_a_hold_is_silence_and_what_follows_is_not_shifted(stage: Stage) -> None:
    async with stage.connected(agent=RECORDED) as call:
        audio = call.caller.audio
        audio.say(FIRST)
        await audio.said()
        await call.caller.hold()
        await asyncio.sleep(2)
        await call.caller.resume()
        audio.say(LAST)
        await audio.said()
        await asyncio.sleep(0.3)
        recording = await hang_up(stage, call)
    heard_apart_ms = apart_ms(FIRST, LAST, call.agent.sound())
    assert apart_ms(FIRST, LAST, recording.left) == pytest.approx(heard_apart_ms, abs=WITHIN_MS)
    assert longest_silence_ms(recording.left) >= 1800


async def test_a_transfer_that_comes_back_has_the_target_on_the_agents_side(stage: Stage) -> None:
    whisper = {"private_handoff_option": {"type": "prompt", "prompt": "Somebody calls."}}
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await call.agent.transfer(TO, mode="warm", opt_out_human_detection=True, **whisper)
        await target.rings()
        await target.picks_up()
        await call.agent.transfer_result(index=2)  # answered
        await asyncio.sleep(0.3)
        target.audio.say(tone(TARGET_HZ, 1))
        await call.agent.say(tone(AGENT_HZ, 1))
        await target.audio.said()
        await asyncio.sleep(0.5)
        await call.agent.send(CANCEL)
        await target.bye()
        await asyncio.sleep(1)
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await asyncio.sleep(0.3)
        recording = await hang_up(stage, call)
    assert heard_ms(recording.left, CALLER_HZ) >= 1800
    assert heard_ms(recording.left, TARGET_HZ) == 0
    assert heard_ms(recording.right, TARGET_HZ) >= 800
    assert heard_ms(recording.right, AGENT_HZ) >= 900


@pytest.mark.parametrize(
    ("agent", "number", "caller_is_heard", "agent_is_heard"),
    [
        ({"recording": "agent_only"}, {}, False, True),
        ({"recording": "off"}, {"recording": "on"}, True, True),
        ({"recording": "on"}, {"recording": "agent_only"}, False, True),
    ],
)
async def test_agent_and_number_say_what_is_recorded(
    stage: Stage, agent: Any, number: Any, caller_is_heard: bool, agent_is_heard: bool
) -> None:
    async with stage.connected(echo, agent=agent, number=number) as call:
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await asyncio.sleep(0.3)
        recording = await hang_up(stage, call)
    assert (heard_ms(recording.left, CALLER_HZ) >= 900) is caller_is_heard
    assert (heard_ms(recording.right, CALLER_HZ) >= 900) is agent_is_heard


async def test_a_tone_tells_the_caller_that_the_call_is_recorded(stage: Stage) -> None:
    async with stage.connected(agent={**RECORDED, "recording_beep_s": 1}) as call:
        await asyncio.sleep(2.6)
        recording = await hang_up(stage, call)
        heard = call.caller.audio.sound()
    assert heard_ms(recording.right, BEEP_HZ) == pytest.approx(400, abs=80)
    assert heard_ms(heard, BEEP_HZ) == pytest.approx(400, abs=80)


async def test_a_wideband_call_is_recorded_in_wideband(stage: Stage) -> None:
    agent = stage.agents.agent(echo, protocol="web", encoding="s16le", rate_hz=16_000)
    number = await stage.import_number(await stage.create_agent(agent, **RECORDED))
    words = np.concatenate([silence(1.0, rate_hz=16_000), tone(ABOVE_NARROWBAND_HZ, 2.0, rate_hz=16_000)])
    async with calling(stage.pbx, number, np.concatenate([words, silence(10, rate_hz=16_000)]), codec=G722) as phone:
        call = await phone.talk_with(agent)
    over = await ended(stage, str(call.about["call_id"]))
    with wave.open(io.BytesIO(await fetched(over["recording_multi_channel_url"]))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 16_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    for channel in (both[::2], both[1::2]):
        assert strongest_tone(channel, rate_hz=16_000).frequency_hz == pytest.approx(ABOVE_NARROWBAND_HZ, abs=20)


@pytest.mark.parametrize("encoding", ["mulaw", "s16le"])
async def test_a_web_call_is_recorded(stage: Stage, encoding: str) -> None:
    agent = stage.agents.agent(protocol="twilio")
    agent_id = await stage.create_agent(agent, **RECORDED)
    body = {"agent_id": agent_id, "audio_websocket_protocol": "web", "audio_encoding": encoding, "sample_rate": 8000}
    call_id = (await stage.controller.post("/register-call", body, expect=201)).json["call_id"]
    url = f"{stage.controller.url.replace('http', 'ws')}/audio-websocket/{call_id}"
    async with WebFrontEnd(url, encoding=encoding) as front:
        call = await agent.call()
        for _ in range(20):
            await front.say(tone(CALLER_HZ, 0.1))
            await asyncio.sleep(0.1)
        await call.say(tone(AGENT_HZ, 2))
        await asyncio.sleep(2.3)
    recording = await recording_of(await ended(stage, call_id))
    assert heard_ms(recording.left, CALLER_HZ) >= 1500
    assert heard_ms(recording.right, AGENT_HZ) == pytest.approx(2000, abs=100)
    assert heard_ms(recording.left, AGENT_HZ) == heard_ms(recording.right, CALLER_HZ) == 0


async def test_of_a_crash_all_is_left_but_the_last_second(tmp_path: Path) -> None:
    async with staged(tmp_path, RECORDING="on") as stage, stage.connected(echo) as call:
        audio = call.caller.audio
        for _ in range(4):
            audio.say(tone(CALLER_HZ, 1))
        await audio.said()
        await stage.controller.kill()
        await call.caller.hang_up()
        await stage.controller.start()
        over = await ended(stage, call.call_id)
        assert over["disconnection_reason"] == "user_hangup"
        recording = await recording_of(over)
    assert heard_ms(recording.left, CALLER_HZ) >= 2700
    assert heard_ms(recording.right, CALLER_HZ) >= 2700
    assert not list((tmp_path / "spool").glob("call_*"))


async def mount(*arguments: str) -> None:
    """Mount a file system, or change what is mounted."""
    process = await asyncio.create_subprocess_exec(*arguments)
    assert await process.wait() == 0, arguments


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
async def test_a_full_disk_does_not_disturb_the_call(tmp_path: Path) -> None:
    """It takes a second or two, and later all again: what is missing is silent, what follows stands at its time."""
    disk = tmp_path / "disk"
    disk.mkdir()
    await mount("mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk))
    try:
        stage = staged(tmp_path, RECORDING="on", SPOOL_DIR=str(disk / "spool"))
        async with stage as made, made.connected(echo) as call:
            audio = call.caller.audio
            audio.say(FIRST)
            await audio.said()
            await asyncio.sleep(4)
            lost = (await made.controller.metrics())["ari_agent_spool_lost_bytes_total"]
            await call.hears_itself()
            await mount("mount", "-o", "remount,size=4m", str(disk))
            audio.say(LAST)
            await audio.said()
            await asyncio.sleep(0.3)
            recording = await hang_up(made, call)
    finally:
        await mount("umount", str(disk))
    assert lost > 0
    heard_apart_ms = apart_ms(FIRST, LAST, call.agent.sound())
    assert apart_ms(FIRST, LAST, recording.left) == pytest.approx(heard_apart_ms, abs=WITHIN_MS)


async def test_links_live_as_long_as_the_agent_says(stage: Stage) -> None:
    """In the webhook and in every answer: those of the agent's own, and of another one the setting's day."""
    lifetimes_ms = {}
    for own in ({"signed_url_expiration_ms": 3_600_000}, {}):
        async with stage.connected(agent={**RECORDED, "opt_in_signed_url": True, **own}) as call:
            await asyncio.sleep(0.3)
            await call.caller.hang_up()
        over = await ended(stage, call.call_id)
        listed = (await stage.controller.post("/v2/list-calls", {"filter_criteria": {"call_id": [call.call_id]}})).json
        answers = [over, (await stage.controller.get(f"/v2/get-call/{call.call_id}")).json, listed[0]]
        lifetimes_ms[len(own)] = [
            1000 * int(URL(answer[name]).query["expires"]) - answer["end_timestamp"]
            for answer in answers
            for name in ("recording_url", "recording_multi_channel_url", "public_log_url")
        ]
        assert over.get("signed_url_expiration_ms") == own.get("signed_url_expiration_ms")
    assert lifetimes_ms[1] == pytest.approx([3_600_000] * 9, abs=20_000)
    assert lifetimes_ms[0] == pytest.approx([86_400_000] * 9, abs=20_000)
