"""Fifty SIPp calls through a real Asterisk for a minute: none lost, none stuck, no file descriptor left.

    python -m tests.benchmarks.soak [--calls 50] [--seconds 60]

Prints one JSON object; exit status 1 when it has faults.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.integration.load import Load, place
from tests.integration.stage import audio_ports, staged


async def soak(*, calls: int, seconds: float) -> Load:
    """On a stage of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ports = audio_ports(calls * 8 + 200)
        async with staged(Path(folder), pbx_options={"rtp_ports": ports}, CONCURRENCY_LIMIT=str(calls + 10)) as stage:
            return await place(stage, calls=calls, seconds=seconds, settle_s=60.0)


def main() -> int:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    load = asyncio.run(soak(calls=options.calls, seconds=options.seconds))
    print(json.dumps(asdict(load)))
    return 1 if load.faults else 0


if __name__ == "__main__":
    sys.exit(main())
