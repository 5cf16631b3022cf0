"""How well people are understood on the phone: human speech through a real Asterisk, and the transcripts of the calls.

    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-en
    python -m tests.benchmarks.spoken_calls [--utterances 100] [--callers 2] [--sounds /usr/share] [--show]

The utterances of `tests.benchmarks.recognition` (prompts of Asterisk, CC-BY-SA-3.0), ten in a call, one after the other
with a pause of 1.5 s. The callers speak mu-law to a text agent that greets and then says nothing; Moonshine listens.
What the users of a call's record have said, put together, is compared with the texts of its utterances, word by word
and without punctuation.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.recognition import prompts, word_errors, words_of
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer, LlmTalk
from tests.fakes.sound import read_wav
from tests.integration.stage import Stage, staged
from tests.integration.test_text_agent import connected, opening

Utterance = tuple[Path, str]
"""A recording, and what is said in it."""

HELLO: Final = "Hello."
A_CALL: Final = 10
PAUSE_S: Final = 1.5
LAST_PAUSE_S: Final = 4.0


async def nothing(talk: LlmTalk, message: Mapping[str, Any]) -> None:
    """Answer, and say nothing."""
    if message["interaction_type"] == "response_required":
        await talk.respond(message["response_id"], "")


async def call(stage: Stage, utterances: Sequence[Utterance], *, show: bool) -> tuple[int, int, int]:
    """One call; how many words were said, how many errors its record has, and how many turns of the user's."""
    async with LlmServer() as llms:
        async with connected(stage, llms.agent(nothing, opening=opening(HELLO))) as talk:
            await talk.spoken(HELLO)
            for path, _ in utterances:
                talk.caller.audio.say(read_wav(path)[0])
                await talk.caller.audio.said()
                await asyncio.sleep(PAUSE_S)
            await asyncio.sleep(LAST_PAUSE_S)
            turns = len(talk.told("response_required"))
        record = await stage.controller.ended_call(talk.call_id)
    said = words_of(" ".join(text for _, text in utterances))
    users = [one["content"] for one in record["transcript_object"] if one["role"] == "user"]
    wrong = word_errors(said, words_of(" ".join(users)))
    if show:
        print(f"{wrong} of {len(said)}", *(f"   {text}" for _, text in utterances), sep="\n")
        print("  heard:", *users, sep="\n   ", flush=True)
    return len(said), wrong, turns


async def measure(utterances: Sequence[Utterance], callers: int, *, show: bool) -> None:
    """So many callers at a time, until all was said."""
    left = [utterances[at : at + A_CALL] for at in range(0, len(utterances), A_CALL)]
    done: list[tuple[int, int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), SPEECH_TO_TEXT="moonshine", TEXT_TO_SPEECH="flite", FLITE=flite()) as stage:

            async def caller() -> None:
                while left:
                    done.append(await call(stage, left.pop(), show=show))

            await asyncio.gather(*(caller() for _ in range(callers)))
    words, wrong, turns = (sum(each) for each in zip(*done, strict=True))
    print(
        f"{len(utterances)} utterances in {len(done)} calls, {turns} turns, {words} words, {wrong / words:.1%} wrong",
        flush=True,
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--callers", type=int, default=2)
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share"), help="where the packages' share/ is")
    parser.add_argument("--show", action="store_true", help="print what was said and what was heard")
    arguments = parser.parse_args()
    chosen = list(prompts(arguments.sounds))
    random.Random(1).shuffle(chosen)
    asyncio.run(measure(chosen[: arguments.utterances], arguments.callers, show=arguments.show))


if __name__ == "__main__":
    main()
