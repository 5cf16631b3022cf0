"""How long get-call and a page of list-calls take among very many calls, from the question to the stored JSON.

    python -m tests.benchmarks.list_calls [--calls 1000000] [--database-url URL] [--draws 20] [--only "agent|to"]

Without a URL: SQLite in a folder of its own, and PostgreSQL where its programs are installed. A database that holds
enough calls already is measured as it is. Prints p50/slowest in milliseconds, an exclamation mark where p50 is over the
target, and how long a page held the event loop up.
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
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Index, Table, insert, text
from sqlalchemy.util import await_only

from ari_agent.media.wheel import freeze_garbage_collector
from ari_agent.store.call_filter import (
    AnyFilter,
    AttributeFilter,
    AttributeKind,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
)
from ari_agent.store.call_index import attributes, columns, tool_calls
from ari_agent.store.call_records import list_item
from ari_agent.store.database import Database, dump
from ari_agent.store.store import Store
from ari_agent.store.tables import call_attributes, call_tool_calls, calls
from tests.store import postgresql

FIRST_MS, EVERY_MS = 1_760_000_000_000, 30_000
AGENTS = [f"agent_{number:028x}" for number in range(40)]
LINES = [f"+1415777{number:04d}" for number in range(50)]
CALLERS, CUSTOMERS, OF_BATCH = 100_000, 50_000, 10_000
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
TABLES = (calls, call_attributes, call_tool_calls)
GET_MS, ONE_MS, COMBINED_MS, OTHER_MS, TOTAL_MS = 5, 50, 200, 1500, 2000
"""Targets: get-call, pages by one common filter, by several of these, by any other; totals."""


def caller(number: int) -> str:
    """A caller's number: a third of them is German."""
    return f"+49151{number:08d}" if number % 3 == 0 else f"+1213{number:07d}"


def batch(number: int) -> str:
    """The batch of an outbound call."""
    return f"batch_call_{number // OF_BATCH:032x}"


def document(number: int, dice: random.Random) -> dict[str, Any]:
    """The call object of one call; a few agents and callers have far more than the others."""
    status, reason = dice.choice(ENDINGS)
    start_ms, lasted_ms = FIRST_MS + number * EVERY_MS, int(dice.expovariate(1 / 90_000))
    cost = {"combined_cost": round(lasted_ms / 1000 * 0.12, 2), "total_duration_seconds": lasted_ms // 1000}
    analysis = {"call_successful": dice.random() < 0.8, "user_sentiment": dice.choice(["Positive", "Neutral"])}
    outbound = status == "not_connected"
    return {
        "call_id": f"call_{dice.getrandbits(128):032x}",
        "call_type": "phone_call",
        "agent_id": AGENTS[int(dice.triangular(0, len(AGENTS), 0))],
        "agent_version": dice.randrange(5),
        "call_status": status,
        "direction": "outbound" if outbound else "inbound",
        **({"batch_call_id": batch(number)} if outbound else {}),
        "from_number": caller(int(CALLERS * dice.random() ** 2)),
        "to_number": dice.choice(LINES),
        "start_timestamp": start_ms,
        "end_timestamp": start_ms + lasted_ms,
        "duration_ms": lasted_ms,
        "disconnection_reason": reason,
        "metadata": {"customer": f"c{dice.randrange(CUSTOMERS)}", "tier": dice.choice(["gold", "silver", "iron"])},
        "retell_llm_dynamic_variables": {"order": str(number)},
        "call_cost": {**cost, "product_costs": [], "total_duration_unit_price": 0.12},
        "latency": {"e2e": {"p50": round(dice.lognormvariate(6.7, 0.3))}},
        "data_storage_setting": "everything",
        "call_analysis": analysis,
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
            call_tool_calls: [{**same_call, "position": at, **tool} for at, tool in enumerate(tool_calls(call))],
        }


async def fill(database: Database, count: int) -> None:
    """Put the calls there, 5000 at a time, and make the indexes when all are in."""
    await database.write(lambda connection: _all_indexes(Index.drop, connection))
    made = rows(count)
    while some := list(itertools.islice(made, 5_000)):
        by_table = {table: [row for one in some for row in one[table]] for table in TABLES}
        await database.write(partial(_put, by_table))
    await database.write(lambda connection: _all_indexes(Index.create, connection))
    await database.write(lambda connection: connection.execute(text("ANALYZE")).rowcount)


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


def filters(count: int, dice: random.Random) -> Mapping[str, tuple[int, Sequence[AnyFilter]]]:
    """What people filter by, with values that are drawn: the target of a page in milliseconds, and the filters."""
    begin = dice.randrange(count)
    month_ms = (FIRST_MS + begin * EVERY_MS, FIRST_MS + begin * EVERY_MS + 30 * 86_400_000)
    month = Filter(FilterField.START_TIMESTAMP, FilterOp.BT, month_ms)
    agent = Filter(FilterField.AGENT_ID, FilterOp.EQ, dice.choice(AGENTS[:30]))
    number = caller(dice.randrange(CALLERS))
    someone = Filter(FilterField.FROM_NUMBER, FilterOp.EQ, number)
    line = Filter(FilterField.TO_NUMBER, FilterOp.EQ, dice.choice(LINES))
    ended = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])
    failed = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["error"])
    ongoing = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ongoing"])
    outbound = Filter(FilterField.DIRECTION, FilterOp.IN, ["outbound"])
    of_batch = Filter(FilterField.BATCH_CALL_ID, FilterOp.EQ, batch(begin))
    dear = Filter(FilterField.COMBINED_COST, FilterOp.GT, 100)
    customer = AttributeFilter(AttributeKind.METADATA, "customer", FilterOp.EQ, f"c{dice.randrange(CUSTOMERS)}")
    tier = AttributeFilter(AttributeKind.METADATA, "tier", FilterOp.EQ, dice.choice(["gold", "silver", "iron"]))
    not_tier = AttributeFilter(AttributeKind.METADATA, "tier", FilterOp.NE, "gold")
    order = AttributeFilter(AttributeKind.DYNAMIC_VARIABLES, "order", FilterOp.LT, 1000, numeric=True)
    one: dict[str, Sequence[AnyFilter]] = {
        "none": [],
        "agent": [agent],
        "from": [someone],
        "to": [line],
        "status, most": [ended],
        "status, none": [ongoing],
        "direction": [outbound],
        "batch": [of_batch],
    }
    combined: dict[str, Sequence[AnyFilter]] = {
        "agent and status": [agent, failed],
        "agent and to": [agent, line],
        "to and status": [line, failed],
        "from and to": [someone, line],
        "direction and status, none": [outbound, ended],
        "batch, agent and status": [of_batch, agent, failed],
    }
    other: dict[str, Sequence[AnyFilter]] = {
        "two statuses": [Filter(FilterField.CALL_STATUS, FilterOp.IN, ["error", "ongoing"])],
        "from, contains, few": [Filter(FilterField.FROM_NUMBER, FilterOp.CO, number[-6:-1])],
        "call_id, ends with": [Filter(FilterField.CALL_ID, FilterOp.EW, f"{dice.randrange(16**5):05x}")],
        "cost": [dear],
        "cost and agent, none": [dear, agent, Filter(FilterField.DURATION_MS, FilterOp.LT, 1000)],
        "metadata, few": [customer],
        "metadata, a third": [tier],
        "metadata, a third, and from": [tier, someone],
        "metadata, not": [not_tier],
        "metadata, not, and cost": [not_tier, dear],
        "metadata, unset, none": [replace(tier, op=FilterOp.NP)],
        "dynamic variable, number": [order],
        "tool call": [ToolCallFilter([("name", FilterOp.EQ, "book"), ("success", FilterOp.EQ, False)])],
    }
    return {
        **{name: (ONE_MS, wanted) for name, wanted in one.items()},
        **{f"{name}, a month": (ONE_MS, [*wanted, month]) for name, wanted in one.items()},
        **{name: (COMBINED_MS, wanted) for name, wanted in combined.items()},
        **{name: (OTHER_MS, wanted) for name, wanted in other.items()},
    }


class Ticker:
    """Says for how long the event loop was held up while something was awaited, in milliseconds.

    What its thread waited for a processor, as the machine had other work, is left out (schedstat of Linux).
    """

    def __init__(self) -> None:
        self._late_ms: list[float] = []

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            waited_ns, due_s = self._waited_ns(), time.perf_counter() + 0.001
            await asyncio.sleep(0.001)
            late_ms = (time.perf_counter() - due_s) * 1000
            self._late_ms.append(late_ms - (self._waited_ns() - waited_ns) / 1e6)

    def _waited_ns(self) -> int:
        return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1])

    def take(self) -> float:
        """The worst since the last time."""
        late_ms, self._late_ms = max(self._late_ms, default=0.0), []
        return late_ms


async def measure(database_url: str, count: int, draws: int, only: frozenset[str]) -> str:
    """A table."""
    store = Store(database_url)
    await store.open()
    if await store.calls.count() < count:
        database = Database(database_url)
        await fill(database, count)
        await database.close()
    took_ms: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    limits_ms: dict[str, int] = {"get-call": GET_MS}
    found: dict[str, int] = {"get-call": 1}
    freeze_garbage_collector()  # as the controller does
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())

    async def timed(name: str, what: str, question: Awaitable[Any]) -> Any:
        ticker.take()
        began_s = time.perf_counter()
        answer = await question
        took_ms[name][what].append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(0.002)
        took_ms[name]["loop"].append(ticker.take())
        return answer

    for draw in range(draws):
        dice = random.Random(draw)
        middle = f"{FIRST_MS + dice.randrange(count) * EVERY_MS}:call_8"
        for name, (limits_ms[name], wanted) in filters(count, dice).items():
            if only and name not in only:
                continue
            await timed(name, "first", store.calls.list_items(wanted))
            await timed(name, "deep", store.calls.list_items(wanted, pagination_key=middle))
            found[name] = await timed(name, "total", store.calls.count(wanted))
        [some] = (await store.calls.list(limit=1, pagination_key=middle)).calls
        await timed("get-call", "first", store.calls.get(some.call_id))
    ticking.cancel()
    await store.close()
    lines = [f"| {name} | {found[name]} | {_cells(took, limits_ms[name])} |" for name, took in took_ms.items()]
    return "\n".join(["| filter | found | first | deep | total | loop |", "|---|---|---|---|---|---|", *lines])


def _cells(took_ms: Mapping[str, Sequence[float]], limit_ms: float) -> str:
    limits_ms = {"first": limit_ms, "deep": limit_ms, "total": TOTAL_MS, "loop": 5}
    return " | ".join(_cell(took_ms[what], limit) if what in took_ms else "" for what, limit in limits_ms.items())


def _cell(some_ms: Sequence[float], limit_ms: float) -> str:
    p50_ms = statistics.median(some_ms)
    return f"{p50_ms:.1f}/{max(some_ms):.0f}" + " !" * (p50_ms > limit_ms)


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--database-url")
    parser.add_argument("--only", help="names of those to measure, with | between them")
    options = parser.parse_args()
    only = frozenset(options.only.split("|") if options.only else ())
    measured = partial(measure, count=options.calls, draws=options.draws, only=only)
    if options.database_url:
        print(asyncio.run(measured(options.database_url)))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(f"SQLite\n{asyncio.run(measured(f'sqlite+aiosqlite:///{folder}/calls.db'))}", flush=True)
    if programs := postgresql.programs():
        with postgresql.server(programs) as url:
            print(f"PostgreSQL\n{asyncio.run(measured(f'{url}/postgres'))}")


if __name__ == "__main__":
    main()
