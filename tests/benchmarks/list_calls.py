"""How long a page of list-calls takes among very many calls: the store's own work, to the JSON of the answer's items.

    python -m tests.benchmarks.list_calls [--calls 1000000] [--database-url URL] [--repeats 20] [--cold]
                                           [--filters "agent|to"]

Without a URL: SQLite in a folder of its own, and PostgreSQL where its programs are installed. A database that holds
enough calls already is measured as it is. Prints a table for each, of pages of 50 and of 1000 calls by filter. --cold:
the process begins each page with nothing in memory, and reads all of it from the database.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Index, Table, insert
from sqlalchemy.util import await_only

from ari_agent.store.call_filter import AnyFilter, AnyOf, AttributeFilter, Filter, FilterField, FilterOp, ToolCallFilter
from ari_agent.store.call_index import AttributeKind, attributes, columns, tool_calls
from ari_agent.store.call_records import dump, list_item
from ari_agent.store.database import Database
from ari_agent.store.segment_tables import call_fresh
from ari_agent.store.store import Store
from ari_agent.store.tables import call_attributes, call_tool_calls, calls
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
LIMIT_MS = 100
Answer = TypeVar("Answer")
TABLES = (calls, call_attributes, call_tool_calls, call_fresh)


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
        "call_cost": {
            "combined_cost": round(lasted_ms / 1000 * 0.12, 2),
            "product_costs": [],
            "total_duration_seconds": lasted_ms // 1000,
            "total_duration_unit_price": 0.12,
        },
        "latency": {"e2e": {"p50": round(dice.lognormvariate(6.7, 0.3))}},
        "data_storage_setting": "everything",
        "call_analysis": {
            "call_successful": dice.random() < 0.8,
            "user_sentiment": dice.choice(["Positive", "Neutral"]),
        },
        "transcript_object": TRANSCRIPT,
        "transcript_with_tool_calls": _tool_call(dice) if dice.random() < 0.25 else [],
    }


def _tool_call(dice: random.Random) -> list[dict[str, Any]]:
    name, worked = dice.choice(["book", "look_up", "cancel"]), dice.random() < 0.9
    return [
        {"role": "tool_call_invocation", "tool_call_id": "t1", "name": name, "arguments": "{}"},
        {"role": "tool_call_result", "tool_call_id": "t1", "content": "", "successful": worked, "latency_ms": 120},
    ]


Rows = Sequence[dict[str, Any]]


def rows(count: int) -> Iterator[Mapping[Table, Rows]]:
    """What the store keeps of each call, by table."""
    dice = random.Random(1)
    for number in range(count):
        call = document(number, dice)
        same_call = {"call_id": call["call_id"]}
        place = same_call | {"listed_ms": call["start_timestamp"]}
        yield {
            calls: [columns(call) | place | {"document": dump(call), "list_item": list_item(call)}],
            call_attributes: [
                {**place, "kind": kind, "key": key, "text": value, "number": as_number}
                for (kind, key), (value, as_number) in attributes(call).items()
            ],
            call_fresh: [{**place, "touched": 0}],
            call_tool_calls: [{**same_call, "position": at, **tool} for at, tool in enumerate(tool_calls(call))],
        }


async def fill(database_url: str, count: int) -> None:
    """Put the calls there, by the thousand, and make the indexes when all are in."""
    database = Database(database_url)
    await database.write(lambda connection: _all_indexes(Index.drop, connection))
    made = rows(count)
    while some := list(itertools.islice(made, BATCH)):
        by_table = {table: [row for one in some for row in one[table]] for table in TABLES}
        await database.write(partial(_put, by_table))
    await database.write(lambda connection: _all_indexes(Index.create, connection))
    await database.close()


def _all_indexes(do: Callable[[Index, Connection], None], connection: Connection) -> None:
    for table in TABLES:
        for index in table.indexes:
            do(index, connection)


def _put(by_table: Mapping[Table, Rows], connection: Connection) -> None:
    for table, some in by_table.items():
        if connection.dialect.name == "sqlite":
            connection.execute(insert(table), some)
        elif some:
            # ten times as fast as INSERT
            driver: Any = connection.connection.driver_connection
            records = [tuple(row.values()) for row in some]
            await_only(driver.copy_records_to_table(table.name, records=records, columns=list(some[0])))


def _is(field: FilterField, op: FilterOp, value: Any = None) -> Filter:
    return Filter(field, op, value)


def filters(count: int, dice: random.Random) -> Mapping[str, Sequence[AnyFilter]]:
    """What people filter by, and what nobody should, with values that are drawn."""
    middle_ms = FIRST_MS + dice.randrange(count) * EVERY_MS
    day = _is(FilterField.START_TIMESTAMP, FilterOp.BT, (middle_ms, middle_ms + 86_400_000))
    agent = _is(FilterField.AGENT_ID, FilterOp.IN, [dice.choice(AGENTS[:30])])
    version = _is(FilterField.AGENT_VERSION, FilterOp.IN, [dice.randrange(5)])
    failed = _is(FilterField.CALL_STATUS, FilterOp.IN, ["error", "not_connected"])
    number = caller(dice.randrange(CALLERS))
    someone = _is(FilterField.FROM_NUMBER, FilterOp.EQ, number)
    german = _is(FilterField.FROM_NUMBER, FilterOp.SW, "+49")
    line = _is(FilterField.TO_NUMBER, FilterOp.EQ, dice.choice(LINES))
    rare_reason = _is(FilterField.DISCONNECTION_REASON, FilterOp.IN, ["error_llm_websocket_open"])
    dear = _is(FilterField.COMBINED_COST, FilterOp.GT, 100)
    slow = _is(FilterField.E2E_LATENCY_P50, FilterOp.GE, 2000)
    customer = AttributeFilter(AttributeKind.METADATA, "customer", FilterOp.EQ, f"c{dice.randrange(CUSTOMERS)}")
    tier = AttributeFilter(AttributeKind.METADATA, "tier", FilterOp.EQ, dice.choice(["gold", "silver", "iron"]))
    vip = AttributeFilter(AttributeKind.METADATA, "vip", FilterOp.EQ, "yes")
    order = (AttributeKind.DYNAMIC_VARIABLES, "order")
    booked = ToolCallFilter([("name", FilterOp.EQ, "book"), ("success", FilterOp.EQ, False)])
    return {
        "none": [],
        "status": [_is(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])],
        "several statuses": [failed],
        "agent": [agent],
        "agent's version": [AnyOf([[agent, version]])],
        "agent, or another's version": [AnyOf([[agent], [_is(FilterField.AGENT_ID, FilterOp.EQ, AGENTS[0]), version]])],
        "agent and status": [agent, failed],
        "agent and reason": [agent, rare_reason],
        "agent and line": [agent, line],
        "from": [someone],
        "from, not": [_is(FilterField.FROM_NUMBER, FilterOp.NE, number)],
        "from, starts with, few": [_is(FilterField.FROM_NUMBER, FilterOp.SW, "+49151000001")],
        "from, starts with, a third": [german],
        "from, ends with, few": [_is(FilterField.FROM_NUMBER, FilterOp.EW, number[-5:])],
        "from, ends with, a tenth": [_is(FilterField.FROM_NUMBER, FilterOp.EW, number[-1])],
        "from, contains, few": [_is(FilterField.FROM_NUMBER, FilterOp.CO, number[-6:-1])],
        "from, contains, most": [_is(FilterField.FROM_NUMBER, FilterOp.CO, "1")],
        "from, contains, nobody": [_is(FilterField.FROM_NUMBER, FilterOp.CO, "555x")],
        "to": [line],
        "from and to": [someone, line],
        "from, a third, and to": [german, line],
        "to, contains, and status": [_is(FilterField.TO_NUMBER, FilterOp.CO, "777"), failed],
        "batch, unset": [_is(FilterField.BATCH_CALL_ID, FilterOp.NP)],
        "call_id, contains": [_is(FilterField.CALL_ID, FilterOp.CO, f"{dice.randrange(16**4):04x}")],
        "day": [day],
        "day and agent": [day, agent],
        "day and reason": [day, rare_reason],
        "day, agent and status": [day, agent, failed],
        "reason": [rare_reason],
        "reason, unset": [_is(FilterField.DISCONNECTION_REASON, FilterOp.NP)],
        "duration": [_is(FilterField.DURATION_MS, FilterOp.GT, 300_000)],
        "duration, between": [_is(FilterField.DURATION_MS, FilterOp.BT, (60_000, 61_000))],
        "cost": [dear],
        "latency": [slow],
        "cost, latency and agent": [dear, slow, agent],
        "end": [_is(FilterField.END_TIMESTAMP, FilterOp.LT, middle_ms)],
        "unsuccessful": [_is(FilterField.CALL_SUCCESSFUL, FilterOp.EQ, False)],
        "sentiment and direction": [
            _is(FilterField.USER_SENTIMENT, FilterOp.IN, ["Positive"]),
            _is(FilterField.DIRECTION, FilterOp.IN, ["outbound"]),
        ],
        "metadata, few": [customer],
        "metadata, a third": [tier],
        "metadata, not": [replace(tier, op=FilterOp.NE)],
        "metadata, contains": [replace(customer, op=FilterOp.CO, value="77")],
        "metadata, ends with": [replace(customer, op=FilterOp.EW, value="777")],
        "metadata, unset": [replace(vip, op=FilterOp.NP)],
        "metadata that nobody has": [vip],
        "metadata, a third, and agent": [tier, agent],
        "metadata, a third, and from": [tier, someone],
        "two keys of metadata": [customer, tier],
        "metadata, not, and cost": [replace(tier, op=FilterOp.NE), dear],
        "dynamic variable, number": [AttributeFilter(*order, FilterOp.LT, 1000, numeric=True)],
        "dynamic variable, between": [AttributeFilter(*order, FilterOp.BT, (1000, 500_000), numeric=True)],
        "tool call": [booked],
        "tool call and agent": [booked, agent],
    }


def windows(count: int, total: int, dice: random.Random) -> Mapping[str, Mapping[str, Any]]:
    """Which part of the list. total: how many calls it has."""
    middle_ms = FIRST_MS + dice.randrange(count) * EVERY_MS
    return {
        "first": {},
        "oldest": {"ascending": True},
        "deep": {"pagination_key": f"{middle_ms}:call_0"},
        "skip half": {"skip": total // 2},
    }


def windows_of_1000(total: int) -> Mapping[str, Mapping[str, Any]]:
    """Pages of the largest size."""
    return {"1000 of the middle": {"skip": total // 2}, "first 1000 and total": {"with_total": True}}


async def measure(
    database_url: str, count: int, repeats: int, *, cold: bool, only: Set[str] = frozenset()
) -> Mapping[str, Any]:
    """Milliseconds of each kind of page, [p50, slowest].

    cold: nothing is in the memory of the process. only: by these filters, if any are named.
    """
    began_s = time.monotonic()
    store = Store(database_url)
    await store.open()
    if await store.calls.count() < count:
        await store.close()
        await fill(database_url, count)
        store = Store(database_url)
        await store.open()
    filled_s = time.monotonic() - began_s
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    found: dict[str, int] = {}

    async def timed(question: Awaitable[Answer]) -> tuple[Answer, float]:
        if cold:
            store.calls.forget_columns()
        began_s = time.perf_counter()
        answer = await question
        return answer, (time.perf_counter() - began_s) * 1000

    for repeat in range(repeats + 1):
        dice = random.Random(repeat)
        for name, wanted in filters(count, dice).items():
            if only and name not in only:
                continue
            took = times[name]
            total, milliseconds = await timed(store.calls.count(wanted))
            took["total"].append(milliseconds)
            found[name] = total
            _, milliseconds = await timed(store.calls.list_items(wanted, limit=50, with_total=True))
            took["first and total"].append(milliseconds)
            for window, page in windows(count, total, dice).items():
                _, milliseconds = await timed(store.calls.list_items(wanted, limit=50, **page))
                took[window].append(milliseconds)
            for label, more in windows_of_1000(total).items():
                _, milliseconds = await timed(store.calls.list_items(wanted, limit=1000, **more))
                took[label].append(milliseconds)
    await store.close()
    pages = {
        # the first time warms up
        name: {window: [round(statistics.median(ms[1:]), 1), round(max(ms[1:]), 1)] for window, ms in took.items()}
        for name, took in times.items()
    }
    return {
        "calls": count,
        "filled_s": round(filled_s),
        "found": found,
        "pages": pages,
        "slowest_ms": max(slowest for took in pages.values() for _, slowest in took.values()),
    }


def report(database: str, figures: Mapping[str, Any]) -> None:
    """A line for each filter: p50/slowest in ms of each page, those over the limit with an exclamation mark."""
    print(f"{database}: {figures['calls']} calls, ready in {figures['filled_s']} s, slowest {figures['slowest_ms']} ms")
    names = (
        "first",
        "oldest",
        "deep",
        "skip half",
        "total",
        "first and total",
        "1000 of the middle",
        "first 1000 and total",
    )
    print("| filter | found | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 2) + "|")
    for filter_name, took in figures["pages"].items():
        cells = [_cell(*took[name]) if name in took else "" for name in names]
        print(f"| {filter_name} | {figures['found'][filter_name]} | " + " | ".join(cells) + " |")
    over = sum(slowest > LIMIT_MS for took in figures["pages"].values() for _, slowest in took.values())
    print(f"{over} kinds of pages took over {LIMIT_MS} ms at least once", flush=True)


def _cell(p50_ms: float, slowest_ms: float) -> str:
    return f"{p50_ms:.0f}/{slowest_ms:.0f}" + " !" * (slowest_ms > LIMIT_MS)


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--database-url")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--filters", help="names of those to measure, with | between them")
    options = parser.parse_args()
    only = frozenset(options.filters.split("|") if options.filters else ())
    measured = partial(measure, count=options.calls, repeats=options.repeats, cold=options.cold, only=only)
    if options.database_url:
        report("given", asyncio.run(measured(options.database_url)))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder)}/calls.db"
        report("SQLite", asyncio.run(measured(url)))
    if programs := postgresql.programs():
        with postgresql.server(programs) as url:
            report("PostgreSQL", asyncio.run(measured(f"{url}/postgres")))


if __name__ == "__main__":
    main()
