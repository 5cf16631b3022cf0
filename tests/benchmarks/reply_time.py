"""How long callers of a text agent wait for its answer: Moonshine listens, flite speaks, through a real Asterisk.

    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-en
    python -m tests.benchmarks.reply_time [--callers 1 8] [--turns 15] [--sounds /usr/share]

So many callers at once speak prompts of Asterisk (human speech) to an agent that answers in the moment in which it is
asked. Prints a JSON object for each number of callers, times in ms: `reply`, from the last frame of the caller's voice
to the first sound of the answer, both as the caller's own RTP has them; and of the calls' records what it consists of:
`asr`, from the end of the voice to its text, the pause that ends a turn included, `llm`, `tts`, and `queue`.
`unanswered` are turns without an answer within 10 s, or in which the agent spoke for half a minute. `late` and
`frames`: of the callers' audio, by `media_quality` of the records.

The callers' turns are spread out by chance, as those of people are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.recognition import prompts
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer
from tests.fakes.sound import Samples, level_dbfs, read_wav
from tests.integration.stage import Stage, staged
from tests.integration.test_text_agent import Talk, connected, opening

VOICE_BELOW_PEAK_DB: Final = 30
PARTS: Final = ("asr", "llm", "tts", "queue")


def voice_of(path: Path) -> Samples:
    """A prompt up to the end of its last 20 ms that are no more than 30 dB below the loudest."""
    sound = read_wav(path)[0]
    levels = [level_dbfs(sound[at : at + 160]) for at in range(0, len(sound) - 159, 160)]
    loud = [number for number, level in enumerate(levels) if level >= max(levels) - VOICE_BELOW_PEAK_DB]
    return sound[: (loud[-1] + 1) * 160]


class Turns:
    """The turns of one caller. reply_ms: how long each answer took. unanswered: how many had none in time."""

    def __init__(self, talk: Talk, voices: Sequence[Samples], chance: random.Random) -> None:
        self._audio, self._voices, self._chance = talk.caller.audio, voices, chance
        self.reply_ms: list[float] = []
        self.unanswered = 0

    async def run(self) -> None:
        """Speak, wait for the answer and for its end, and speak again."""
        for voice in self._voices:
            try:
                self.reply_ms.append(await self._turn(voice) * 1000)
            except TimeoutError:
                self.unanswered += 1

    async def _turn(self, voice: Samples) -> float:
        await self._audio.hears_silence(packets=40, timeout_s=30)
        await asyncio.sleep(self._chance.uniform(0, 1))
        self._audio.say(voice)
        await self._audio.said()
        ended_s = self._audio.said_s[-1] + len(voice) / 8000
        first = await self._audio.hears(packets=3, since_s=ended_s - 0.2)
        return first.time_s - ended_s


async def at_once(stage: Stage, callers: int, turns: int, voices: Sequence[Samples]) -> Mapping[str, Any]:
    """So many calls, each with so many turns."""
    chance = random.Random(callers)
    async with LlmServer() as llms, AsyncExitStack() as calls:

        async def answer(talk: Any, message: Mapping[str, Any]) -> None:
            if message["interaction_type"] == "response_required":
                number = message["response_id"]  # no two answers alike: a sentence is spoken anew each time
                await talk.respond(number, f"This is answer {number} to {talk.path[-4:]}. What else?")

        talks = [
            await calls.enter_async_context(connected(stage, llms.agent(answer, opening=opening("Hello."))))
            for _ in range(callers)
        ]
        each = [Turns(talk, chance.choices(voices, k=turns), chance) for talk in talks]
        await asyncio.gather(*(one.run() for one in each))
    records = [await stage.controller.ended_call(talk.call_id) for talk in talks]
    qualities = [record["media_quality"]["caller_to_agent"] for record in records]
    return {
        "callers": callers,
        "reply": figures([ms for one in each for ms in one.reply_ms]),
        **{part: figures([ms for one in records for ms in one["latency"][part]["values"]]) for part in PARTS},
        "unanswered": sum(one.unanswered for one in each),
        "late": sum(quality["late"] for quality in qualities),
        "frames": sum(quality["packets"] for quality in qualities),
    }


def figures(times_ms: Sequence[float]) -> Mapping[str, float]:
    """The median, the 95th percentile, the longest, and how many."""
    p50, p95 = np.percentile(times_ms, [50, 95])
    return {"p50": round(p50), "p95": round(p95), "max": round(max(times_ms)), "num": len(times_ms)}


async def measure(callers: Sequence[int], turns: int, voices: Sequence[Samples]) -> None:
    """One number of callers after the other, after a call that warms up; the first turns of a call count, too."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), SPEECH_TO_TEXT="moonshine", TEXT_TO_SPEECH="flite", FLITE=flite()) as stage:
            await at_once(stage, 1, 2, voices)
            for number in callers:
                print(json.dumps(await at_once(stage, number, turns, voices)), flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share"), help="where the packages' share/ is")
    arguments = parser.parse_args()
    chosen = [(path, text) for path, text in prompts(arguments.sounds) if text.endswith(".") and "..." not in text]
    random.Random(1).shuffle(chosen)
    voices = [voice_of(path) for path, _ in chosen[:40]]
    asyncio.run(measure(arguments.callers, arguments.turns, voices))


if __name__ == "__main__":
    main()
