"""Short phone calls that end in every way, through a real Asterisk and `ari-agent serve`, and what is left of them.

    python -m tests.benchmarks.teardown [--calls 2000] [--each 13] [--cache-kib 500]

Rounds of so many calls in each of the ways of tests/integration/endings.py, all ways at once. Prints a line after each
round, when Asterisk has no channel left: what Asterisk and the controller hold, and the memory of the controller. What
is told of its inside is counted at SIGUSR1, after a collection of garbage: tasks of its event loop, blocks of Python's
allocator in use, and megabytes that malloc has given out. --cache-kib: as for the benchmark memory.py.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import os
import re
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from ari_agent.__main__ import main as ari_agent
from tests.benchmarks.memory import rss_bytes, use_caches
from tests.integration.endings import WAYS, left, play
from tests.integration.stage import Stage, staged


async def measure(folder: Path, *, calls: int, each: int) -> None:
    """Make the calls, and print what is left after each round of them."""
    rounds = -(-calls // (each * WAYS))
    async with staged(
        folder,
        CONCURRENCY_LIMIT="400",
        CALLS_PER_SECOND="20",
        NO_AUDIO_AFTER_S="20",
        program=("-m", "tests.benchmarks.teardown", "--serve", *sys.argv[1:]),
        process_environment={"PYTHONPATH": str(Path.cwd())},
    ) as stage:
        seen = []
        for number in range(1, rounds + 1):
            await play(stage, each, per_second=0.5)
            await stage.idle(timeout_s=60)
            await asyncio.sleep(3.0)
            seen.append(rss_bytes(stage.controller.pid))
            print(f"{number * each * WAYS:6} calls  {seen[-1] / 1e6:6.1f} MB  {await _told(stage, number)}", flush=True)
    later = seen[len(seen) // 2 :]
    if len(later) > 1:
        kb_a_call = (later[-1] - later[0]) / ((len(later) - 1) * each * WAYS) / 1e3
        print(f"second half: {kb_a_call:+.2f} kB a call")


async def _told(stage: Stage, number: int) -> str:
    os.kill(stage.controller.pid, signal.SIGUSR1)
    for _ in range(100):
        inside = re.findall(r"= (tasks .*) =", stage.controller.log_text())
        if len(inside) >= number:
            break
        await asyncio.sleep(0.1)
    counts = "  ".join(f"{name} {value}" for name, value in asdict(await left(stage)).items())
    return f"{counts}  {inside[-1]}"


class _MallocInfo(ctypes.Structure):
    """glibc's struct mallinfo2 (mallinfo(3)): ten sizes in bytes."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]
    hblkhd: int
    uordblks: int


def serve(cache_kib: int) -> int:
    """`ari-agent serve` that tells at SIGUSR1 what it holds."""
    malloc = ctypes.CDLL(None).mallinfo2
    malloc.restype = _MallocInfo

    def look(*_: object) -> None:
        gc.collect()
        given = malloc()
        held = f"blocks {sys.getallocatedblocks()}  malloc {(given.uordblks + given.hblkhd) / 1e6:.2f} MB"
        print(f"= tasks {len(asyncio.all_tasks())}  {held} =", flush=True)

    use_caches(cache_kib)
    signal.signal(signal.SIGUSR1, look)
    return ari_agent(["serve"])


def main() -> int:
    """Make the calls, or serve them in the process that is measured, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--each", type=int, default=13)
    parser.add_argument("--cache-kib", type=int, default=0)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.cache_kib)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), calls=options.calls, each=options.each))
    return 0


if __name__ == "__main__":
    sys.exit(main())
