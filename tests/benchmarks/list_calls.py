"""How long a page of list-calls takes among very many calls: the store's own work, SQL and call objects.

    python -m tests.benchmarks.list_calls [--calls 1000000] [--database-url URL] [--repeats 20]

Without a URL: SQLite in a folder of its own, and PostgreSQL where its programs are installed. A database that holds
enough calls already is measured as it is. Prints one JSON object for each: milliseconds by kind of page, 50 calls each.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, text

from ari_agent.store.call_filter import AnyFilter, AnyOf, AttributeFilter, Filter, FilterField, FilterOp
from ari_agent.store.call_index import AttributeKind, attributes, columns
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import call_attributes, calls
from tests.store import postgresql

FIRST_MS = 1_760_000_000_000
EVERY_MS = 30_000
AGENTS = [f"agent_{number:028x}" for number in range(40)]
LINES = [f"+1415777{number:04d}" for number in range(50)]
CALLERS = 100_000
CUSTOMERS = 50_000
ENDINGS = (
    [("ended", "user_hangup")] * 55
    + [("ended", "agent_hangup")] * 30
    + [("not_connected", "dial_no_answer")] * 8
    + [("error", "error_llm_websocket_open")]
    + [("ended", "call_transfer")] * 6
)
TRANSCRIPT = [
    {"role": role, "content": "So it is the order of last Monday, then. " * 2} for role in ("agent", "user")
] * 4
BATCH = 5_000


def caller(number: int) -> str:
    """A caller's number: a third of them is German."""
    return f"+49151{number:08d}" if number % 3 == 0 else f"+1213{number:07d}"


def document(number: int, dice: random.Random) -> dict[str, Any]:
    """The call object of one call; a few agents and callers have far more than the others."""
    status, reason = dice.choice(ENDINGS)
    start_ms, lasted_ms = FIRST_MS + number * EVERY_MS, int(dice.expovariate(1 / 90_000))
    return {
        "call_id": f"call_{dice.getrandbits(128):032x}",
        "call_type": "phone_call",
        "agent_id": AGENTS[int(dice.triangular(0, len(AGENTS), 0))],
        "agent_version": dice.randrange(5),
        "call_status": status,
        "direction": "outbound" if status == "not_connected" else "inbound",
        "from_number": caller(int(CALLERS * dice.random() ** 2)),
        "to_number": dice.choice(LINES),
        "start_timestamp": start_ms,
        "end_timestamp": start_ms + lasted_ms,
        "duration_ms": lasted_ms,
        "disconnection_reason": reason,
        "metadata": {"customer": f"c{dice.randrange(CUSTOMERS)}", "tier": dice.choice(["gold", "silver", "iron"])},
        "retell_llm_dynamic_variables": {"order": str(number)},
        "data_storage_setting": "everything",
        "call_analysis": {
            "call_successful": dice.random() < 0.8,
            "user_sentiment": dice.choice(["Positive", "Neutral"]),
        },
        "transcript_object": TRANSCRIPT,
    }


def rows(count: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """What the store keeps of each call: its row and those of its attributes."""
    dice = random.Random(1)
    for number in range(count):
        call = document(number, dice)
        place = {"call_id": call["call_id"], "listed_ms": call["start_timestamp"]}
        yield (
            columns(call) | place | {"document": json.dumps(call, separators=(",", ":"))},
            [
                {**place, "kind": kind, "key": key, "text": value, "number": as_number}
                for (kind, key), (value, as_number) in attributes(call).items()
            ],
        )


async def fill(database_url: str, count: int) -> None:
    """Put the calls there, by the thousand."""
    database = Database(database_url)

    def put(some: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]], connection: Connection) -> None:
        connection.execute(insert(calls), [row for row, _ in some])
        connection.execute(insert(call_attributes), [row for _, found in some for row in found])

    made = rows(count)
    while some := list(itertools.islice(made, BATCH)):
        await database.write(partial(put, some))
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    await database.close()


Case = tuple[Sequence[AnyFilter], Mapping[str, Any]]


def cases(count: int, dice: random.Random) -> Mapping[str, Case]:
    """One page of each kind that people ask for, with values that are drawn."""
    middle_ms = FIRST_MS + dice.randrange(count) * EVERY_MS
    day = Filter(FilterField.START_TIMESTAMP, FilterOp.BT, (middle_ms, middle_ms + 86_400_000))
    agent = Filter(FilterField.AGENT_ID, FilterOp.IN, [dice.choice(AGENTS[:30])])
    ended = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])
    failed = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["error", "not_connected"])
    someone = Filter(FilterField.FROM_NUMBER, FilterOp.EQ, caller(dice.randrange(CALLERS)))
    line = Filter(FilterField.TO_NUMBER, FilterOp.EQ, dice.choice(LINES))
    reason = Filter(FilterField.DISCONNECTION_REASON, FilterOp.IN, ["error_llm_websocket_open"])
    customer = AttributeFilter(AttributeKind.METADATA, "customer", FilterOp.EQ, f"c{dice.randrange(CUSTOMERS)}")
    tier = AttributeFilter(AttributeKind.METADATA, "tier", FilterOp.EQ, dice.choice(["gold", "silver", "iron"]))
    order = AttributeFilter(AttributeKind.DYNAMIC_VARIABLES, "order", FilterOp.LT, 1000, numeric=True)
    deep = {"pagination_key": f"{middle_ms}:call_0"}
    versions = [
        Filter(FilterField.AGENT_ID, FilterOp.EQ, AGENTS[0]),
        Filter(FilterField.AGENT_VERSION, FilterOp.IN, [3]),
    ]
    return {
        "first": ((), {}),
        "oldest first": ((), {"ascending": True}),
        "deep": ((), deep),
        "skip half": ((), {"skip": count // 2}),
        "status": ([ended], {}),
        "status, deep": ([failed], deep),
        "agent": ([agent], {}),
        "agent, deep": ([agent], deep),
        "agent or agent's version": ([AnyOf([[agent], versions])], {}),
        "agent and status": ([agent, failed], {}),
        "agent and reason": ([agent, reason], {}),
        "from": ([someone], {}),
        "from, starts with": ([Filter(FilterField.FROM_NUMBER, FilterOp.SW, "+49151000001")], {}),
        "from, starts with, many": ([Filter(FilterField.FROM_NUMBER, FilterOp.SW, "+49")], {}),
        "to": ([line], {}),
        "to, deep": ([line], deep),
        "from and to": ([someone, line], {}),
        "time range": ([day], {}),
        "time range, oldest first": ([day], {"ascending": True}),
        "time range and agent": ([day, agent], {}),
        "time range and reason": ([day, reason], {}),
        "time range, agent and status": ([day, agent, failed], {}),
        "reason": ([reason], {}),
        "reason, deep": ([reason], deep),
        "metadata": ([customer], {}),
        "metadata of many": ([tier], {}),
        "metadata of many, deep": ([tier], deep),
        "metadata of many and agent": ([tier, agent], {}),
        "metadata of many and from": ([tier, someone], {}),
        "metadata and status": ([customer, ended], {}),
        "two keys of metadata": ([customer, tier], {}),
        "metadata, unset": ([AttributeFilter(AttributeKind.METADATA, "vip", FilterOp.NP)], {}),
        "metadata that nobody has": ([AttributeFilter(AttributeKind.METADATA, "vip", FilterOp.EQ, "yes")], {}),
        "dynamic variable as number": ([order], {}),
        "duration": ([Filter(FilterField.DURATION_MS, FilterOp.GT, 300_000)], {}),
        "unsuccessful": ([Filter(FilterField.CALL_SUCCESSFUL, FilterOp.EQ, False)], {}),
        "sentiment": ([Filter(FilterField.USER_SENTIMENT, FilterOp.IN, ["Positive"])], {}),
    }


async def measure(database_url: str, count: int, repeats: int) -> Mapping[str, Any]:
    """p50 and the slowest of each kind of page."""
    store = Store(database_url)
    await store.open()
    began_s = time.monotonic()
    if await store.calls.count() < count:
        await fill(database_url, count)
    await store.close()
    store = Store(database_url)  # connections that know the statistics
    await store.open()
    filled_s = time.monotonic() - began_s
    times: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for repeat in range(repeats + 1):
        for name, (filters, page) in cases(count, random.Random(repeat)).items():
            asked_s = time.perf_counter()
            calls_found = (await store.calls.list(filters, limit=50, **page)).calls
            if repeat:  # the first warms up
                times.setdefault(name, []).append((time.perf_counter() - asked_s) * 1000)
            found[name] = max(found.get(name, 0), len(calls_found))
    asked_s = time.perf_counter()
    total = await store.calls.count()
    counted_ms = (time.perf_counter() - asked_s) * 1000
    await store.close()
    return {
        "calls": total,
        "filled_s": round(filled_s),
        "count_all_ms": round(counted_ms, 1),
        "pages": {
            name: {"p50_ms": round(statistics.median(ms), 1), "max_ms": round(max(ms), 1), "calls": found[name]}
            for name, ms in times.items()
        },
        "slowest_ms": round(max(max(ms) for ms in times.values()), 1),
    }


def report(name: str, figures: Mapping[str, Any]) -> None:
    """One JSON object."""
    print(json.dumps({"database": name, **figures}, indent=1), flush=True)


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--database-url")
    options = parser.parse_args()
    if options.database_url:
        report("given", asyncio.run(measure(options.database_url, options.calls, options.repeats)))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder)}/calls.db"
        report("SQLite", asyncio.run(measure(url, options.calls, options.repeats)))
    if programs := postgresql.programs():
        with postgresql.server(programs) as url:
            report("PostgreSQL", asyncio.run(measure(f"{url}/postgres", options.calls, options.repeats)))


if __name__ == "__main__":
    main()
