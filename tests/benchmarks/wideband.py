"""How well a wideband caller and a wideband agent hear each other: PESQ-WB (ITU-T P.862.2), by G.722 and by G.711.

    python -m tests.benchmarks.wideband

A real softphone speaks some sentences (CMU Flite, 16 kHz) to an agent that echoes, through a real Asterisk. Needs
`pip install pesq`. Prints one JSON object: a score for each way and codec, 4.64 being the best.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pesq import pesq

from ari_agent.media.resampler import Resampler
from tests.fakes.agent_server import echo
from tests.fakes.baresip import G711, G722, Codec, calling
from tests.fakes.flite import speech
from tests.fakes.sound import find, silence
from tests.integration.stage import Stage, staged

HZ = 16_000
TEXT = (
    "She sells six fresh fish at the sea side. This is the office of Smith and Sons. "
    "Please say or press the extension of the person whom you wish to speak to."
)


def at_rate(pcm: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    if from_hz == to_hz:
        return pcm
    return np.frombuffer(Resampler(from_hz, to_hz).process(pcm.tobytes()), "<i2").astype(np.int16)


def score(said: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """Of the part of what was heard that corresponds to what was said."""
    start = find(said, heard).offset
    return round(float(pesq(HZ, said, heard[start : start + len(said)], "wb")), 2)


async def measure(stage: Stage, said: NDArray[np.int16], codec: Codec) -> dict[str, float]:
    agent = stage.agents.agent(echo, protocol="web", encoding="s16le", rate_hz=HZ)
    number = await stage.import_number(await stage.create_agent(agent))
    words = np.concatenate([silence(1.0, rate_hz=HZ), said, silence(10.0, rate_hz=HZ)])
    seconds = len(said) / HZ
    async with calling(stage.pbx, number, at_rate(words, HZ, codec.rate_hz), codec=codec) as phone:
        call = await agent.call()
        await phone.until(b"established")
        await asyncio.sleep(seconds + 3.0)
        await phone.hang_up()
        await call.gone()
        heard = at_rate(phone.heard(), codec.rate_hz, HZ)
    return {"agent": score(said, call.sound()), "caller": score(said, heard)}


async def both(said: NDArray[np.int16]) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            return {codec.name: await measure(stage, said, codec) for codec in (G722, G711)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(both(speech(TEXT)))))
