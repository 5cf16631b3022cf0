"""Short web calls through `ari-agent serve`, without Asterisk, and the memory of its process between them.

    python -m tests.benchmarks.memory [--calls 2000] [--cache-kib 500] [--census]

Prints a line after every tenth of the calls, then what the second half added for a call. --cache-kib: of each of the
three caches of SQLite, instead of what the product gives them. --census: at the end the process tells which lines of
code hold what the second half added (tracemalloc: it takes twice as long).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Final

from ari_agent.__main__ import main as ari_agent
from ari_agent.store import database
from tests.fakes.agent_server import AgentCall
from tests.fakes.controller import Controller
from tests.fakes.controller_alone import controller_alone
from tests.fakes.sound import tone
from tests.fakes.web_client import WebFrontEnd

LOOKS: Final = 10
AT_ONCE: Final = 8
AUDIO: Final = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 24000}
CENSUS: Final = "= census ="
END: Final = "= end ="


async def greet(call: AgentCall) -> None:
    """The script of an agent that speaks at once."""
    await call.say(tone(300, seconds=0.1, rate_hz=16000))


async def one_call(controller: Controller, agent_id: str) -> None:
    """The user says a fifth of a second, hears the agent, and leaves."""
    made = await controller.post("/register-call", {"agent_id": agent_id, **AUDIO}, expect=201)
    call_id = made.json["call_id"]
    async with WebFrontEnd(f"{controller.url.replace('http', 'ws')}/audio-websocket/{call_id}") as front:
        await front.say(tone(440, seconds=0.2))
        await front.until(lambda: front.audio)
    await controller.ended_call(call_id, timeout_s=60)


async def measure(folder: Path, *, calls: int, program: tuple[str, ...], census: bool) -> None:
    """Make the calls, and print the memory after each tenth of them."""
    environment = {"PYTHONPATH": str(Path.cwd())}
    async with controller_alone(folder, greet, program=program, process_environment=environment) as (
        controller,
        agent_id,
    ):
        seen = [rss_bytes(controller.pid)]
        turns = asyncio.Semaphore(AT_ONCE)

        async def call() -> None:
            async with turns:
                await one_call(controller, agent_id)

        for number in range(1, LOOKS + 1):
            async with asyncio.TaskGroup() as group:
                for _ in range(calls // LOOKS):
                    group.create_task(call())
            seen.append(rss_bytes(controller.pid))
            print(f"{number * calls // LOOKS:6} calls  {seen[-1] / 1e6:6.1f} MB", flush=True)
            if census and number in (LOOKS // 2, LOOKS):
                os.kill(controller.pid, signal.SIGUSR1)
        print(f"second half: {(seen[-1] - seen[LOOKS // 2]) / (calls / 2) / 1e3:+.2f} kB a call")
        if census:
            await controller.logged(END, timeout_s=60)
            print(controller.log_text().partition(CENSUS)[2].partition(END)[0])


def rss_bytes(pid: int) -> int:
    """What the process holds of the machine's memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def use_caches(cache_kib: int) -> None:
    """Give each of SQLite's connections such a cache instead of what the product gives it; 0 changes nothing."""
    if cache_kib:
        kept = [pragma for pragma in database._PRAGMAS if "cache_size" not in pragma]
        vars(database)["_PRAGMAS"] = (*kept, f"PRAGMA cache_size=-{cache_kib}")


def serve(cache_kib: int, census: bool) -> int:
    """`ari-agent serve` with other caches; with a census, what was allocated between two SIGUSR1 is told."""
    use_caches(cache_kib)
    snapshots: list[tracemalloc.Snapshot] = []

    def look(*_: object) -> None:
        gc.collect()
        snapshots.append(tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)]))
        if len(snapshots) == 2:
            print(CENSUS)
            for found in snapshots[1].compare_to(snapshots[0], "traceback")[:10]:
                print(f"{found.size_diff / 1e3:+.1f} kB in {found.count_diff:+}", *found.traceback.format(), sep="\n")
            print(END, flush=True)

    if census:
        tracemalloc.start(6)
        signal.signal(signal.SIGUSR1, look)
    return ari_agent(["serve"])


def main() -> int:
    """Make the calls, or serve them in the process that is measured, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--cache-kib", type=int, default=0)
    parser.add_argument("--census", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.cache_kib, options.census)
    program = ("-m", "tests.benchmarks.memory", "--serve", *sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), calls=options.calls, program=program, census=options.census))
    return 0


if __name__ == "__main__":
    sys.exit(main())
