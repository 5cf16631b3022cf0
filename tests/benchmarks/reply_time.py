"""How long callers of a text agent wait for its answer: Moonshine listens, flite speaks, through a real Asterisk.

    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-en
    python -m tests.benchmarks.reply_time [--callers 1 8] [--turns 15] [--sounds /usr/share] [--steps] [--together]

So many callers at once speak prompts of Asterisk (human speech) to an agent that answers in the moment in which it is
asked. Prints a JSON object for each number of callers, times in ms: `reply`, from the last frame of the caller's voice
to the first sound of the answer, both as the caller's own RTP has them; and of the calls' records what it consists of:
`asr`, from the end of the voice to its text, the pause that ends a turn included, `llm`, `tts`, and `queue`.
`unanswered` are turns without an answer within 10 s, or in which the agent spoke for half a minute. `late` and
`frames`: of the callers' audio, by `media_quality` of the records.

The callers' turns are spread out by chance, as those of people are; `near` says how near: the times from each end of
a voice to the nearest one of another caller. With --together all begin at once in each round, with sentences whose
ends are at most 200 ms apart. --steps prints where the time of the replies goes, from step to step.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.recognition import prompts
from tests.benchmarks.reply_steps import STEPS, read, steps_of
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer
from tests.fakes.sound import Samples, level_dbfs, read_wav
from tests.integration.stage import Stage, staged
from tests.integration.test_text_agent import Talk, connected, opening

VOICE_BELOW_PEAK_DB: Final = 30
TOGETHER_S: Final = 0.2
PARTS: Final = ("asr", "llm", "tts", "queue")


def voice_of(path: Path) -> Samples:
    """A prompt up to the end of its last 20 ms that are no more than 30 dB below the loudest."""
    sound = read_wav(path)[0]
    levels = [level_dbfs(sound[at : at + 160]) for at in range(0, len(sound) - 159, 160)]
    loud = [number for number, level in enumerate(levels) if level >= max(levels) - VOICE_BELOW_PEAK_DB]
    return sound[: (loud[-1] + 1) * 160]


class Rounds:
    """When callers begin to speak. together: all in one round end at most TOGETHER_S apart."""

    def __init__(self, callers: int, chance: random.Random, *, together: bool) -> None:
        self._chance = chance
        self._all = asyncio.Barrier(callers) if together else None
        self._longest_s = 0.0

    async def wait(self, voice_s: float) -> None:
        """Return when a voice of this length is to begin."""
        if self._all is None:
            await asyncio.sleep(self._chance.uniform(0, 1))
            return
        self._longest_s = max(self._longest_s, voice_s)
        await self._all.wait()
        await asyncio.sleep(self._longest_s - voice_s + self._chance.uniform(0, TOGETHER_S))


class Turns:
    """The turns of one caller. replies: of each the call, and the times of its end of voice, question and answer.

    asked: the numbers of the answers that the agent was asked for, and when. unanswered: how many had none in time.
    """

    def __init__(self, talk: Talk, voices: Sequence[Samples], rounds: Rounds) -> None:
        self._audio, self._voices, self._rounds = talk.caller.audio, voices, rounds
        self._call_id = talk.call_id
        self.asked: list[tuple[float, int]] = []
        self.replies: list[dict[str, Any]] = []
        self.unanswered = 0

    async def run(self) -> None:
        """Speak, wait for the answer and for its end, and speak again."""
        for voice in self._voices:
            try:
                self.replies.append(await self._turn(voice))
            except TimeoutError:
                self.unanswered += 1

    async def _turn(self, voice: Samples) -> dict[str, Any]:
        try:
            await self._audio.hears_silence(packets=40, timeout_s=30)
        finally:
            await self._rounds.wait(len(voice) / 8000)
        self._audio.say(voice)
        await self._audio.said()
        ended_s = self._audio.said_s[-1] + len(voice) / 8000
        first = await self._audio.hears(packets=3, since_s=ended_s - 0.2)
        asked_s, number = max((one for one in self.asked if one[0] < first.time_s), default=(ended_s, 0))
        return {
            "call_id": self._call_id,
            "said": answer_to(number, self._call_id),
            "voice ended": ended_s,
            "asked": asked_s,
            "heard": first.time_s,
        }


def answer_to(number: int, call_id: str) -> str:
    """No two answers are alike, so that a sentence is spoken anew each time."""
    return f"This is answer {number} to {call_id[-4:]}."


async def at_once(
    stage: Stage,
    callers: int,
    turns: int,
    voices: Sequence[Samples],
    *,
    together: bool = False,
    steps: Path | None = None,
) -> Mapping[str, Any]:
    """So many calls, each with so many turns. steps: a file with the controller's steps."""
    chance = random.Random(callers)
    by_call: dict[str, Turns] = {}
    async with LlmServer() as llms, AsyncExitStack() as calls:

        async def answer(talk: Any, message: Mapping[str, Any]) -> None:
            if message["interaction_type"] == "response_required":
                number, call_id = message["response_id"], talk.path.rsplit("/", 1)[1]
                by_call[call_id].asked.append((time.monotonic(), number))
                await talk.respond(number, f"{answer_to(number, call_id)} What else?")

        talks = [
            await calls.enter_async_context(connected(stage, llms.agent(answer, opening=opening("Hello."))))
            for _ in range(callers)
        ]
        rounds = Rounds(callers, chance, together=together)
        each = [Turns(talk, chance.choices(voices, k=turns), rounds) for talk in talks]
        by_call.update((talk.call_id, one) for talk, one in zip(talks, each, strict=True))
        await asyncio.gather(*(one.run() for one in each))
    records = [await stage.controller.ended_call(talk.call_id) for talk in talks]
    qualities = [record["media_quality"]["caller_to_agent"] for record in records]
    replies = [reply for one in each for reply in one.replies]
    if steps:
        tell_steps(steps, replies)
    return {
        "callers": callers,
        "reply": figures([(reply["heard"] - reply["voice ended"]) * 1000 for reply in replies]),
        **({"near": figures(nearest_ms(replies))} if callers > 1 else {}),
        **{
            part: figures([ms for one in records for ms in one["latency"].get(part, {"values": ()})["values"]])
            for part in PARTS
        },
        "unanswered": sum(one.unanswered for one in each),
        "late": sum(quality["late"] for quality in qualities),
        "frames": sum(quality["packets"] for quality in qualities),
    }


def nearest_ms(replies: Sequence[Mapping[str, Any]]) -> Sequence[float]:
    """How far from each end of a voice the nearest one of another caller is."""
    return [
        1000
        * min(abs(one["voice ended"] - other["voice ended"]) for other in replies if other["call_id"] != one["call_id"])
        for one in replies
    ]


def tell_steps(path: Path, replies: Sequence[Mapping[str, Any]]) -> None:
    """Print how long each step took, and the steps of the slowest replies."""
    noted = read(path)
    timed = [steps for reply in replies if (steps := steps_of(noted, reply))]
    waits = [[1000 * (steps[after] - steps[before]) for before, after in pairwise(STEPS)] for steps in timed]
    for number, step in enumerate(STEPS[1:]):
        print(f"{step:>14}", json.dumps(figures([each[number] for each in waits])))
    print("slowest:", ", ".join(STEPS[1:]))
    for each in sorted(waits, key=sum)[-6:]:
        print(" ", *(f"{ms:.0f}" for ms in each), "=", f"{sum(each):.0f}")
    ahead = [one for one in noted if one["step"] == "decoding" and one["ahead"]]
    print(f"{len(ahead)} decoded ahead, {sum(one['heard'] is None for one in ahead)} of them given up", flush=True)


def figures(times_ms: Sequence[float]) -> Mapping[str, float]:
    """The median, the 95th percentile, the longest, and how many."""
    p50, p95 = np.percentile(times_ms, [50, 95])
    return {"p50": round(p50), "p95": round(p95), "max": round(max(times_ms)), "num": len(times_ms)}


async def measure(arguments: argparse.Namespace, voices: Sequence[Samples]) -> None:
    """One number of callers after the other, after a call that warms up; the first turns of a call count, too."""
    with tempfile.TemporaryDirectory() as folder:
        steps = Path(folder, "steps") if arguments.steps else None
        program = ("-m", "tests.benchmarks.reply_steps", str(steps), "serve") if steps else ("-m", "ari_agent", "serve")
        environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
        settings: dict[str, Any] = {"SPEECH_TO_TEXT": "moonshine", "TEXT_TO_SPEECH": "flite", "FLITE": flite()}
        async with staged(Path(folder), process_environment=environment, program=program, **settings) as stage:
            await at_once(stage, 1, 2, voices)
            for number in arguments.callers:
                found = await at_once(stage, number, arguments.turns, voices, together=arguments.together, steps=steps)
                print(json.dumps(found), flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share"), help="where the packages' share/ is")
    parser.add_argument("--together", action="store_true", help="all callers end at the same time")
    parser.add_argument("--steps", action="store_true", help="where the time goes")
    arguments = parser.parse_args()
    chosen = [(path, text) for path, text in prompts(arguments.sounds) if text.endswith(".") and "..." not in text]
    random.Random(1).shuffle(chosen)
    voices = [voice_of(path) for path, _ in chosen[:40]]
    asyncio.run(measure(arguments, voices))


if __name__ == "__main__":
    main()
