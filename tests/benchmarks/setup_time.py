"""How long a caller waits for the answer: INVITE to 200 on the wire, through a real Asterisk, agent on loopback.

    python -m tests.benchmarks.setup_time [--calls 200]

The figure holds Asterisk's own share and the agent's handshake too. Prints one JSON object, times in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

from tests.integration.stage import Stage, staged


async def _one(stage: Stage, number: str) -> float:
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Caller", "abc"), ("X-Order", "42")])
        asked = next(entry for entry in caller.log if entry.sent)
        answered = next(entry for entry in caller.log if entry.message.status == 200)
        return (answered.time_s - asked.time_s) * 1000


async def measure(calls: int) -> dict[str, float]:
    """One call after the other, after ten that warm up."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            number = await stage.import_number(await stage.create_agent(stage.agents.agent()))
            for _ in range(10):
                await _one(stage, number)
            times_ms = [await _one(stage, number) for _ in range(calls)]
    cuts = statistics.quantiles(times_ms, n=100)
    return {"calls": calls, "p50_ms": cuts[49], "p90_ms": cuts[89], "p99_ms": cuts[98], "max_ms": max(times_ms)}


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.calls))
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
