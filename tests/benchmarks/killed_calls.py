"""Recorded web calls whose controller is killed in the middle, again and again, and what is missing afterwards.

    python -m tests.benchmarks.killed_calls [--calls 1000] [--kills 10] [--at-once 20]

Prints how many calls there were, how many of them a kill has cut, how many have no recording, how many seconds those
that were cut lack at their end, and the files that belong to no call.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.calls.web.killed_calls import orphans, play, recording, what_is_left


async def measure(folder: Path, *, calls: int, kills: int, at_once: int) -> None:
    """Make the calls, and print what is left of them."""
    async with recording(folder) as (controller, agent_id):
        played = await play(controller, agent_id, calls=calls, kills=kills, at_once=at_once, seconds=3.0)
        left = await what_is_left(controller, played)
        known = [each.played.call_id for each in left]
        listed = (await controller.post("/v2/list-calls", {"limit": 1000}, expect=200)).json
        stray = [call["call_id"] for call in listed]
        await controller.stop()
    lacks = sorted(each.played.lasted_s - (each.recorded_s or 0.0) for each in left if each.played.cut)
    print(f"{len(left)} calls, {sum(each.played.cut for each in left)} of them cut by {kills} kills")
    without = [each.played.lasted_s for each in left if each.recorded_s is None]
    print(f"without a recording: {len(without)}, the longest of them lasted {max(without, default=0.0):.2f} s")
    if lacks:
        print(f"seconds that those lack that were cut: p50 {lacks[len(lacks) // 2]:.2f}, most {lacks[-1]:.2f}")
    print(f"files of no call: {orphans(folder, [*known, *stray])}")


def main() -> int:
    """Run with the command line's options, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), calls=options.calls, kills=options.kills, at_once=options.at_once))
    return 0


if __name__ == "__main__":
    sys.exit(main())
