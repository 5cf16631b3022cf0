"""A process that writes is killed with -9 at any moment: a record and its events are both there, or both absent."""

from __future__ import annotations

import random
from collections import defaultdict

from sqlalchemy import Connection, select

from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import calls, outbox
from tests.fakes.preloaded import run_and_read

ROUNDS = 4
EVENTS_OF = {
    "ongoing": {"call_started"},
    "ended": {"call_started", "call_ended", "call_analyzed"},
}


async def save_until_killed(database_url: str, first_number: int, *, lines: int) -> list[str]:
    """What the process promised before it was killed, which happened right after that many lines."""
    process, printed = await run_and_read("tests.store.saving_process", database_url, str(first_number))
    said = [await printed.readline() for _ in range(lines)]
    process.kill()
    said += (await printed.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


async def test_killed_at_any_moment_nothing_is_half_there(database_url: str) -> None:
    dice = random.Random(4)
    promised: list[str] = []
    for number in range(ROUNDS):
        promised += await save_until_killed(database_url, number * 1000, lines=dice.randint(1, 60))

    def everything(connection: Connection) -> tuple[dict[str, str], dict[str, set[str]]]:
        events = defaultdict(set)
        for row in connection.execute(select(outbox.c.call_id, outbox.c.event)):
            events[row.call_id].add(row.event)
        records = connection.execute(select(calls.c.call_id, calls.c.call_status))
        return {row.call_id: row.call_status for row in records}, events

    store = Store(database_url)
    await store.open()
    database = Database(database_url)
    records, events = await database.read(everything)
    await database.close()
    assert len(promised) >= ROUNDS
    assert events == {call_id: EVENTS_OF[status] for call_id, status in records.items()}
    for line in promised:
        said, call_id = line.split()
        assert records[call_id] == "ended" or (said, records[call_id]) == ("begun", "ongoing")
    unfinished = {stored.call.call_id for stored in await store.calls.unfinished()}
    assert unfinished == {call_id for call_id, status in records.items() if status == "ongoing"}
    await store.close()
