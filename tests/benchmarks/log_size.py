"""How large the public log of a minute is: `python -m tests.benchmarks.log_size [--seconds 60]`.

Real calls on a private Asterisk: an audio agent that echoes, sends a mark every second and is interrupted every five;
and a text agent that answers whatever it is told, every four seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections import Counter
from pathlib import Path

from tests.fakes.agent_server import AgentCall
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import LlmServer
from tests.integration.stage import Stage, staged
from tests.integration.test_public_log import whole_log
from tests.integration.test_text_agent import answering, connected, opening, speech


async def main(seconds: int) -> None:
    """Make one call of each kind, and print what its log comes to."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()) as stage:
            await show(stage, "audio agent", await audio_call(stage, seconds), seconds)
            await show(stage, "text agent", await text_call(stage, seconds), seconds)


async def audio_call(stage: Stage, seconds: int) -> str:
    """Make a call to an agent that has something to say every second; returns its id."""

    async def busy(call: AgentCall) -> None:
        for number in itertools.count():
            await call.mark(f"sentence-{number}")
            if number % 5 == 4:
                await call.clear()
            await asyncio.sleep(1)

    async with stage.connected(busy) as call:
        await asyncio.sleep(seconds)
    return call.call_id


async def text_call(stage: Stage, seconds: int) -> str:
    """Make a call to an agent that answers every four seconds; returns its id."""
    answers = [{"content": f"This is answer number {number}. What else?"} for number in range(1000)]
    async with LlmServer() as llms, connected(stage, llms.agent(answering(*answers), opening=opening())) as talk:
        for _ in range(seconds // 4):
            talk.caller.audio.say(speech("rms_yes"))
            await asyncio.sleep(4)
    return talk.call_id


async def show(stage: Stage, what: str, call_id: str, seconds: int) -> None:
    """Print how many bytes and lines a minute of the call took, by event."""
    record = await stage.controller.ended_call(call_id)
    lines = await whole_log(record["public_log_url"])
    (file,) = stage.controller.folder.rglob(f"{call_id}/public.log.jsonl")
    size = Counter[str]()
    for line, octets in zip(lines, file.read_bytes().splitlines(keepends=True), strict=True):
        size[line["event"]] += len(octets)
    print(f"{what}: {sum(size.values()) * 60 // seconds} bytes and {len(lines) * 60 // seconds} lines a minute")
    for event, count in size.most_common(5):
        print(f"    {event}: {count} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    asyncio.run(main(parser.parse_args().seconds))
