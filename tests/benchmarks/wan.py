"""A minute of call with 40 +- 10 ms and 2 % loss, between caller and Asterisk and between Asterisk and controller.

    python -m tests.benchmarks.wan [--seconds 60] [--delay 40] [--jitter 10] [--loss 2] [--seed 1]

Needs root and /dev/net/tun. Prints one JSON object for each; exit status 1 when one has faults.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.fakes.lossy_link import Weather, missing
from tests.integration.wan import Outcome, Where, call_through


async def measure(weather: Weather, *, seconds: float) -> list[Outcome]:
    """One after the other, each on a stage of its own."""
    outcomes = []
    for where in Where:
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(await call_through(where, seconds=seconds, folder=Path(folder), weather=weather))
    return outcomes


def main() -> int:
    """Run both and print what was found."""
    if what := missing():
        print(f"a lossy link needs {what}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--delay", type=float, default=40.0, help="ms")
    parser.add_argument("--jitter", type=float, default=10.0, help="ms, either way")
    parser.add_argument("--loss", type=float, default=2.0, help="percent")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    weather = Weather(options.delay, options.jitter, options.loss, options.seed)
    outcomes = asyncio.run(measure(weather, seconds=options.seconds))
    for outcome in outcomes:
        print(json.dumps(asdict(outcome)))
    return 1 if any(outcome.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
