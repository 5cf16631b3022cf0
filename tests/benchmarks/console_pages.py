"""How long the first view of the console's pages takes among very many calls, and how many bytes of script it loads.

    python -m tests.benchmarks.console_pages [--calls 1000000] [--today 5000] [--database FILE]

Without a file: SQLite in a folder of its own. A file that holds enough calls already is measured as it is, but for its
figures of the last day, for which the clock is set to its newest call. A view is the page with all that it loads, each
over a connection to this process, as a browser without a cache asks for it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiohttp import web
from sqlalchemy import Connection, Index, select, text

from ari_agent.clock import now_ms
from ari_agent.console import console
from ari_agent.console.dependencies import ConsoleDependencies
from ari_agent.console.now.day_figures import HOURS, day_begins_ms
from ari_agent.contract.call_group import HOUR_MS
from ari_agent.media.wheel import freeze_garbage_collector
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import calls
from tests.console.conftest import LiveCalls, OneCall, a_call

KEY = "key_of_the_benchmark"
VIEWS = ("/console", "/console/calls", "/console/calls?number=5550100", "/console/calls?reason=dial_no_answer")
DAY_MS = HOURS * HOUR_MS
WORDS = "So it is the order of last Monday, then."
TRANSCRIPT = [dict[str, object](role=role, content=WORDS, words=[]) for role in ("agent", "user")]
KINDS: Sequence[Mapping[str, Any]] = (
    {"disconnection_reason": "user_hangup", "call_status": "ended"},
    {"disconnection_reason": "agent_hangup", "call_status": "ended"},
    {"disconnection_reason": "dial_no_answer", "call_status": "not_connected", "start_timestamp": None},
)


async def fill(url: str, count: int, today: int) -> None:
    """Put so many calls there, by copying a few; `today` of them began within the last 20 hours."""
    store = Store(url)
    await store.open()
    for number, facts in enumerate(KINDS):
        latency = {"latency": {"e2e": {"p50": 600 + 200 * number, "num": 5}}} if number < 2 else {}
        await store.calls.save(a_call(f"call_kind{number}", transcript_object=TRANSCRIPT * 4, **latency, **facts))
    await store.close()
    database = Database(url)
    await database.write(lambda connection: _copy(connection, count, today))
    await database.close()


def _copy(connection: Connection, count: int, today: int) -> None:
    for index in calls.indexes:
        index.drop(connection)
    changed = {
        "call_id": "printf('call_%032x', n)",
        "from_number": "printf('+1202555%04d', (n * 7919) % 10000)",
        "listed_ms": "at_ms",
        "start_timestamp": "CASE WHEN k.start_timestamp IS NULL THEN NULL ELSE at_ms END",
        "agent_id": "'agent_' || (n % 40)",
        "duration_ms": "1000 + (n * 31) % 300000",
        "e2e_latency_p50": "k.e2e_latency_p50 + (n * 37) % 900",
    }
    names = [column.name for column in calls.columns]
    values = ", ".join(changed.get(name, f"k.{name}") for name in names)
    at_ms = ":now - CASE WHEN n <= :today THEN n * 72000000 / :today ELSE 86400000 + (n - :today) * 20000 END"
    connection.execute(
        text(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count), "
            f"placed AS (SELECT n, {at_ms} AS at_ms FROM numbers) "
            f"INSERT INTO calls ({', '.join(names)}) SELECT {values} FROM placed "
            "JOIN calls k ON k.call_id = 'call_kind' || CASE n % 10 WHEN 0 THEN 2 WHEN 1 THEN 1 ELSE 0 END"
        ),
        {"count": count, "today": today, "now": now_ms()},
    )
    for index in calls.indexes:
        Index.create(index, connection)
    connection.execute(text("ANALYZE"))


async def measure(url: str, views: int) -> str:
    """Say how long each page takes."""
    database = Database(url)
    newest_ms = int(await database.scalar(select(calls.c.listed_ms).order_by(calls.c.listed_ms.desc()).limit(1)) or 0)
    await database.close()
    store = Store(url)
    await store.open()
    live = LiveCalls([OneCall(a_call(f"call_live{n}", call_status="ongoing")) for n in range(20)])
    root = web.Application()
    dependencies = ConsoleDependencies(store=store, calls=live, api_key=KEY, now_ms=lambda: newest_ms)
    root.add_subapp(console.PREFIX, console.build_console(dependencies))
    runner = web.AppRunner(root)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    freeze_garbage_collector()
    lines = ["| page | first | p50 | slowest | script, kB as sent |", "|---|---|---|---|---|"]
    jar = aiohttp.CookieJar(unsafe=True)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(base, cookie_jar=jar, auto_decompress=False) as session:
        await session.post("/console/login", data={"key": KEY}, allow_redirects=False)
        for path in VIEWS:
            took_ms, script_bytes = [], 0
            for _ in range(views):
                began_s = time.perf_counter()
                script_bytes = await view(session, path)
                took_ms.append((time.perf_counter() - began_s) * 1000)
            times = f"{took_ms[0]:.0f} | {statistics.median(took_ms):.0f} | {max(took_ms):.0f}"
            lines.append(f"| {path} | {times} | {script_bytes / 1000:.1f} |")
    began_s = time.perf_counter()
    groups = await store.statistics.groups(since_ms=day_begins_ms(newest_ms), until_ms=newest_ms + DAY_MS)
    took_ms = [(time.perf_counter() - began_s) * 1000]
    counted = sum(group.calls for group in groups)
    lines.append(f"\nfigures of the last day: {counted} calls in {len(groups)} groups, {took_ms[0]:.0f} ms")
    await runner.cleanup()
    await store.close()
    return "\n".join(lines)


async def view(session: aiohttp.ClientSession, path: str) -> int:
    """Load a page and all that it loads; return the bytes of its scripts."""

    async def bytes_of(address: str) -> bytes:
        async with session.get(address, headers={"Accept-Encoding": "gzip"}) as answer:
            return await answer.read()

    page = (await bytes_of(path)).decode()
    scripts = re.findall(r'<script src="([^"]+)"', page)
    others = re.findall(r'<link rel="(?:icon|stylesheet)" href="([^"]+)"', page)
    loaded = await asyncio.gather(*map(bytes_of, (*scripts, *others)))
    return sum(map(len, loaded[: len(scripts)]))


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--today", type=int, default=5_000)
    parser.add_argument("--views", type=int, default=20)
    parser.add_argument("--database", type=Path)
    parser.add_argument("--fill-only", action="store_true", help="make the file, to be measured later")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        file = options.database or Path(folder) / "calls.db"
        url = f"sqlite+aiosqlite:///{file}"
        if not file.exists():
            began_s = time.monotonic()
            runner.run(fill(url, options.calls, options.today))
            print(f"filled in {time.monotonic() - began_s:.0f} s, {file.stat().st_size / 1e9:.1f} GB", flush=True)
        if not options.fill_only:
            print(runner.run(measure(url, options.views)))


if __name__ == "__main__":
    main()
