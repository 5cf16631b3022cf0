"""The recording of a call goes on when its caller and the target of a transfer were left alone in Asterisk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import pytest

from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import noise, tone
from tests.fakes.tones import heard_ms
from tests.integration.stage import Connected, Stage
from tests.integration.target import TO, connected_with_target, nothing_is_left
from tests.integration.test_recording import (
    AGENT_HZ,
    CALLER_HZ,
    FIRST,
    LAST,
    RECORDED,
    TARGET_HZ,
    WITHIN_MS,
    ended,
    fetched,
    place_ms,
    recording_of,
)

BEGINS: Final = "recording of caller and target begins"


async def left_alone(stage: Stage, call: Connected, target: SipCallee, mode: str, *, until: str = BEGINS) -> None:
    """Caller and target talk with each other, and what is to become of the recording is decided."""
    warm = {"opt_out_human_detection": True, "enable_bridge_audio_cue": False} if mode == "warm" else {}
    await call.agent.transfer(TO, mode=mode, on_hold_music="none", **warm)
    await target.picks_up()
    await call.agent.gone()
    await stage.controller.logged(f"{until} call_id={call.call_id}")


@pytest.mark.parametrize("mode", ["sip_invite", "warm"])
async def test_x(stage: Stage, mode: str) -> None:
    async with connected_with_target(stage, agent=RECORDED) as (call, target):
        call.caller.audio.say(tone(CALLER_HZ, 1))
        await call.caller.audio.said()
        await call.agent.say(tone(AGENT_HZ, 1))
        await asyncio.sleep(1.2)
        await left_alone(stage, call, target, mode)
        print(await stage.pbx.cli("core show channels concise"))
        print(await stage.pbx.cli("bridge show all"))
        print("udp", stage.controller.udp_sockets())
        call.caller.audio.say(FIRST)
        target.audio.say(LAST)
        await target.audio.said()
        await call.caller.audio.said()
        await asyncio.sleep(0.5)
        said_s = call.caller.audio.said_s[-1], target.audio.said_s[-1]
        print("said", said_s)
        await call.caller.hang_up()
        await target.bye()
    over = await ended(stage, call.call_id)
    recording = await recording_of(over)
    print(len(recording.left)/8000, over["duration_ms"])
    a, b = place_ms(FIRST, recording.left), place_ms(LAST, recording.right)
    print("place", a, b, (said_s[1]-said_s[0])*1000)
    await nothing_is_left(stage)
    print(stage.controller.log_tail(30))
    print("END"); assert 0
