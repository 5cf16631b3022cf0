"""How long the user of a web call waits for an answer."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from tests.api.web_house import House
from tests.fakes.agent_server import AgentCall
from tests.fakes.sound import Samples, noise, silence
from tests.fakes.web_client import WebFrontEnd

pytestmark = pytest.mark.slow

PIECE = 160
TOLERANCE_S = 0.15  # of a machine that has more to do: what is told apart here is 0.4 s and more


async def speak(front: WebFrontEnd, pcm: Samples) -> float:
    """In pieces of 20 ms, in real time; when the last of them left."""
    began_s = time.monotonic()
    for start in range(0, len(pcm), PIECE):
        await asyncio.sleep(max(0.0, began_s + start / 8000 - time.monotonic()))
        await front.connection.send(front.octets(pcm[start : start + PIECE]))
    return time.monotonic()


async def hears(front: WebFrontEnd, call: AgentCall, pcm: Samples) -> float:
    """Have the agent say this; when its first sound was there."""
    before = len(front.audio)
    await call.say(pcm)
    await front.until(lambda: len(front.audio) > before)
    return time.monotonic()


@pytest.mark.parametrize("sends_silence", [True, False], ids=["a browser", "push to talk"])
async def test_an_answer_is_measured_from_the_users_last_word(house: House, sends_silence: bool) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=8000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as front:
        call = await agent.call()
        await hears(front, call, noise(0.2))  # a greeting
        await speak(front, silence(0.4))
        ended_s = await speak(front, noise(0.5))
        if sends_silence:
            await speak(front, silence(0.4))
        await asyncio.sleep(0.4)
        heard_s = await hears(front, call, noise(0.2))
        await speak(front, silence(0.6))
    latency = (await house.ended(call_id))["latency"]
    assert latency["e2e"]["values"] == [pytest.approx((heard_s - ended_s) * 1000, abs=TOLERANCE_S * 1000)]


async def test_sound_that_is_sent_ahead_counts_from_when_it_is_played(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=8000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as front:
        call = await agent.call()
        await speak(front, silence(0.4))
        ended_s = await speak(front, noise(0.5))
        await speak(front, silence(0.3))
        await hears(front, call, np.concatenate((silence(2.0), noise(0.2))))  # and that is taken back
        await call.clear()
        heard_s = await hears(front, call, np.concatenate((silence(0.5), noise(0.4)))) + 0.5
        await speak(front, silence(1.2))
    latency = (await house.ended(call_id))["latency"]
    assert latency["e2e"]["values"] == [pytest.approx((heard_s - ended_s) * 1000, abs=TOLERANCE_S * 1000)]
