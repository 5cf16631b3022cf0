"""How long the user of a web call waits for an answer, with noise behind the voice, in each format of the audio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import numpy as np
import pytest

from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.speech.silero import SileroDetector
from ari_agent.store.store import Store
from tests.api.conftest import random_call_id
from tests.api.web_house import House, open_house
from tests.fakes.noise_after_voice import noise_of, voice
from tests.fakes.sound import Samples, noise, silence
from tests.fakes.web_client import WebFrontEnd

pytestmark = pytest.mark.slow

FORMATS: Final = [("mulaw", 8000), *(("s16le", rate_hz) for rate_hz in (8000, 16_000, 24_000, 44_100, 48_000))]
VOICE: Final = voice("slt_no_thank_you.wav")
NOISE_S: Final = 0.8
TOLERANCE_S: Final = 0.2  # of a machine that has more to do, and of the model; the noise is four times as long


@pytest.fixture
async def listening_house(store: Store) -> AsyncIterator[House]:
    ends = VoiceEnds(SileroDetector())
    async with open_house(store, random_call_id, voice_ends=ends) as opened:
        yield opened
    ends.close()


def at_rate(pcm: Samples, rate_hz: int) -> Samples:
    """Of 8 kHz, by straight lines."""
    at = np.arange(len(pcm) * rate_hz // 8000) * 8000 / rate_hz
    return np.interp(at, np.arange(len(pcm)), pcm).astype(np.int16)


async def speak(front: WebFrontEnd, pcm: Samples, rate_hz: int) -> float:
    """In pieces of 20 ms, in real time; when the last of them left."""
    began_s, sent = time.monotonic(), at_rate(pcm, rate_hz)
    for start in range(0, len(sent), rate_hz // 50):
        await asyncio.sleep(max(0.0, began_s + start / rate_hz - time.monotonic()))
        await front.connection.send(front.octets(sent[start : start + rate_hz // 50]))
    return time.monotonic()


async def test_it_is_measured_from_the_end_of_the_voice_in_each_format(listening_house: House) -> None:
    house = listening_house

    async def converse(encoding: str, rate_hz: int) -> None:
        agent = house.agents.agent(protocol="web", rate_hz=8000)
        registered = {"audio_websocket_protocol": "web", "audio_encoding": encoding, "sample_rate": rate_hz}
        call_id = await house.register(agent, registered)
        async with WebFrontEnd(house.url(call_id), encoding=encoding, rate_hz=rate_hz) as front:
            call = await agent.call()
            await speak(front, silence(0.2), rate_hz)
            ended_s = await speak(front, VOICE, rate_hz)
            await speak(front, np.concatenate((noise_of("typing", NOISE_S, level=-38.0), silence(0.4))), rate_hz)
            await call.say(noise(0.2))
            await front.until(lambda: front.audio)
            waited_s = time.monotonic() - ended_s
            await speak(front, silence(0.3), rate_hz)
        latency = (await house.ended(call_id))["latency"]
        assert latency["e2e"]["values"] == [pytest.approx(waited_s * 1000, abs=TOLERANCE_S * 1000)], (encoding, rate_hz)
        assert latency["e2e_detectors"] == {"voice_activity": 1}

    await asyncio.gather(*(converse(encoding, rate_hz) for encoding, rate_hz in FORMATS))
