"""The recording of a call goes on when its caller and the target of a transfer were left alone in Asterisk."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import numpy as np
import pytest

from ari_agent.contract.parsing.redacted_url import basic_authorization
from tests.fakes.baresip import G722, calling
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import Samples, find_pieces, noise, strongest_tone, tone
from tests.fakes.tones import heard_ms
from tests.integration.stage import Connected, Stage
from tests.integration.target import (
    BRIDGE,
    TARGET_ADDRESS,
    TO,
    connected_with_target,
    hear_each_other,
    nothing_is_left,
    snoops,
)
from tests.integration.test_recording import (
    ABOVE_NARROWBAND_HZ,
    AGENT_HZ,
    CALLER_HZ,
    LATE_MS,
    RECORDED,
    TARGET_HZ,
    WITHIN_MS,
    ended,
    fetched,
    recording_of,
)

BEGINS: Final = "recording of caller and target begins"
ENDS: Final = "recording ends with the agent"
PIECE: Final = 3200
SOUNDS: Final = [noise(6)[start : start + PIECE] for start in range(0, 12 * PIECE, PIECE)]
"""Pieces of 0.4 s that are told apart."""
TAIL_MS: Final = 1400
HELD_BACK_MS: Final = 250
"""What a busy Asterisk may hold back of the audio that it sends us: 15 to 40 ms where it has time."""
TICK_MS: Final = 20
"""A tick that a busy Asterisk has left out on one of the two lines is not made up for."""


async def hand_over(stage: Stage, call: Connected, target: SipCallee, mode: str, *, until: str = BEGINS) -> None:
    """Leave caller and target alone, up to the moment when it is settled what becomes of the recording."""
    more: dict[str, Any] = {}
    if mode == "warm":
        private = {"private_handoff_option": {"type": "prompt", "prompt": "Ada calls."}}
        more = {"opt_out_human_detection": True, "enable_bridge_audio_cue": False, **private}
    elif mode == "agentic_warm":
        second = stage.agents.agent(protocol="web", encoding="mulaw")
        more = {"agentic_transfer_config": {"transfer_agent": {"agent_id": await stage.create_agent(second)}}}
    await call.agent.transfer(TO, mode=mode, on_hold_music="none", **more)
    await target.rings()
    await target.picks_up()
    if mode == "warm":
        await call.agent.transfer_result(index=3)  # of dialling, ringing, answered, private_handoff
        await call.agent.send(BRIDGE)
    if mode == "agentic_warm":
        await (await second.call()).transfer_result()
        await (await second.call()).send(BRIDGE)
    await call.agent.gone()
    await stage.controller.logged(f"{until} call_id={call.call_id}" if until == BEGINS else until)


@asynccontextmanager
async def left_alone(
    stage: Stage, mode: str = "sip_invite", agent: Mapping[str, Any] = RECORDED, **options: Any
) -> AsyncIterator[tuple[Connected, SipCallee]]:
    """Two people after a transfer in a recorded call, whose caller has said the first of SOUNDS before."""
    async with connected_with_target(stage, agent=agent) as (call, target):
        await say(call, SOUNDS[0])
        await hand_over(stage, call, target, mode, **options)
        yield call, target


async def say(who: Connected | SipCallee, sound: Samples) -> None:
    """Until it was said, and somewhat longer."""
    audio = who.caller.audio if isinstance(who, Connected) else who.audio
    audio.say(sound)
    await audio.said()
    await asyncio.sleep(0.3)


async def both_say(call: Connected, target: SipCallee, caller: Samples, other: Samples) -> None:
    await asyncio.gather(say(call, caller), say(target, other))


def begins_ms(sound: Samples, heard: Samples) -> float:
    """Where a sound begins in what was heard; a busy Asterisk may have lost a piece of it."""
    pieces = list(enumerate(find_pieces(sound, heard)))
    index, best = max(pieces, key=lambda piece: piece[1].similarity)
    assert best.similarity > 0.9
    return (best.offset - 800 * index) / 8


async def public_log(call: Mapping[str, Any], event: str) -> Sequence[Mapping[str, Any]]:
    """The lines of one event in the public log of a call."""
    async with aiohttp.ClientSession() as http, http.get(call["public_log_url"]) as response:
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
    return [line for line in lines if line["event"] == event]


async def make_channel(stage: Stage, channel_id: str) -> None:
    headers = {"Authorization": basic_authorization(stage.pbx.ari_username, stage.pbx.ari_password)}
    url = f"{stage.pbx.ari_url}/channels/externalMedia"
    asked = {"channelId": channel_id, "app": "ari_agent", "external_host": "127.0.0.1:9", "format": "ulaw"}
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, params=asked) as response:
        assert response.status == 200, await response.text()


@pytest.mark.parametrize(("mode", "by"), [("sip_invite", "caller"), ("warm", "target"), ("agentic_warm", "caller")])
async def test_the_caller_is_left_and_the_target_right_to_the_end(stage: Stage, mode: str, by: str) -> None:
    async with left_alone(stage, mode) as (call, target):
        for index in range(1, 5):
            await both_say(call, target, SOUNDS[index], SOUNDS[index + 5])
        await both_say(call, target, tone(CALLER_HZ, 1), tone(TARGET_HZ, 1))
        first, second = (call.caller, target) if by == "caller" else (target, call.caller)
        await first.hang_up()
        await second.bye()
        caller_s, target_s = call.caller.audio.said_s, target.audio.said_s
    over = await ended(stage, call.call_id)
    recording = await recording_of(over)
    began_ms = begins_ms(SOUNDS[0], recording.left)
    apart_ms = []
    for index in range(1, 5):
        left_ms, right_ms = begins_ms(SOUNDS[index], recording.left), begins_ms(SOUNDS[index + 5], recording.right)
        assert left_ms - began_ms == pytest.approx((caller_s[index] - caller_s[0]) * 1000, abs=HELD_BACK_MS)
        apart_ms.append(abs(right_ms - left_ms - (target_s[index - 1] - caller_s[index]) * 1000))
    assert min(apart_ms) <= WITHIN_MS + TICK_MS
    assert max(apart_ms) <= LATE_MS
    left, right = recording.left[-8 * TAIL_MS :], recording.right[-8 * TAIL_MS :]
    assert heard_ms(left, CALLER_HZ) >= 900
    assert heard_ms(right, TARGET_HZ) >= 900
    assert heard_ms(left, TARGET_HZ) == heard_ms(right, CALLER_HZ) == 0
    assert len(recording.left) / 8 == pytest.approx(over["duration_ms"], abs=HELD_BACK_MS)
    assert [line["records"] for line in await public_log(over, "bridged_recording")] == [True, False]
    await nothing_is_left(stage)


async def test_a_pause_is_silence_also_when_it_began_before(stage: Stage) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        await stage.controller.post(f"/v2/pause-recording/{call.call_id}", expect=204)
        await hand_over(stage, call, target, "sip_invite")
        await both_say(call, target, tone(AGENT_HZ, 0.5), tone(AGENT_HZ, 0.5))
        await stage.controller.post(f"/v2/resume-recording/{call.call_id}", expect=204)
        await both_say(call, target, tone(CALLER_HZ, 0.5), tone(TARGET_HZ, 0.5))
        await stage.controller.post(f"/v2/pause-recording/{call.call_id}", expect=204)
        await both_say(call, target, tone(AGENT_HZ, 0.5), tone(AGENT_HZ, 0.5))
        await call.caller.hang_up()
        over = await ended(stage, call.call_id)
    recording = await recording_of(over)
    assert heard_ms(recording.mixed, AGENT_HZ) == 0
    assert heard_ms(recording.left, CALLER_HZ) >= 400
    assert heard_ms(recording.right, TARGET_HZ) >= 400
    assert [line["paused"] for line in await public_log(over, "recording")] == [True, False, True]
    await nothing_is_left(stage)


async def test_where_asterisk_refuses_the_recording_ends_and_the_call_does_not(stage: Stage) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        await say(call, SOUNDS[0])
        await make_channel(stage, f"ari_agent-snoop-target-0-{call.call_id}")  # it makes none of a name that is taken
        await hand_over(stage, call, target, "sip_invite", until=ENDS)
        await hear_each_other(call, target)
        await stage.controller.post(f"/v2/pause-recording/{call.call_id}", expect=400)
        assert await snoops(stage) == 0
        assert stage.controller.udp_sockets() == 0
        await call.caller.hang_up()
        await target.bye()
        over = await ended(stage, call.call_id)
    assert over["disconnection_reason"] == "call_transfer"
    assert len([fault for fault in over["faults"] if "The recording ends where" in fault]) == 1
    assert stage.controller.log_text().count(ENDS) == 1
    begins_ms(SOUNDS[0], (await recording_of(over)).left)
    await nothing_is_left(stage)


@pytest.mark.parametrize(
    "agent",
    [
        {"recording": "off"},
        {"recording": "agent_only"},
        {"recording": "on", "data_storage_setting": "everything_except_pii"},
        {"recording": "on", "pii_config": {"mode": "post_call", "categories": ["credit_card"]}},
    ],
    ids=["off", "agent_only", "without personal data", "scrubbed"],
)
async def test_nobody_is_listened_to_where_nothing_may_be_recorded(stage: Stage, agent: Mapping[str, Any]) -> None:
    async with connected_with_target(stage, agent=agent) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.picks_up()
        await call.agent.gone()
        await hear_each_other(call, target)
        assert await snoops(stage) == 0
        assert "native_rtp" in await stage.pbx.cli("bridge show all")
        await call.caller.hang_up()
        await target.bye()
    await ended(stage, call.call_id)
    await nothing_is_left(stage)


async def test_of_a_call_made_stricter_meanwhile_nothing_is_left_that_nobody_has_searched(stage: Stage) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        words = [{"word": "Hello.", "start": 0.1, "end": 0.4}]
        told = {"transcript": [{"role": "user", "content": "Hello.", "words": words}]}
        await call.agent.send({"event": "update", "update": told})
        await hand_over(stage, call, target, "sip_invite")
        await both_say(call, target, tone(CALLER_HZ, 0.5), tone(TARGET_HZ, 0.5))
        stricter = {"fields_to_override": {"data_storage_setting": "everything_except_pii"}}
        reply = await stage.controller.request("PATCH", f"/v2/update-live-call/{call.call_id}", stricter)
        assert reply.status == 200, reply.text
        await call.caller.hang_up()
        await target.bye()
        over = await ended(stage, call.call_id)
    assert over["transcript"] == "User: Hello.\n"
    assert not [key for key in over if "recording" in key]
    assert not list(stage.controller.folder.rglob(f"{call.call_id}/*.wav"))


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("by", ["caller", "target"])
async def test_one_hangs_up_while_the_recording_is_about_to_go_on(stage: Stage, by: str, after_s: float) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.picks_up()
        await asyncio.sleep(after_s)
        first, second = (call.caller, target) if by == "caller" else (target, call.caller)
        await first.hang_up()
        await asyncio.sleep(0.2)
        await second.hang_up_if_up()  # whose target was too fast is with the agent again
        over = await ended(stage, call.call_id)
    assert "The recording ends" not in str(over.get("faults"))
    await nothing_is_left(stage)


async def test_a_wideband_call_goes_on_in_wideband(stage: Stage) -> None:
    agent = stage.agents.agent(protocol="web", encoding="s16le", rate_hz=16_000)
    async with SipCallee(pbx=(stage.pbx.bind, stage.pbx.sip_port), address=TARGET_ADDRESS) as target:
        trunk = {"termination_uri": target.uri, "transport": "UDP"}
        number = await stage.import_number(await stage.create_agent(agent, **RECORDED), **trunk)
        said = tone(ABOVE_NARROWBAND_HZ, 20, rate_hz=16_000)
        async with calling(stage.pbx, number, said, codec=G722) as phone:
            call = await agent.call()
            await phone.until(b"established")
            call_id = str(call.about["call_id"])
            await stage.begun(call_id)
            await call.transfer(TO, mode="sip_invite")
            await target.picks_up()
            await stage.controller.logged(f"{BEGINS} call_id={call_id}")
            await say(target, tone(TARGET_HZ, 1.5))
            await phone.hang_up()
            await target.bye()
    over = await ended(stage, call_id)
    with wave.open(io.BytesIO(await fetched(over["recording_multi_channel_url"]))) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        file.setpos(file.getnframes() - 16_000)
        last = np.frombuffer(file.readframes(16_000), "<i2")
    for channel, frequency_hz in ((last[::2], ABOVE_NARROWBAND_HZ), (last[1::2], TARGET_HZ)):
        assert strongest_tone(channel, rate_hz=16_000).frequency_hz == pytest.approx(frequency_hz, abs=20)
    await nothing_is_left(stage)


async def test_whoever_takes_the_callers_place_is_left_from_then_on(stage: Stage) -> None:
    async with left_alone(stage) as (call, target), stage.caller(address="127.0.0.3", user="+14155550177") as colleague:
        await colleague.call(call.number, headers=[("Replaces", call.caller.replaces())])
        await call.caller.bye()
        call.caller = colleague
        await hear_each_other(call, target)
        await both_say(call, target, tone(CALLER_HZ, 1), tone(TARGET_HZ, 1))
        await colleague.hang_up()
        await target.bye()
    recording = await recording_of(await ended(stage, call.call_id))
    assert heard_ms(recording.left, CALLER_HZ) >= 900
    assert heard_ms(recording.right, TARGET_HZ) >= 900
    await nothing_is_left(stage)
