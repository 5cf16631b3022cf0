"""What it costs when many browsers watch the calls in progress: CPU of the console, and whether audio comes late.

    python -m tests.benchmarks.console_watchers [--calls 200] [--watchers 20] [--seconds 30]

The console runs beside the product's wheel, which gives each call a tick every 20 ms as if it had audio to send. Each
call says something every three seconds, and once a second one ends and another begins. The browsers are another
process. Prints the CPU of the console's process with and without them, what a browser is sent, and the wheel's late
ticks.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.media.call_tap import Levels
from ari_agent.calls.state import CallState
from ari_agent.console import console
from ari_agent.console.dependencies import ConsoleDependencies, HealthSources
from ari_agent.console.now.now import NOW_FEEDS
from ari_agent.contract.call import Call
from ari_agent.contract.node import NodeInfo
from ari_agent.contract.transcript import Utterance
from ari_agent.media.wheel import Wheel, freeze_garbage_collector
from ari_agent.store.store import Store
from tests.console.conftest import LiveCalls, a_call

KEY = "key_of_the_benchmark"
SAYS_EACH_S = 3.0


@dataclass(frozen=True, slots=True)
class OneCall:
    """A call in progress."""

    call_id: str
    state: CallState = CallState.TALKING


class ManyCalls(LiveCalls):
    """Calls in progress, found by their id as the switchboard does."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.began = 0
        self.records: dict[str, Call] = {}
        for _ in range(count):
            self.begin()

    def begin(self) -> None:
        """One more call."""
        self.began += 1
        call_id = f"call_{self.began:032x}"
        facts: dict[str, Any] = {"call_status": "ongoing", "disconnection_reason": None, "agent_name": "Bakery"}
        self.records[call_id] = a_call(call_id, from_number=f"+1202555{self.began % 10_000:04}", **facts)

    def end(self) -> None:
        """The oldest call is over."""
        del self.records[next(iter(self.records))]

    def say(self, call_id: str, words: str) -> None:
        """Somebody says something in a call."""
        call = self.records[call_id]
        utterance = Utterance.model_validate({"role": "user", "content": words, "words": []})
        said = (*(call.transcript_object or ()), utterance)[-50:]
        self.records[call_id] = call.model_copy(update={"transcript_object": said})

    @property
    def monitoring(self) -> Any:
        """Tells levels that are others at each look, as those of people who speak are."""
        return self

    def levels(self, call_id: str) -> Levels:
        """Those of one call."""
        del call_id
        return Levels(random.uniform(-50, -10), random.uniform(-50, -10))

    def live(self) -> Sequence[Any]:
        """All calls."""
        return [OneCall(call_id) for call_id in self.records]

    def record(self, call_id: str) -> Call | None:
        """One of them."""
        return self.records.get(call_id)

    async def go_on(self) -> None:
        """Have calls begin, speak and end."""
        number = 0
        pause_s = SAYS_EACH_S / len(self.records)
        while True:
            number += 1
            await asyncio.sleep(pause_s)
            call_ids = list(self.records)
            self.say(call_ids[number * 7 % len(call_ids)], f"This is what is said as number {number} of all.")
            if number % round(1 / pause_s) == 0:
                self.end()
                self.begin()


def watch(url: str, watchers: int, received: Synchronized[int]) -> None:
    """Be so many browsers, beside the core of what is measured; count the bytes that they are sent."""
    os.sched_setaffinity(0, {0})
    os.nice(19)  # what makes calls and answers them on that core comes first
    asyncio.run(_watch(url, watchers, received))


async def _watch(url: str, watchers: int, received: Synchronized[int]) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(url, cookie_jar=jar, timeout=timeout) as session:
        await session.post("/console/login", data={"key": KEY})

        async def one() -> None:
            async with session.get("/console/now/events") as events:
                async for piece in events.content.iter_any():
                    received.value += len(piece)

        await asyncio.gather(*(one() for _ in range(watchers)))


@asynccontextmanager
async def watched(live: ManyCalls, watchers: int) -> AsyncIterator[Callable[[], Awaitable[Synchronized[int]]]]:
    """A console that shows these calls while they go on; what is yielded has so many browsers watch it.

    They are gone with the context. What they are sent is counted.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = Store(f"sqlite+aiosqlite:///{folder}/calls.db")
        await store.open()
        stack.push_async_callback(store.close)
        calls = len(live.records)
        node = NodeInfo(name="benchmark", app="ari_agent", version="0", state="serving", started_at=0, calls=calls)
        health = HealthSources(nodes=lambda: [node])
        pages = console.build_console(
            ConsoleDependencies(store=store, calls=live, api_key=KEY, slots=Slots(calls + 1), health=health)
        )
        root = web.Application()
        root.add_subapp(console.PREFIX, pages)
        runner = web.AppRunner(root)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        going_on = asyncio.create_task(live.go_on())
        stack.callback(going_on.cancel)

        async def come() -> Synchronized[int]:
            spawn = multiprocessing.get_context("spawn")
            received = spawn.Value("q")
            browsers = spawn.Process(target=watch, args=(url, watchers, received), daemon=True)
            browsers.start()
            stack.callback(browsers.join)
            stack.callback(browsers.terminate)
            while pages[NOW_FEEDS].calls.watchers < watchers:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return received

        yield come


async def measure(calls: int, watchers: int, seconds: float) -> str:
    """Run it, and say what it cost."""
    live, wheel = ManyCalls(calls), Wheel()
    async with watched(live, watchers) as come:
        for _ in range(calls):
            wheel.add(lambda _: None, lambda _: None, lambda _: None)
        freeze_garbage_collector()
        await asyncio.sleep(1)
        alone, late_alone = await _cpu(seconds, wheel)
        received = await come()
        await asyncio.sleep(2)
        before = received.value
        with_them, late_watched = await _cpu(seconds, wheel)
        sent = (received.value - before) / watchers / seconds
    return (
        f"{calls} calls, {watchers} browsers, {seconds:g} s each\n"
        f"CPU without browsers {100 * alone:.1f} % of a core, with them {100 * with_them:.1f} %: "
        f"the console takes {100 * (with_them - alone):.1f} %\n"
        f"late ticks of the wheel without browsers: {late_alone}; with them: {late_watched}\n"
        f"each browser is sent {sent / 1000:.1f} kB/s"
    )


async def _cpu(seconds: float, wheel: Wheel) -> tuple[float, str]:
    """Return how much of a core this process uses, and how late ticks of the wheel come meanwhile."""
    wheel.worst_stall_s = 0.0
    late, cpu_s, began_s = wheel.late_ticks, time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    used = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
    return used, f"{wheel.late_ticks - late}, the worst stall {1000 * wheel.worst_stall_s:.0f} ms"


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--watchers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(measure(options.calls, options.watchers, options.seconds)))


if __name__ == "__main__":
    main()
