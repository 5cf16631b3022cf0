"""Every format of a front end meets every format of an agent, over real websockets: a tone arrives as it was said."""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np
import pytest

from tests.api.web_house import House
from tests.fakes.agent_server import AgentCall
from tests.fakes.sound import Samples, strongest_tone, tone
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd

pytestmark = pytest.mark.slow

Format = tuple[str, int]

FORMATS: Final[list[Format]] = [
    ("mulaw", 8000),
    *(("s16le", rate_hz) for rate_hz in (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
]
PROTOCOLS: Final = ["web", "twilio"]
TONE_S: Final = 0.4
UP_HZ, DOWN_HZ = 440, 880


def check(heard: Samples, rate_hz: int, frequency_hz: float, *, what: str) -> None:
    """The tone is there, with the pitch and the level that it had."""
    found = strongest_tone(heard[rate_hz // 20 :], rate_hz=rate_hz)
    assert found.frequency_hz == pytest.approx(frequency_hz, abs=2), what
    assert found.level_dbfs == pytest.approx(-10, abs=0.6), what  # the ripple of the resampler
    assert found.share > 0.99, what


async def converse(house: House, protocol: str, audio: Format, agent_protocol: str, agent_audio: Format) -> None:
    """One call: the user says a tone, the agent another one."""
    what = f"{protocol} {audio} to {agent_protocol} {agent_audio}"
    (encoding, rate_hz), (agent_encoding, agent_hz) = audio, agent_audio
    spoken = asyncio.get_running_loop().create_future()

    async def hear_and_answer(call: AgentCall) -> None:
        wanted = int(TONE_S * agent_hz * 0.95)
        while len(call.sound()) < wanted:
            await call.heard_pieces(len(call.heard) + 1)
        await call.say(tone(DOWN_HZ, TONE_S, rate_hz=agent_hz), chunk_ms=100)
        spoken.set_result(call.sound())

    agent = house.agents.agent(hear_and_answer, protocol=agent_protocol, encoding=agent_encoding, rate_hz=agent_hz)
    registered = {"audio_websocket_protocol": protocol, "audio_encoding": encoding, "sample_rate": rate_hz}
    url = house.url(await house.register(agent, registered))
    said, enough = tone(UP_HZ, TONE_S, rate_hz=rate_hz), int(TONE_S * rate_hz * 0.95)
    front: WebFrontEnd | TwilioFrontEnd
    if protocol == "web":
        async with WebFrontEnd(url, encoding=encoding, rate_hz=rate_hz) as front:
            await agent.call()
            await front.say(said)
            await front.until(lambda: len(front.sound()) >= enough)
    else:
        async with TwilioFrontEnd(url, encoding=encoding, rate_hz=rate_hz) as front:
            await front.begin()
            await agent.call()
            await front.say(said)
            await front.until(lambda: len(front.sound()) >= enough)
    check(await spoken, agent_hz, UP_HZ, what=f"{what}, agent")
    check(np.asarray(front.sound()), rate_hz, DOWN_HZ, what=f"{what}, user")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("audio", FORMATS, ids=lambda audio: f"{audio[0]} {audio[1]}")
async def test_a_tone_arrives_as_it_was_said_at_both_ends(house: House, protocol: str, audio: Format) -> None:
    for agent_protocol in PROTOCOLS:
        async with asyncio.TaskGroup() as calls:
            for agent_audio in FORMATS:
                calls.create_task(converse(house, protocol, audio, agent_protocol, agent_audio))
