"""Segments: some thousands of neighbours in the list of calls, whose columns are packed and looked through at once.

A database that decides row by row needs half a second for a million calls; packed, they are looked through in a few
hundredths, whatever the conditions, so that any page and any total can be had. A segment is never changed: whoever
changes a call puts it among the *fresh* ones in the same transaction, and a fresh call is read from its own record,
while its entry in a segment, if any, is passed over. `call_sealer.py` makes segments of the fresh calls in time.

Columns are named for those of `calls`; `call_id` is cut into blocks, `call_id:0` and so on, of which a page needs few.
An attribute has `text:KIND:KEY`, if any of its values is a number `number:KIND:KEY`, and if any is neither
`bare:KIND:KEY`. `tools` counts the tool calls of each call, which stand one after the other in columns of their own,
`tools:name` and so on. A column that no call has a value in is left out. What list-calls shows of the calls stands in
blocks of a few, `item:0` and so on, of which those are left out that have a call whose record cannot be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from ari_agent.store import packed_ids
from ari_agent.store.call_filter import (
    AnyFilter,
    AnyOf,
    AttributeFilter,
    Filter,
    FilterField,
    FilterOp,
    ToolCallFilter,
    attribute_key,
    attribute_texts,
    of_key,
    positive,
)
from ari_agent.store.column_cache import Column, ColumnCache, block_column, place
from ari_agent.store.packed_column import Mask, PackedColumn, pack
from ari_agent.store.packed_items import ITEMS, item_column
from ari_agent.store.segment_tables import call_segments
from ari_agent.store.tables import call_attributes, storable

MAX_SIZE: Final = 8192
BLOCK: Final = 1024
"""Rows of a block of call_id."""
Key = tuple[int, str]
"""A call's place in the list: listed_ms, call_id."""
LISTED_MS: Final = "listed_ms"
CALL_COLUMNS: Final = (LISTED_MS, *(field.value for field in FilterField))
TOOLS: Final = "tools"
TOOL_COLUMNS: Final = ("name", "type", "success", "latency_ms")
ATTRIBUTE_COLUMNS: Final = ("text", "number", "bare")


def tool_column(name: str) -> str:
    """Its name in a segment."""
    return f"{TOOLS}:{name}"


def attribute_column(what: str, kind: str, key: str) -> str:
    """Its name in a segment. what: one of ATTRIBUTE_COLUMNS."""
    return f"{what}:{kind}:{key}"


def columns_of(wanted: AnyFilter) -> Iterator[str]:
    """The columns that `Loaded.fulfil` looks at."""
    match wanted:
        case AnyOf():
            for alternative in wanted.alternatives:
                for inner in alternative:
                    yield from columns_of(inner)
        case AttributeFilter():
            for what in ("number",) if wanted.numeric else ("text", "bare"):
                yield attribute_column(what, wanted.kind.value, attribute_key(wanted))
        case ToolCallFilter():
            yield TOOLS
            yield from (tool_column(name) for name, _, _ in wanted.conditions)
        case Filter(field=FilterField.CALL_ID):
            yield from map(block_column, range(MAX_SIZE // BLOCK))
        case _:
            yield wanted.field.value


@dataclass(frozen=True, slots=True)
class Segment:
    """Calls from `first` to `last`, both included. whole: each of their attributes has a column."""

    segment_id: int
    size: int
    first: Key
    last: Key
    whole: bool


def all_segments(connection: Connection) -> Sequence[Segment]:
    """In order; they do not overlap."""
    rows = connection.execute(select(call_segments).order_by(call_segments.c.first_ms, call_segments.c.first_id))
    return [
        Segment(row.segment_id, row.size, (row.first_ms, row.first_id), (row.last_ms, row.last_id), row.whole)
        for row in rows
    ]


class Loaded:
    """A segment with some of its columns."""

    def __init__(
        self, connection: Connection, cache: ColumnCache, segment: Segment, columns: Mapping[str, Column]
    ) -> None:
        self._connection, self._cache, self._segment = connection, cache, segment
        self._columns = dict(columns)

    def add(self, columns: Mapping[str, Column]) -> None:
        """More columns."""
        self._columns.update(columns)

    def missing(self, names: Iterable[str]) -> Sequence[str]:
        """Where those of these columns are that are not loaded."""
        return [place(self._segment.segment_id, name) for name in names if name not in self._columns]

    def column(self, name: str) -> Column:
        """A column that every segment has."""
        if name not in self._columns:
            self.add(self._cache.load(self._connection, self.missing([name]))[self._segment.segment_id])
        return self._columns[name]

    def item_place(self, row: int) -> str:
        """Where the block is stored that has the item of the call in that row."""
        return place(self._segment.segment_id, item_column(row // ITEMS))

    def call_id(self, row: int) -> str:
        """Of the call in that row."""
        call_id: str = self.column(block_column(row // BLOCK))[row % BLOCK]
        return call_id

    def key(self, row: int) -> Key:
        """Of the call in that row."""
        times: Any = self.column(LISTED_MS)  # integers, all of them
        return times[row], self.call_id(row)

    def fulfil(self, wanted: AnyFilter) -> Mask:
        """Whether each call fulfils the filter."""
        match wanted:
            case AnyOf():
                found = np.zeros(self._segment.size, np.bool_)
                for alternative in wanted.alternatives:
                    found |= self.fulfil_all(alternative)
                return found
            case AttributeFilter():
                found = self._with_attribute(wanted)
                return ~found if wanted.op in (FilterOp.NE, FilterOp.NP) else found
            case ToolCallFilter():
                return self._with_tool_call(wanted)
            case Filter(field=FilterField.CALL_ID):
                return self._with_call_id(wanted.op, _storable(wanted.value))
            case Filter():
                return self._compare(wanted.field.value, wanted.op, _storable(wanted.value))

    def fulfil_all(self, filters: Sequence[AnyFilter]) -> Mask:
        """Whether each call fulfils every filter."""
        found = np.ones(self._segment.size, np.bool_)
        for wanted in filters:
            found &= self.fulfil(wanted)
        return found

    def _compare(self, name: str, op: FilterOp, value: Any) -> Mask:
        if name in self._columns:
            return self._columns[name].fulfil(op, value)
        return np.full(self._segment.size, op in (FilterOp.NE, FilterOp.NP))

    def _with_call_id(self, op: FilterOp, value: Any) -> Mask:
        blocks = map(block_column, range(-(-self._segment.size // BLOCK)))
        return packed_ids.fulfil([self.column(block) for block in blocks], op, value)

    def _with_attribute(self, wanted: AttributeFilter) -> Mask:
        names = {what: attribute_column(what, wanted.kind.value, attribute_key(wanted)) for what in ATTRIBUTE_COLUMNS}
        if not self._segment.whole and not self._columns.keys() & set(names.values()):
            return self._with_uncommon_attribute(wanted)
        op = positive(wanted.op)
        if op is FilterOp.PR:
            return self._compare(names["text"], op, None) | self._compare(names["bare"], op, None)
        if wanted.numeric:
            return self._compare(names["number"], op, wanted.value)
        return self._compare(names["text"], op, attribute_texts(wanted.value))

    def _with_uncommon_attribute(self, wanted: AttributeFilter) -> Mask:
        rows = self._connection.execute(select(call_attributes).where(*of_key(wanted))).all()
        op, value = positive(wanted.op), wanted.value
        if op is FilterOp.PR:
            fitting = np.ones(len(rows), np.bool_)
        elif wanted.numeric:
            fitting = PackedColumn(pack([row.number for row in rows])).fulfil(op, value)
        else:
            fitting = PackedColumn(pack([row.text for row in rows])).fulfil(op, attribute_texts(value))
        return self._with_call_id(FilterOp.IN, [rows[place].call_id for place in np.flatnonzero(fitting).tolist()])

    def _with_tool_call(self, wanted: ToolCallFilter) -> Mask:
        found = np.zeros(self._segment.size, np.bool_)
        if TOOLS not in self._columns:
            return found
        call_of_tool = np.repeat(np.arange(self._segment.size), self._columns[TOOLS].counts())
        fitting = np.ones(len(call_of_tool), np.bool_)
        for name, op, value in wanted.conditions:
            column = self._columns.get(tool_column(name))
            fitting &= op in (FilterOp.NE, FilterOp.NP) if column is None else column.fulfil(op, _storable(value))
        found[call_of_tool[fitting]] = True
        return found


def load_keys(connection: Connection, cache: ColumnCache, wanted: Iterable[tuple[Loaded, NDArray[Any]]]) -> None:
    """Load what `Loaded.key` needs for these rows of each, of all at once."""
    by_segment: dict[int, Loaded] = {}
    places: list[str] = []
    for loaded, rows in wanted:
        missing = loaded.missing([LISTED_MS, *map(block_column, np.unique(rows // BLOCK).tolist())])
        places += missing
        by_segment.update((int(one.partition("/")[0]), loaded) for one in missing[:1])
    for segment_id, columns in cache.load(connection, places).items():
        by_segment[segment_id].add(columns)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A call in a row of a segment."""

    loaded: Loaded
    row: int


Place = Key | Sealed
"""A call of the list: a fresh one by its key."""


def keys_of(connection: Connection, cache: ColumnCache, places: Sequence[Place]) -> Sequence[Key]:
    """Of these calls, in this order."""
    rows: dict[Loaded, list[int]] = defaultdict(list)
    for one in places:
        if isinstance(one, Sealed):
            rows[one.loaded].append(one.row)
    load_keys(connection, cache, [(loaded, np.array(some)) for loaded, some in rows.items()])
    return [one.loaded.key(one.row) if isinstance(one, Sealed) else one for one in places]


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case list() | tuple():
            return [_storable(one) for one in value]
        case _:
            return value
