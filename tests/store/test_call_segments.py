"""Lists of calls that are sealed in segments: what a loop over all calls finds, whoever writes meanwhile."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, func, insert, inspect, select, update

from ari_agent.contract.call import Call
from ari_agent.store import call_list, call_packing, call_records, call_sealer, call_segments, migrations
from ari_agent.store.call_filter import (
    AnyFilter,
    AnyOf,
    AttributeFilter,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
)
from ari_agent.store.call_index import AttributeKind, as_text, attributes, columns, tool_calls
from ari_agent.store.call_sealer import CallSealer
from ari_agent.store.call_warming import warm_up
from ari_agent.store.database import Database
from ari_agent.store.segment_tables import call_columns, call_fresh
from ari_agent.store.segment_tables import call_segments as segment_table
from ari_agent.store.store import Store
from ari_agent.store.tables import calls
from tests.store.samples import START_MS, a_call
from tests.store.test_packed_column import fulfils

NUMBERS = ["+4915112345", "+49301", "+12137771234", "+121377", "+44"]
STATUSES = ["ended"] * 4 + ["error", "ongoing", "registered"]
OPS_OF_TEXTS = [FilterOp.EQ, FilterOp.NE, FilterOp.SW, FilterOp.EW, FilterOp.CO, FilterOp.PR, FilterOp.NP]
OPS_OF_NUMBERS = [FilterOp.EQ, FilterOp.NE, FilterOp.GT, FilterOp.GE, FilterOp.LT, FilterOp.LE]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 16 calls, of which many are needed; of five attributes, some have no column."""
    for module in (call_segments, call_packing, call_sealer):
        monkeypatch.setattr(module, "MAX_SIZE", 16)
    for module in (call_segments, call_packing):
        monkeypatch.setattr(module, "BLOCK", 4)
    for module in (call_segments, call_packing, call_records):
        monkeypatch.setattr(module, "ITEMS", 3)
    monkeypatch.setattr(call_packing, "MAX_ATTRIBUTES", 4)
    monkeypatch.setattr(call_sealer, "SEALED_AT_ONCE", 6)
    monkeypatch.setattr(call_list, "FEW", 3)


def any_call(call_id: str, dice: random.Random) -> Call:
    """Times are few, so that many calls have the same."""
    tool = {"role": "tool_call_invocation", "tool_call_id": "t", "name": dice.choice("xy"), "arguments": "{}"}
    result = {"role": "tool_call_result", "tool_call_id": "t", "content": "", "successful": dice.random() < 0.5}
    maybe: dict[str, Any] = {
        "duration_ms": dice.randrange(5),
        "disconnection_reason": dice.choice(["user_hangup", "agent_hangup"]),
        "metadata": {dice.choice("abcde"): dice.choice([1, 2.5, True, "1", "gold", [1], None]) for _ in range(3)},
        "retell_llm_dynamic_variables": {"order": str(dice.randrange(4))},
        "call_analysis": {"call_successful": dice.random() < 0.5},
        "call_cost": {
            "combined_cost": dice.choice([0.5, 1, 2]),
            "total_duration_seconds": 1,
            "total_duration_unit_price": 1,
        },
        "transcript_with_tool_calls": [tool, result],
    }
    return a_call(
        call_id,
        start_timestamp=START_MS + dice.randrange(30),
        call_status=dice.choice(STATUSES),
        agent_id=f"agent_{dice.randrange(3)}",
        agent_version=dice.randrange(2),
        from_number=dice.choice(NUMBERS),
        **{name: value for name, value in maybe.items() if dice.random() < 0.6},
    )


def any_filter(dice: random.Random) -> AnyFilter:
    """Of every kind."""
    number = dice.choice(NUMBERS)
    part = number[dice.randrange(3) : dice.randrange(3, 8)]
    moment = START_MS + dice.randrange(30)
    agent = Filter(FilterField.AGENT_ID, FilterOp.EQ, f"agent_{dice.randrange(4)}")
    version = Filter(FilterField.AGENT_VERSION, FilterOp.IN, [dice.randrange(2)])
    of_text = dice.choice(OPS_OF_TEXTS)
    key = (AttributeKind.METADATA, dice.choice("abcdef"))
    choices: list[AnyFilter] = [
        Filter(FilterField.FROM_NUMBER, of_text, part if dice.random() < 0.5 else number),
        Filter(FilterField.CALL_ID, dice.choice(OPS_OF_TEXTS), f"call_{dice.randrange(12)}"),
        Filter(FilterField.CALL_STATUS, FilterOp.IN, dice.sample(STATUSES, 2)),
        Filter(FilterField.DISCONNECTION_REASON, dice.choice([FilterOp.PR, FilterOp.NP])),
        Filter(FilterField.DURATION_MS, dice.choice(OPS_OF_NUMBERS), dice.choice([0, 1.5, 3])),
        Filter(FilterField.COMBINED_COST, dice.choice(OPS_OF_NUMBERS), dice.choice([0.5, 1, 1.5])),
        Filter(FilterField.START_TIMESTAMP, dice.choice(OPS_OF_NUMBERS), moment),
        Filter(FilterField.START_TIMESTAMP, FilterOp.BT, (moment, moment + dice.randrange(5))),
        Filter(FilterField.CALL_SUCCESSFUL, FilterOp.EQ, dice.random() < 0.5),
        AnyOf([[agent], [Filter(FilterField.AGENT_ID, FilterOp.EQ, "agent_0"), version]]),
        AttributeFilter(*key, dice.choice(OPS_OF_TEXTS), dice.choice(["gold", "1", "o"])),
        AttributeFilter(*key, FilterOp.IN, ["gold", "true"]),
        AttributeFilter(*key, dice.choice(OPS_OF_NUMBERS), dice.choice([1, 2]), numeric=True),
        AttributeFilter(AttributeKind.DYNAMIC_VARIABLES, "order", FilterOp.BT, (1, 2), numeric=True),
        ToolCallFilter([("name", FilterOp.EQ, "x"), ("success", FilterOp.EQ, True)]),
        ToolCallFilter(()),
    ]
    return dice.choice(choices)


def holds(call: Call, wanted: AnyFilter) -> bool:
    """What a filter means, said once more."""
    known = call.as_json()
    match wanted:
        case Filter():
            return fulfils((columns(known) | {"call_id": call.call_id})[wanted.field.value], wanted.op, wanted.value)
        case AnyOf():
            return any(all(holds(call, inner) for inner in alternative) for alternative in wanted.alternatives)
        case ToolCallFilter():
            return any(
                all(fulfils(tool[name], op, value) for name, op, value in wanted.conditions)
                for tool in tool_calls(known)
            )
        case AttributeFilter():
            found = attributes(known).get((wanted.kind.value, wanted.key))
            if wanted.op in (FilterOp.PR, FilterOp.NP):
                return (found is not None) is (wanted.op is FilterOp.PR)
            value = wanted.value if wanted.numeric or wanted.op is FilterOp.IN else as_text(wanted.value)
            return fulfils(found and found[1 if wanted.numeric else 0], wanted.op, value)


def expected(there: Mapping[str, Call], filters: Sequence[AnyFilter], *, ascending: bool) -> Sequence[str]:
    """The call_ids of the whole list."""
    found = [call for call in there.values() if all(holds(call, wanted) for wanted in filters)]
    keys = sorted(((call.start_timestamp or 0, call.call_id) for call in found), reverse=not ascending)
    return [call_id for _, call_id in keys]


def shown(call: Call) -> dict[str, Any]:
    """What list-calls shows of a call."""
    return {key: value for key, value in call.as_json().items() if "transcript" not in key}


async def check(store: Store, there: Mapping[str, Call], dice: random.Random) -> None:
    """Some list, its total, a part that skips, and all its pages by key."""
    filters = [any_filter(dice) for _ in range(dice.randrange(4))]
    ascending = dice.random() < 0.5
    wanted = expected(there, filters, ascending=ascending)
    assert await store.calls.count(filters) == len(wanted), filters
    skip, limit = dice.randrange(len(wanted) + 2), dice.randrange(1, 40)
    page = await store.calls.list(filters, ascending=ascending, limit=limit, skip=skip)
    assert [call.call_id for call in page.calls] == wanted[skip : skip + limit], filters
    assert (page.next_key is not None, page.total) == (skip + limit < len(wanted), None)
    assert all(call == there[call.call_id] for call in page.calls)
    items = await store.calls.list_items(filters, ascending=ascending, limit=limit, skip=skip, with_total=True)
    assert [json.loads(item) for item in items.calls] == [shown(call) for call in page.calls]
    assert (items.next_key, items.total) == (page.next_key, len(wanted)), filters
    seen, key, more, with_total = list[str](), None, True, dice.random() < 0.5
    while more:
        page = await store.calls.list(
            filters, ascending=ascending, limit=limit, pagination_key=key, with_total=with_total
        )
        assert page.total == (len(wanted) if with_total else None), filters
        seen += [call.call_id for call in page.calls]
        more = page.next_key is not None
        # what v2 goes on with, and what v3 does
        key = page.calls[-1].call_id if more and dice.random() < 0.5 else page.next_key
    assert seen == wanted, filters


async def change(store: Store, there: dict[str, Call], dice: random.Random, call_ids: Sequence[str]) -> None:
    """Some of these calls are written, amended and deleted."""
    for _ in range(12):
        call_id = dice.choice(call_ids)
        what = dice.random()
        if what < 0.7 or call_id not in there:
            call = any_call(call_id, dice)
            await store.calls.save(call)
            before = there.get(call_id)
            # what the API wrote wins over what the call writes
            kept = before.custom_attributes if before else None
            there[call_id] = call.model_copy(update={"custom_attributes": kept}) if kept else call
        elif what < 0.85:
            changed = await store.calls.update_fields(call_id, {"custom_attributes": {"tier": dice.choice("gs")}})
            assert changed
            there[call_id] = changed
        else:
            assert await store.calls.delete(call_id)
            del there[call_id]


@pytest.mark.parametrize("seed", range(2))
async def test_lists_are_what_a_loop_over_all_calls_finds(
    store: Store, database_url: str, small: None, seed: int
) -> None:
    dice, there = random.Random(seed), dict[str, Call]()
    other = Store(database_url)
    await other.open()
    for _ in range(5):
        # two processes' worth of stores, each with calls of its own, and both sealing
        ids = [[f"call_{number}" for number in range(first, 120, 4)] for first in range(4)]
        await asyncio.gather(
            *(change((store, other)[at % 2], there, random.Random(dice.random()), ids[at]) for at in range(4))
        )
        for _ in range(6):
            await check(store, there, dice)
    await other.close()


async def count_rows(database: Database) -> tuple[int, int]:
    """Segments, fresh calls."""

    def ask(connection: Connection) -> tuple[int, int]:
        tables = (segment_table, call_fresh)
        segments, fresh = (connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)
        return segments, fresh

    return await database.read(ask)


async def test_pages_stay_whole_while_others_write_and_seal(store: Store, database_url: str, small: None) -> None:
    dice = random.Random(5)
    for number in range(60):
        await store.calls.save(
            a_call(f"still_{number:02}", start_timestamp=START_MS + number % 20, call_status="ended")
        )
    database = Database(database_url)
    writing = True

    async def write(store: Store, name: str) -> None:
        for number in range(60):
            call_id = f"{name}_{number % 15}"
            await store.calls.save(a_call(call_id, start_timestamp=START_MS + dice.randrange(20), call_status="ended"))
            if number % 4 == 3:
                await store.calls.delete(call_id)

    async def read() -> None:
        still = Filter(FilterField.CALL_ID, FilterOp.SW, "still")
        while writing:
            page = await store.calls.list(limit=1000)
            ids = [call.call_id for call in page.calls]
            assert len(set(ids)) == len(ids)
            assert sum(call_id.startswith("still") for call_id in ids) == 60
            assert await store.calls.count([still, Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])]) == 60

    other = Store(database_url)
    await other.open()
    reader = asyncio.create_task(read())
    sealer = CallSealer(database)
    await asyncio.gather(write(store, "a"), write(other, "b"), *(sealer.seal() for _ in range(3)))
    writing = False
    await reader
    await other.close()
    await store.calls._sealer.join()  # of two that seal at once, one leaves it to the other
    await sealer.seal()
    segments, fresh = await count_rows(database)
    await database.close()
    assert segments >= 4
    assert fresh < 6


async def test_a_call_that_is_written_to_while_it_is_sealed_stays_fresh(store: Store, database_url: str) -> None:
    there = {str(number): a_call(str(number), call_status="ended") for number in range(600)}
    for call in there.values():
        await store.calls.save(call)
    await store.calls._sealer.join()
    await store.calls.delete("599")  # so that there is something to seal
    del there["599"]
    database = Database(database_url)
    plan = await database.read(call_sealer._plan)
    assert plan
    there["7"] = a_call("7", call_status="ended", from_number="+4930")
    await store.calls.save(there["7"])
    await asyncio.gather(
        store.calls._sealer.join(),
        database.write(lambda connection: call_sealer._store(plan, plan.repack(), connection)),
    )
    found = await store.calls.list([Filter(FilterField.FROM_NUMBER, FilterOp.CO, "4930")])
    assert [call.call_id for call in found.calls] == ["7"]
    assert await store.calls.count() == len(there)
    await database.close()


async def test_nothing_of_a_deleted_call_stays_in_a_segment(store: Store, database_url: str, small: None) -> None:
    for number in range(20):
        await store.calls.save(a_call(f"call_{number}", call_status="ended", from_number=f"+4930{number:05}"))
    await store.calls._sealer.join()
    assert await store.calls.delete("call_3")
    await store.calls._sealer.join()
    database = Database(database_url)
    packed = await database.read(lambda connection: connection.execute(select(call_columns.c.packed)).scalars().all())
    await database.close()
    assert any(b"+493000002" in one for one in packed)
    assert not any(b"+493000003" in one for one in packed)


async def test_items_of_sealed_calls_are_read_from_their_segment(
    store: Store, database_url: str, small: None, caplog: pytest.LogCaptureFixture
) -> None:
    there = [a_call(f"call_{number}", call_status="ended", start_timestamp=START_MS + number) for number in range(20)]
    database = Database(database_url)
    # two of three items of its block are there, and cannot be sealed without it
    damage = update(calls).where(calls.c.call_id == "call_4").values(document="{", list_item=None)
    for call in there:
        await store.calls.save(call)
        if call.call_id == "call_4":
            await database.write(lambda connection: connection.execute(damage).rowcount)
    await store.calls._sealer.join()
    await CallSealer(database).seal()
    forget = update(calls).where(calls.c.call_id != "call_5").values(list_item="{}")
    await database.write(lambda connection: connection.execute(forget.where(calls.c.call_id != "call_4")).rowcount)
    page = await store.calls.list_items(ascending=True, limit=9)
    expected = [{} if call.call_id == "call_3" else shown(call) for call in there[:9] if call.call_id != "call_4"]
    assert [json.loads(item) for item in page.calls] == expected
    assert "a record was passed over: the record of call call_4" in caplog.text
    await database.close()


async def test_warming_up_reads_every_column_or_stops_when_it_is_enough(
    store: Store, database_url: str, small: None
) -> None:
    for number in range(40):
        await store.calls.save(a_call(f"call_{number}", call_status="ended"))
    await store.calls._sealer.join()
    database = Database(database_url)
    size = select(func.sum(func.length(call_columns.c.packed)))
    size_bytes = await database.read(lambda connection: connection.execute(size).scalar_one())
    assert await warm_up(database) == size_bytes
    assert 0 < await warm_up(database, max_bytes=1) < size_bytes
    await database.close()


async def test_a_damaged_segment_is_reported_and_keeps_no_store_from_closing(
    store: Store, database_url: str, small: None, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(database_url)
    sealer = CallSealer(database)
    for number in range(8):
        await store.calls.save(a_call(f"call_{number}", call_status="ended"))
    await store.calls._sealer.join()
    await sealer.seal()
    damaged = await database.write(
        lambda connection: connection.execute(update(call_columns).values(packed=b"damaged")).rowcount
    )
    assert damaged
    for number in range(8, 16):
        await store.calls.save(a_call(f"call_{number}", call_status="ended"))
    sealer.announce(at_once=True)
    await sealer.join()
    await database.close()
    assert "calls stay out of the segments" in caplog.text


old_calls = Table("calls", MetaData(), *(column._copy() for column in calls.c if column.name != "list_item"))


def migrate(connection: Connection, revision: str) -> None:
    """As far as that."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def test_closing_leaves_what_waits_for_the_next_start(store: Store, database_url: str, small: None) -> None:
    database = Database(database_url)
    sealer = CallSealer(database)
    for number in range(100):
        await store.calls.save(a_call(f"call_{number}", call_status="ongoing"))
    await store.calls._sealer.join()
    ended = update(calls).values(call_status="ended")
    await database.write(lambda connection: connection.execute(ended).rowcount)
    sealing = asyncio.create_task(sealer.seal())
    while (await count_rows(database))[0] == 0:
        pass
    await sealer.close()
    await sealing
    segments, fresh = await count_rows(database)
    assert 0 < segments < 6
    assert fresh > 6
    sealer.announce(at_once=True)
    await sealer.join()
    assert await count_rows(database) == (segments, fresh)
    await database.close()
    again = Store(database_url)
    await again.open()
    assert (await count_rows(again._database))[1] < 6
    assert await again.calls.count() == 100
    await again.close()


async def test_a_start_that_is_cancelled_while_it_seals_goes_on_the_next_time(
    bare_database_url: str, small: None
) -> None:
    def fill(connection: Connection) -> None:
        migrate(connection, "0007")
        rows = [
            {"call_id": f"call_{number}", "document": "{}", "call_status": "ended", "listed_ms": number}
            for number in range(400)
        ]
        connection.execute(insert(old_calls), rows)

    database = Database(bare_database_url)
    await database.write(fill)
    opening = asyncio.create_task(Store(bare_database_url).open())
    while not await is_sealing(database):
        pass
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert (await count_rows(database))[1] > 6
    again = Store(bare_database_url)
    await again.open()
    assert (await count_rows(database))[1] < 6
    assert await again.calls.count() == 400
    await again.close()
    await database.close()


async def is_sealing(database: Database) -> bool:
    """It has begun."""

    def ask(connection: Connection) -> bool:
        return inspect(connection).has_table("call_segments")

    return await database.read(ask) and (await count_rows(database))[0] > 0


async def test_opening_seals_the_calls_that_an_older_version_stored(bare_database_url: str) -> None:
    some = [a_call(f"call_{number}", call_status="ended", start_timestamp=START_MS + number) for number in range(600)]

    def fill(connection: Connection) -> None:
        migrate(connection, "0005")
        rows = [
            columns(call.as_json())
            | {"call_id": call.call_id, "document": call.model_dump_json(), "listed_ms": call.start_timestamp}
            for call in some
        ]
        connection.execute(insert(old_calls), rows)

    database = Database(bare_database_url)
    await database.write(fill)
    store = Store(bare_database_url)
    await store.open()
    assert await count_rows(database) == (1, 0)
    items = await store.calls.list_items(ascending=True, limit=2)
    assert [json.loads(item) for item in items.calls] == [shown(call) for call in some[:2]]
    page = await store.calls.list(skip=500, limit=1000)
    assert [call.call_id for call in page.calls] == [call.call_id for call in some[99::-1]]
    assert await store.calls.count([Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])]) == 600
    await store.close()
    await database.close()


async def test_segments_that_an_older_version_made_are_made_anew(bare_database_url: str) -> None:
    def fill(connection: Connection) -> None:
        migrate(connection, "0009")
        known = [{"call_id": f"call_{number}", "listed_ms": number} for number in range(600)]
        connection.execute(insert(old_calls), [one | {"document": "{}", "call_status": "ended"} for one in known])
        segment = {"size": 599, "first_ms": 0, "first_id": "call_0", "last_ms": 598, "last_id": "call_598"}
        connection.execute(insert(segment_table), segment | {"segment_id": 1, "whole": True})
        connection.execute(insert(call_columns), {"place": "1/listed_ms", "packed": b"as it was"})
        # one that was written to since, a new one, and one that is gone
        fresh = [known[7] | {"sealed_ms": 7}, known[599] | {"sealed_ms": None}, {"call_id": "gone", "listed_ms": 3}]
        connection.execute(insert(call_fresh), [{"sealed_ms": 3, "touched": 0} | one for one in fresh])

    database = Database(bare_database_url)
    await database.write(fill)
    store = Store(bare_database_url)
    await store.open()
    assert await count_rows(database) == (1, 0)
    assert await store.calls.count() == 600
    assert await store.calls.count([Filter(FilterField.CALL_ID, FilterOp.CO, "_59")]) == 11
    await store.close()
    await database.close()
