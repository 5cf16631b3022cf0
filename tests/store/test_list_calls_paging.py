"""Lists of calls are what a loop over all calls finds, whoever writes meanwhile; and what a page is read from."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, case, select, update

from ari_agent.contract.call import Call
from ari_agent.store.call_filter import (
    AnyFilter,
    AnyOf,
    AttributeFilter,
    AttributeKind,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
)
from ari_agent.store.call_index import as_text, attributes, columns, tool_calls
from ari_agent.store.database import Database
from ari_agent.store.filter_conditions import matching_calls
from ari_agent.store.store import Store
from ari_agent.store.tables import calls
from tests.store.samples import START_MS, a_call

NUMBERS = ["+4915112345", "+49301", "+12137771234", "+121377", "+44"]
STATUSES = ["ended"] * 4 + ["error", "ongoing", "registered"]
OPS_OF_TEXTS = [FilterOp.EQ, FilterOp.NE, FilterOp.SW, FilterOp.EW, FilterOp.CO, FilterOp.PR, FilterOp.NP]
OPS_OF_NUMBERS = [FilterOp.EQ, FilterOp.NE, FilterOp.GT, FilterOp.GE, FilterOp.LT, FilterOp.LE]


NAIVE: Mapping[FilterOp, Callable[[Any, Any], bool]] = {
    FilterOp.EQ: lambda value, wanted: value == wanted,
    FilterOp.SW: lambda value, wanted: value.startswith(wanted),
    FilterOp.EW: lambda value, wanted: value.endswith(wanted),
    FilterOp.CO: lambda value, wanted: wanted in value,
    FilterOp.GT: lambda value, wanted: value > wanted,
    FilterOp.GE: lambda value, wanted: value >= wanted,
    FilterOp.LT: lambda value, wanted: value < wanted,
    FilterOp.LE: lambda value, wanted: value <= wanted,
    FilterOp.BT: lambda value, wanted: wanted[0] <= value <= wanted[1],
    FilterOp.IN: lambda value, wanted: value in wanted,
    FilterOp.PR: lambda value, wanted: True,
}


def fulfils(value: Any, op: FilterOp, wanted: Any) -> bool:
    """What a filter means: only `ne` and `np` hold for what is unset."""
    if op is FilterOp.NE:
        return bool(value != wanted)
    if op is FilterOp.NP:
        return value is None
    return value is not None and NAIVE[op](value, wanted)


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
async def test_lists_are_what_a_loop_over_all_calls_finds(store: Store, database_url: str, seed: int) -> None:
    dice, there = random.Random(seed), dict[str, Call]()
    other = Store(database_url)
    await other.open()
    for _ in range(5):
        # two processes' worth of stores, each with calls of its own
        ids = [[f"call_{number}" for number in range(first, 120, 4)] for first in range(4)]
        await asyncio.gather(
            *(change((store, other)[at % 2], there, random.Random(dice.random()), ids[at]) for at in range(4))
        )
        for _ in range(6):
            await check(store, there, dice)
    await other.close()


async def test_pages_stay_whole_while_others_write(store: Store, database_url: str) -> None:
    dice = random.Random(5)
    for number in range(60):
        await store.calls.save(
            a_call(f"still_{number:02}", start_timestamp=START_MS + number % 20, call_status="ended")
        )
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
    await asyncio.gather(write(store, "a"), write(other, "b"))
    writing = False
    await reader
    await other.close()


async def test_items_are_the_stored_text_and_one_that_is_missing_is_passed_over(
    store: Store, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        await store.calls.save(a_call(f"call_{number}", start_timestamp=START_MS + number))
    database = Database(database_url)
    item = case((calls.c.call_id == "call_1", '{"as":"stored"}'), else_=None)
    damage = update(calls).where(calls.c.call_id.in_(["call_1", "call_2"])).values(list_item=item, document="{")
    await database.write(lambda connection: connection.execute(damage).rowcount)
    await database.close()
    page = await store.calls.list_items(ascending=True, limit=4)
    assert page.calls[1] == '{"as":"stored"}'
    assert [json.loads(item).get("call_id") for item in page.calls] == ["call_0", None, "call_3"]
    assert "a record was passed over: the record of call call_2" in caplog.text


async def test_a_call_whose_numbers_are_long_texts_is_stored_and_found(store: Store) -> None:
    number = "".join(chr(0x10000 + place * 4099 % 0xFFFFF) for place in range(256))
    await store.calls.save(a_call(from_number=number, to_number=number[::-1], batch_call_id=number[:64]))
    found = await store.calls.list([Filter(FilterField.TO_NUMBER, FilterOp.EQ, number[::-1])])
    assert [call.from_number for call in found.calls] == [number]


async def test_calls_come_with_what_was_said_page_by_page(store: Store) -> None:
    said = [{"role": "user", "content": "Grüße \U0001f600", "words": []}]
    for number in range(3):
        await store.calls.save(a_call(f"call_{number}", start_timestamp=START_MS + number, transcript_object=said))
    await store.calls.update_fields("call_2", {"metadata": {"order": 7}})
    page = await store.calls.list_said(limit=2)
    newest, second = page.calls
    assert (newest.listed_ms, second.listed_ms, page.next_key) == (START_MS + 2, START_MS + 1, second.key)
    assert json.loads(newest.document)["transcript_object"] == said
    assert json.loads(newest.amendments or "") == {"metadata": {"order": 7}}
    assert json.loads(newest.item)["call_id"] == "call_2" and "transcript_object" not in newest.item
    assert second.amendments is None
    rest = await store.calls.list_said(limit=2, pagination_key=newest.key)
    assert ([call.listed_ms for call in rest.calls], rest.next_key) == ([START_MS + 1, START_MS], None)


def _eq(field: FilterField, value: str) -> Filter:
    return Filter(field, FilterOp.EQ, value)


CUSTOMER = AttributeFilter(AttributeKind.METADATA, "customer", FilterOp.EQ, "c1")
PLANS: Mapping[str, tuple[Sequence[AnyFilter], str]] = {
    "no filter": ([], "ix_calls_listed"),
    "agent": ([_eq(FilterField.AGENT_ID, "agent_1")], "ix_calls_agent"),
    "from": ([_eq(FilterField.FROM_NUMBER, "+1")], "ix_calls_from_number"),
    "to": ([_eq(FilterField.TO_NUMBER, "+1")], "ix_calls_to_number"),
    "status": ([Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ended"])], "ix_calls_status"),
    "direction": ([Filter(FilterField.DIRECTION, FilterOp.IN, ["inbound"])], "ix_calls_direction"),
    "batch": ([_eq(FilterField.BATCH_CALL_ID, "b")], "ix_calls_batch_call"),
    "duration": ([Filter(FilterField.DURATION_MS, FilterOp.GT, 5)], "ix_calls_listed"),
    "metadata": ([CUSTOMER], "ix_call_attributes_text"),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("with_time", [False, True])
async def test_pages_are_found_and_sorted_by_an_index_alone(empty_database: Path, name: str, with_time: bool) -> None:
    filters, index = PLANS[name]
    # PostgreSQL reads a table this small without an index, and tells nothing.
    database = Database(f"sqlite+aiosqlite:///{empty_database}")

    def plan(connection: Connection) -> str:
        matching = matching_calls(filters, "sqlite")
        statement = select(matching.listed_ms, matching.call_id).select_from(matching.source)
        statement = statement.where(*matching.conditions)
        if with_time:
            statement = statement.where(matching.listed_ms.between(1, 2))
        compiled = statement.order_by(matching.listed_ms.desc(), matching.call_id.desc()).compile(connection)
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        return "\n".join(row.detail for row in rows)

    found = await database.read(plan)
    await database.close()
    assert f"USING COVERING INDEX {index}" in found
    assert "TEMP B-TREE" not in found
