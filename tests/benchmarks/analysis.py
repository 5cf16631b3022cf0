"""How long after an agent has hung up `call_ended` and `call_analyzed` are there, with a model that answers at once.

    python -m tests.benchmarks.analysis [--calls 40] [--model-s 0.0]

Web calls through `ari-agent serve`, one after the other, without Asterisk. --model-s: how long the model takes.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.analysis.test_killed import SAID, a_web_call, stage
from tests.fakes.agent_server import AgentCall
from tests.fakes.model_server import TRUTH, Says, model_server

EVENTS: Final = ("call_ended", "call_analyzed")


async def measure(folder: Path, *, calls: int, model_s: float) -> None:
    """Make the calls, and print the times."""
    hung_up_s: list[float] = []

    async def say_and_hang_up(call: AgentCall) -> None:
        await call.send({"event_type": "update", "transcript": SAID})
        hung_up_s.append(time.monotonic())
        await call.hang_up()

    took_s: dict[str, list[float]] = {event: [] for event in EVENTS}
    async with model_server() as models, stage(folder, models) as (controller, hook, agents):
        models.always = Says(TRUTH, delay_s=model_s)
        await controller.start(ready=False)
        engine = agents.agent(say_and_hang_up, protocol="web").engine
        made = await controller.post("/create-agent", {"response_engine": engine}, expect=201)
        for _ in range(calls):
            call_id = await a_web_call(controller, made.json["agent_id"])
            for event in EVENTS:
                delivery = await hook.event(event, call_id=call_id, timeout_s=60)
                took_s[event].append(delivery.time_s - hung_up_s[-1])
    for event, times_s in took_s.items():
        found = [1000 * each for each in sorted(times_s)]
        median, high = statistics.median(found), found[int(0.95 * (len(found) - 1))]
        print(f"{event:13} median {median:6.1f} ms, p95 {high:6.1f} ms after the hang-up")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--model-s", type=float, default=0.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), calls=wanted.calls, model_s=wanted.model_s))


if __name__ == "__main__":
    main()
