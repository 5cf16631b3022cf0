"""A database that an older version made: everything is there, and what only that version needed is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, inspect

from ari_agent.contract.call import Call
from ari_agent.contract.call_recovery import NO_RECOVERY, CallRecovery
from ari_agent.store import migrations
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
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from tests.store.samples import START_MS, a_call, a_number, an_agent

PLAN = {"url": "https://hooks.example/?token=hunter2", "events": ["call_ended"], "timeout_ms": 5000}
TOOL = {"role": "tool_call_invocation", "tool_call_id": "t1", "name": "book", "arguments": "{}"}
BEFORE_ITEMS = 20
"""So many calls a version before `list_item` wrote."""


def migrate(connection: Connection, revision: str) -> None:
    """As far as that."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def old_calls() -> list[Call]:
    """Calls of which every second has metadata, and every third a tool call; the last two have not ended."""
    return [
        a_call(
            f"call_{number:02}",
            start_timestamp=START_MS + number,
            call_status="ended" if number < 38 else "ongoing",
            transcript="Hello Zoë \x00",
            metadata={"even": "yes", "number": number} if number % 2 == 0 else None,
            transcript_with_tool_calls=[TOOL] if number % 3 == 0 else [],
            call_analysis={"call_successful": True, "user_sentiment": None},
        )
        for number in range(40)
    ]


def shown(call: Call) -> dict[str, Any]:
    """What list-calls shows of a call."""
    return {key: value for key, value in call.as_json().items() if "transcript" not in key}


def insert_as_before(connection: Connection, tables: MetaData, call: Call, *, with_item: bool) -> None:
    """Write a call as the version before this one did."""
    known = call.as_json()
    hidden = {"webhook_plan": PLAN} | ({"diverted": True} if call.call_id == "call_39" else {})
    place = {"call_id": call.call_id, "listed_ms": call.start_timestamp}
    row = columns(known) | place | {"document": json.dumps(call.as_record() | hidden)}
    if with_item:
        row["list_item"] = json.dumps(shown(call))
    connection.execute(tables.tables["calls"].insert(), row)
    for (kind, key), (value, number) in attributes(known).items():
        of_call = place | {"kind": kind, "key": key, "text": value, "number": number}
        connection.execute(tables.tables["call_attributes"].insert(), of_call)
    for position, tool in enumerate(tool_calls(known)):
        of_tool = {"call_id": call.call_id, "position": position, **tool}
        connection.execute(tables.tables["call_tool_calls"].insert(), of_tool)


def fill(connection: Connection) -> None:
    """A database of the version before this one, some of whose calls an even older one wrote."""
    migrate(connection, "0010")
    tables = MetaData()
    tables.reflect(connection)
    for place, call in enumerate(old_calls()):
        insert_as_before(connection, tables, call, with_item=place >= BEFORE_ITEMS)
    change = {"amendments": json.dumps({"metadata": {"even": "no"}})}
    connection.execute(tables.tables["calls"].update().where(tables.tables["calls"].c.call_id == "call_01"), change)
    damaged = {"call_id": "damaged", "document": "{", "listed_ms": 1, "call_status": "ended"}
    connection.execute(tables.tables["calls"].insert(), damaged)
    segment = {"size": 1, "first_ms": 0, "first_id": "a", "last_ms": 1, "last_id": "b", "whole": True}
    connection.execute(tables.tables["call_segments"].insert(), segment)
    connection.execute(tables.tables["call_columns"].insert(), {"place": "1/x", "packed": b"x"})
    connection.execute(tables.tables["call_fresh"].insert(), {"call_id": "call_01", "listed_ms": 1, "touched": 0})


@pytest.fixture
async def upgraded(bare_database_url: str) -> Any:
    """An open store on that database."""
    database = Database(bare_database_url)
    await database.write(fill)
    await database.close()
    store = Store(bare_database_url)
    await store.open()
    yield store
    await store.close()


async def test_every_call_is_there_with_its_transcript_and_what_the_api_changed(upgraded: Store) -> None:
    for call in old_calls():
        expected = call.model_copy(update={"metadata": {"even": "no"}}) if call.call_id == "call_01" else call
        assert await upgraded.calls.get(call.call_id) == expected
    assert await upgraded.calls.count() == 41


async def test_lists_show_all_that_can_be_read(upgraded: Store, caplog: pytest.LogCaptureFixture) -> None:
    page = await upgraded.calls.list_items(ascending=True, limit=100)
    expected = [shown(call) for call in old_calls()]
    expected[1]["metadata"] = {"even": "no"}
    assert [json.loads(item) for item in page.calls] == expected
    assert "a record was passed over: the record of call damaged" in caplog.text
    assert not any("hunter2" in item for item in page.calls)


async def test_filters_find_them(upgraded: Store) -> None:
    even = AttributeFilter(AttributeKind.METADATA, "even", FilterOp.EQ, "yes")
    large = AttributeFilter(AttributeKind.METADATA, "number", FilterOp.GE, 30, numeric=True)
    ongoing = Filter(FilterField.CALL_STATUS, FilterOp.IN, ["ongoing"])
    booked = ToolCallFilter([("name", FilterOp.EQ, "book")])
    asked: list[list[AnyFilter]] = [[even], [even, large], [ongoing], [booked, even]]
    found = [await upgraded.calls.count(wanted) for wanted in asked]
    assert found == [20, 5, 2, 7]


async def test_calls_that_had_not_ended_can_still_be_ended_in_order(upgraded: Store) -> None:
    found = {stored.call.call_id: stored for stored in await upgraded.calls.unfinished()}
    assert found.keys() == {"call_38", "call_39"}
    plans = [stored.recovery.webhook_plan for stored in found.values()]
    assert [plan and plan.as_record() for plan in plans] == [PLAN, PLAN]
    assert [found[call_id].recovery.diverted for call_id in ("call_38", "call_39")] == [False, True]


async def test_a_call_that_had_ended_needs_no_plan_and_shows_none(upgraded: Store) -> None:
    stored = await upgraded.calls.get_stored("call_05")
    assert stored is not None
    assert stored.recovery == NO_RECOVERY == CallRecovery()
    assert "hunter2" not in json.dumps(stored.call.as_json())


async def test_the_packed_columns_are_gone_and_the_store_goes_on(upgraded: Store, bare_database_url: str) -> None:
    database = Database(bare_database_url)
    names = await database.read(lambda connection: set(inspect(connection).get_table_names()))
    await database.close()
    assert names.isdisjoint({"call_segments", "call_columns", "call_fresh"})
    await upgraded.calls.save(a_call("call_new", start_timestamp=START_MS + 99))
    assert [call.call_id for call in (await upgraded.calls.list(limit=1)).calls] == ["call_new"]
    await upgraded.agents.create(an_agent())
    await upgraded.phone_numbers.create(a_number())
