"""How long it takes to take a concurrency slot of the shared pool and to give it back.

    python -m tests.benchmarks.slots [--processes 3] [--times 2000] [--held 300]

On a PostgreSQL of its own with the settings that it comes with, fsync among them. Each process is a controller that
takes slots and gives them back, one after the other, on the event loop that `serve` has; --held: how many it holds
meanwhile. Prints percentiles in milliseconds, with those of the smallest request that the driver can make.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from tests.calls.shared_pools import Member, migrate
from tests.store import postgresql
from tests.store.databases import new_database

LIMIT = 100_000


async def work(database_url: str, *, times: int, held: int) -> None:
    """Take slots and give them back; print how long each took, as JSON."""
    async with AsyncExitStack() as stack:
        member = await stack.enter_async_context(Member(database_url, LIMIT).running())
        pool = member.pool
        for number in range(held):
            await stack.enter_async_context(pool.inbound(f"held {number}"))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        asked, taken, given = [], [], []
        async with member.database.own_connection() as connection:
            for _ in range(times):
                began = time.perf_counter()
                await connection.fetchval("SELECT 1")
                asked.append(time.perf_counter() - began)
        for number in range(times):
            began = time.perf_counter()
            async with pool.inbound(f"call {number}"):
                taken.append(time.perf_counter() - began)
                began = time.perf_counter()
            given.append(time.perf_counter() - began)
        print(json.dumps([asked, taken, given]), flush=True)


async def measure(database_url: str, processes: int, arguments: list[str]) -> list[list[float]]:
    """Return how long SELECT 1, taking and giving back took each time, in seconds, of all processes at once."""
    command = [sys.executable, "-m", "tests.benchmarks.slots", "--work", database_url, *arguments]
    pipe = asyncio.subprocess.PIPE
    workers = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=Path.cwd(), limit=2**24)
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout
        assert await worker.stdout.readline() == b"ready\n"
    told = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    both = [json.loads(output) for output, _ in told]
    return [[seconds for of_worker in both for seconds in of_worker[which]] for which in range(3)]


def percentiles(seconds: list[float]) -> str:
    """Return the median, the 99th percentile and the longest."""
    ordered = sorted(1000 * second for second in seconds)
    return (
        f"p50 {ordered[len(ordered) // 2]:5.2f}  p99 {ordered[len(ordered) * 99 // 100]:5.2f}  max {ordered[-1]:6.2f}"
    )


def main() -> None:
    """Measure one process alone, then so many at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--held", type=int, default=300)
    parser.add_argument("--work")
    given = parser.parse_args()
    if given.work:
        uvloop.run(work(given.work, times=given.times, held=given.held))
        return
    folder = postgresql.programs()
    if folder is None:
        sys.exit(postgresql.WHY_NOT)
    arguments = ["--times", str(given.times), "--held", str(given.held)]
    with postgresql.server(folder, own_settings=()) as server_url:
        for processes in (1, given.processes):
            with new_database(server_url) as database_url:
                asyncio.run(migrate(database_url))
                asked, taken, back = asyncio.run(measure(database_url, processes, arguments))
            both = [one + other for one, other in zip(taken, back, strict=True)]
            for what, seconds in (("SELECT 1", asked), ("taken", taken), ("given back", back), ("both", both)):
                print(f"{processes} at once  {what:10}  {percentiles(seconds)}", flush=True)


if __name__ == "__main__":
    main()
