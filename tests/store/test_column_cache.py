"""Columns in memory: the ones that were read last, no more of them than there is room for, and none twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, insert, update

from ari_agent.store.column_cache import ColumnCache, block_column, place
from ari_agent.store.packed_column import pack
from ari_agent.store.packed_ids import pack_ids
from ari_agent.store.segment_tables import call_columns
from ari_agent.store.tables import metadata

NAMES = [f"name_{number}" for number in range(10)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A database with ten columns of segment 1, each with its own name as its value."""
    engine = create_engine(f"sqlite:///{tmp_path}/columns.db")
    with engine.begin() as opened:
        metadata.tables["call_columns"].create(opened)
        packed = {name: pack([name]) for name in NAMES} | {block_column(0): pack_ids(["call_" + "0" * 32])}
        rows = [{"place": place(1, name), "packed": column} for name, column in packed.items()]
        opened.execute(insert(call_columns), rows)
        yield opened
    engine.dispose()


def read(cache: ColumnCache, connection: Connection, *names: str) -> dict[str, list[object]]:
    """The values of columns of segment 1, by name."""
    found = cache.load(connection, [place(1, name) for name in names])
    return {name: list(column.values()) for name, column in found.get(1, {}).items()}


def spoil(connection: Connection) -> None:
    """Whoever reads a column from now on sees it."""
    connection.execute(update(call_columns).values(packed=pack(["read again"])))


def test_what_was_read_is_not_read_again(connection: Connection) -> None:
    cache = ColumnCache()
    assert read(cache, connection, "name_1", "missing", block_column(0)) == {
        "name_1": ["name_1"],
        block_column(0): ["call_" + "0" * 32],
    }
    spoil(connection)
    connection.execute(insert(call_columns), {"place": place(1, "missing"), "packed": pack(["read again"])})
    assert read(cache, connection, "name_1", "name_2", "missing") == {"name_1": ["name_1"], "name_2": ["read again"]}


def test_the_one_that_was_not_used_longest_goes_first(connection: Connection) -> None:
    cache = ColumnCache(max_bytes=3500)  # three columns
    for name in ("name_0", "name_1", "name_2", "name_0", "name_3"):
        read(cache, connection, name)
    spoil(connection)
    assert read(cache, connection, "name_0", "name_2", "name_3") == {
        "name_0": ["name_0"],
        "name_2": ["name_2"],
        "name_3": ["name_3"],
    }
    assert read(cache, connection, "name_1") == {"name_1": ["read again"]}


def test_more_than_there_is_room_for_is_read_all_the_same(connection: Connection) -> None:
    cache = ColumnCache(max_bytes=100)
    assert read(cache, connection, *NAMES) == {name: [name] for name in NAMES}
    assert cache.used_bytes == 0
