"""Wideband callers: what is above 4 kHz passes both ways, where their agent is wideband too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.agent_server import echo
from tests.fakes.baresip import G711, G722, OPUS, Codec, calling
from tests.fakes.sound import silence, strongest_tone, tone
from tests.integration.stage import Stage

ABOVE_NARROWBAND_HZ, IN_NARROWBAND_HZ = 6000, 1000


async def tones_heard(stage: Stage, codec: Codec, encoding: str, agent_hz: int, said_hz: float) -> tuple[float, float]:
    """What the agent heard of a tone that a softphone plays to it, and the softphone of its echo: frequencies in Hz."""
    agent = stage.agents.agent(echo, protocol="web", encoding=encoding, rate_hz=agent_hz)
    number = await stage.import_number(await stage.create_agent(agent))
    pause, end = (silence(seconds, rate_hz=codec.rate_hz) for seconds in (1.0, 10.0))
    words = np.concatenate([pause, tone(said_hz, 2.0, rate_hz=codec.rate_hz), end])
    async with calling(stage.pbx, number, words, codec=codec) as phone:
        call = await phone.talk_with(agent)
        heard = phone.heard()
    return (
        strongest_tone(call.sound(), rate_hz=agent_hz).frequency_hz,
        strongest_tone(heard, rate_hz=codec.rate_hz).frequency_hz,
    )


@pytest.mark.parametrize("agent_hz", [16_000, 24_000])
@pytest.mark.parametrize("codec", [G722, OPUS], ids=["g722", "opus"])
async def test_a_tone_above_4_khz_reaches_the_agent_and_comes_back(stage: Stage, codec: Codec, agent_hz: int) -> None:
    heard = await tones_heard(stage, codec, "s16le", agent_hz, ABOVE_NARROWBAND_HZ)
    assert heard == pytest.approx((ABOVE_NARROWBAND_HZ, ABOVE_NARROWBAND_HZ), abs=20)


@pytest.mark.parametrize(
    ("codec", "encoding", "agent_hz"),
    [(G722, "mulaw", 8000), (OPUS, "s16le", 8000), (G711, "s16le", 16_000)],
    ids=["agent in mu-law", "agent at 8 kHz", "caller in mu-law"],
)
async def test_where_one_side_is_narrowband_both_hear_each_other_all_the_same(
    stage: Stage, codec: Codec, encoding: str, agent_hz: int
) -> None:
    heard = await tones_heard(stage, codec, encoding, agent_hz, IN_NARROWBAND_HZ)
    assert heard == pytest.approx((IN_NARROWBAND_HZ, IN_NARROWBAND_HZ), abs=20)
