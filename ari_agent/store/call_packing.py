"""Makes segments: the rows of a segment as it was, less some, with others, in order and packed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Final

from ari_agent.store.call_rows import CallRow, ToolCall
from ari_agent.store.call_segments import (
    BLOCK,
    CALL_COLUMNS,
    LISTED_MS,
    MAX_SIZE,
    TOOL_COLUMNS,
    TOOLS,
    Key,
    tool_column,
)
from ari_agent.store.column_cache import CALL_ID, block_column
from ari_agent.store.packed_column import PackedColumn, pack
from ari_agent.store.packed_ids import open_ids, pack_ids
from ari_agent.store.packed_items import ITEMS, PackedItems, is_item_column, item_column, pack_items

MAX_ATTRIBUTES: Final = 256
"""So many attributes have columns, the most common ones: callers choose the names of some, and may choose many."""


@dataclass(frozen=True, slots=True)
class PackedSegment:
    """A segment to be stored."""

    first: Key
    last: Key
    size: int
    whole: bool
    columns: Mapping[str, bytes]


def repack(
    packed: Mapping[str, bytes],
    *,
    without: Set[Key],
    new: Sequence[CallRow],
    whole: bool,
    is_last: bool,
    pause: Callable[[], None] = lambda: None,
) -> Sequence[PackedSegment]:
    """Segments of at most MAX_SIZE.

    packed: the columns of the segment as it was; without: the calls in it that go. whole: each attribute had a column.
    is_last: it ends the list, where calls come one after the other: what is full is then left for good.
    pause: called between columns; what it raises passes through.
    """
    old = _Table(packed)
    kept = [row for row, key in enumerate(old.keys) if key not in without]
    keys = [*(old.keys[row] for row in kept), *(row.key for row in new)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    keys = [keys[place] for place in order]
    names, whole = _names(old.columns, new, whole=whole)
    cuts = _cuts(len(keys), is_last=is_last)
    parts: list[dict[str, bytes]] = [{} for _ in cuts]
    tools = _in_order([old.tool_calls[row] for row in kept] if old.tool_calls else [()] * len(kept), new, order)
    for name in names:
        if name == CALL_ID:
            continue
        pause()
        column = old.columns.get(name)
        was = column.values() if column else None
        values = [was[row] for row in kept] if was else [None] * len(kept)
        values += [row.values.get(name) for row in new]
        values = [values[place] for place in order]
        for part, (begin, end) in zip(parts, cuts, strict=True):
            part.update(_column(name, values[begin:end]))
    items = [*(old.items[row] for row in kept), *(row.item for row in new)]
    items = [items[place] for place in order]
    for part, (begin, end) in zip(parts, cuts, strict=True):
        pause()
        part.update(_item_columns(items[begin:end], old))
        part.update(_blocks([call_id for _, call_id in keys[begin:end]]))
        part.update(_tool_columns(tools[begin:end]))
    return [
        PackedSegment(keys[begin], keys[end - 1], end - begin, whole, part)
        for part, (begin, end) in zip(parts, cuts, strict=True)
    ]


class _Table:
    """A segment's columns as they were."""

    def __init__(self, packed: Mapping[str, bytes]) -> None:
        names = [name for name in map(block_column, range(MAX_SIZE // BLOCK)) if name in packed]
        self.columns = {
            name: PackedColumn(column)
            for name, column in packed.items()
            if name not in names and not is_item_column(name)
        }
        tools = [self.columns.pop(tool_column(name), None) for name in TOOL_COLUMNS]
        counts = self.columns.pop(TOOLS, None)
        call_ids = [call_id for name in names for call_id in open_ids(packed[name]).values()]
        listed_ms = self.columns[LISTED_MS].values() if call_ids else []
        self.keys: list[Key] = list(zip(listed_ms, call_ids, strict=True))
        self.items: list[str | None] = []
        self.packed_items: dict[Sequence[str], bytes] = {}
        for begin in range(0, len(self.keys), ITEMS):
            block = packed.get(item_column(begin // ITEMS))
            if block is None:
                self.items += [None] * min(ITEMS, len(self.keys) - begin)
            else:
                some = PackedItems(block).values()
                self.items += some
                self.packed_items[tuple(some)] = block
        self.tool_calls: list[Sequence[ToolCall]] = []
        if counts:
            ends = list(accumulate(counts.values(), initial=0))
            values = [column.values() if column else [None] * ends[-1] for column in tools]
            all_calls = list(zip(*values, strict=True))
            self.tool_calls = [all_calls[begin:end] for begin, end in pairwise(ends)]


def _in_order(
    old: Sequence[Sequence[ToolCall]], new: Sequence[CallRow], order: Sequence[int]
) -> Sequence[Sequence[ToolCall]]:
    both = [*old, *(row.tool_calls for row in new)]
    return [both[place] for place in order]


def _names(old: Mapping[str, PackedColumn], new: Sequence[CallRow], *, whole: bool) -> tuple[Sequence[str], bool]:
    """The columns to make, and whether all attributes have one. One that was left out before is not begun again."""
    counted: Counter[str] = Counter()
    for name, column in old.items():
        counted[name] += len(column) - column.values().count(None)
    for row in new:
        counted.update(row.values.keys())
    for name in CALL_COLUMNS:
        counted.pop(name, None)
    of_attribute: Counter[str] = Counter()
    for name, count in counted.items():
        of_attribute[name.partition(":")[2]] += count
    known = {name.partition(":")[2] for name in old}
    wanted = [name for name, _ in of_attribute.most_common() if whole or name in known]
    chosen = set(wanted[:MAX_ATTRIBUTES])
    names = [*CALL_COLUMNS, *(name for name in counted if name.partition(":")[2] in chosen)]
    return names, whole and len(chosen) == len(of_attribute)


def _cuts(size: int, *, is_last: bool) -> Sequence[tuple[int, int]]:
    if size <= MAX_SIZE:
        return [(0, size)] if size else []
    step = MAX_SIZE if is_last else -(-size // 2) if size <= 2 * MAX_SIZE else MAX_SIZE
    return [(begin, min(begin + step, size)) for begin in range(0, size, step)]


def _column(name: str, values: Sequence[Any]) -> dict[str, bytes]:
    return {name: pack(values)} if any(value is not None for value in values) else {}


def _blocks(call_ids: Sequence[str]) -> dict[str, bytes]:
    begins = range(0, len(call_ids), BLOCK)
    return {block_column(block): pack_ids(call_ids[begin : begin + BLOCK]) for block, begin in enumerate(begins)}


def _item_columns(items: Sequence[str | None], old: _Table) -> dict[str, bytes]:
    """Blocks without those that have an unknown item. To compress is the dearest step: what is as it was is kept."""
    columns = {}
    for begin in range(0, len(items), ITEMS):
        some = tuple(item for item in items[begin : begin + ITEMS] if item is not None)
        if len(some) == len(items[begin : begin + ITEMS]):
            columns[item_column(begin // ITEMS)] = old.packed_items.get(some) or pack_items(some)
    return columns


def _tool_columns(of_calls: Sequence[Sequence[ToolCall]]) -> dict[str, bytes]:
    flat = [one for of_call in of_calls for one in of_call]
    if not flat:
        return {}
    columns = {TOOLS: pack([len(of_call) for of_call in of_calls])}
    for name, values in zip(TOOL_COLUMNS, zip(*flat, strict=True), strict=True):
        columns |= _column(tool_column(name), values)
    return columns
