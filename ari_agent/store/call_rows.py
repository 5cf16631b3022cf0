"""Calls on their way into a segment, and those that are looked through without one: read from their own records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from ari_agent.errors import UnreadableRecord
from ari_agent.store.call_records import ITEM, item_of
from ari_agent.store.call_segments import (
    ATTRIBUTE_COLUMNS,
    CALL_COLUMNS,
    LISTED_MS,
    TOOL_COLUMNS,
    TOOLS,
    Key,
    attribute_column,
)
from ari_agent.store.column_cache import CALL_ID, among
from ari_agent.store.tables import call_attributes, call_tool_calls, calls

ToolCall = tuple[Any, ...]
_RECORDS: Final = 256
"""So many are in memory at once: those that an older version wrote are read whole."""


@dataclass(frozen=True, slots=True)
class CallRow:
    """What is filtered by. values: by name of column, those that are set; tool_calls: each as TOOL_COLUMNS.

    item: what list-calls shows of it; None if that was not asked for, or the record cannot be read.
    """

    key: Key
    values: Mapping[str, Any]
    tool_calls: Sequence[ToolCall]
    item: str | None = None


def read_rows(connection: Connection, call_ids: Sequence[str], names: Set[str] | None = None) -> Sequence[CallRow]:
    """Those of these calls that are there, in no order. names: with these columns; None means all, and the items."""
    if not call_ids:
        return ()
    columns = [name for name in CALL_COLUMNS if names is None or name in names or name in (LISTED_MS, CALL_ID)]
    statement = select(*(calls.c[name] for name in columns)).where(among(connection, calls.c.call_id, call_ids))
    values: dict[str, dict[str, Any]] = {
        row["call_id"]: {name: value for name, value in row.items() if value is not None}
        for row in connection.execute(statement).mappings()
    }
    if names is None or any(name.startswith(ATTRIBUTE_COLUMNS) for name in names):
        of_calls = among(connection, call_attributes.c.call_id, call_ids)
        for one in connection.execute(select(call_attributes).where(of_calls)):
            found = _attribute(one.kind, one.key, one.text, one.number)
            values[one.call_id].update((name, value) for name, value in found if names is None or name in names)
    tools: dict[str, list[ToolCall]] = defaultdict(list)
    if names is None or TOOLS in names:
        statement = select(call_tool_calls).where(among(connection, call_tool_calls.c.call_id, call_ids))
        for one in connection.execute(statement.order_by(call_tool_calls.c.call_id, call_tool_calls.c.position)):
            tools[one.call_id].append(tuple(getattr(one, name) for name in TOOL_COLUMNS))
    items = _items(connection, call_ids) if names is None else {}
    return [
        CallRow((row[LISTED_MS], call_id), row, tools[call_id], items.get(call_id)) for call_id, row in values.items()
    ]


def _items(connection: Connection, call_ids: Sequence[str]) -> Mapping[str, str]:
    items: dict[str, str] = {}
    for begin in range(0, len(call_ids), _RECORDS):
        some = among(connection, calls.c.call_id, call_ids[begin : begin + _RECORDS])
        for row in connection.execute(select(*ITEM).where(some)):
            with suppress(UnreadableRecord):  # logged when it is to be shown
                items[row.call_id] = item_of(row)
    return items


def _attribute(kind: str, key: str, text: str | None, number: float | None) -> Iterator[tuple[str, Any]]:
    """The columns in which an attribute stands, and what."""
    if text is None:
        yield attribute_column("bare", kind, key), True
    else:
        yield attribute_column("text", kind, key), text
    if number is not None:
        yield attribute_column("number", kind, key), number
