"""Which calls a page of list-calls shows, and how many fulfil its filters.

Where an index finds few, those are all there is to look at. Otherwise the list is walked segment by segment; of those
that a page skips, calls are only counted. Fresh calls, which are few, are asked for one by one and stand between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from ari_agent.store.call_filter import AnyFilter, Filter, FilterField, FilterOp, by_index
from ari_agent.store.call_packing import repack
from ari_agent.store.call_rows import read_rows
from ari_agent.store.call_segments import (
    LISTED_MS,
    Key,
    Loaded,
    Place,
    Sealed,
    Segment,
    all_segments,
    columns_of,
    load_keys,
)
from ari_agent.store.column_cache import ColumnCache, open_column, place
from ari_agent.store.segment_tables import call_fresh

FEW: Final = 500
"""So many calls are looked at one by one."""
_LOADED_AT_ONCE: Final = (1, 4, 16)
"""Segments: the first often holds the page. No more, as on PostgreSQL the event loop waits for one lot of them."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the list that is wanted. after: only what comes after it, in the order asked for."""

    ascending: bool = False
    skip: int = 0
    size: int = 0
    after: Key | None = None

    def reaches(self, first: Key, last: Key) -> bool:
        """Whether there may be calls of it among those from the one to the other."""
        return self.after is None or (last > self.after if self.ascending else first < self.after)


NOTHING: Final = Window()


@dataclass(frozen=True, slots=True)
class Found:
    """places: the calls of the window, in order. total: how many fulfil every filter; None if nobody wanted to know."""

    places: Sequence[Place]
    total: int | None


def look(
    connection: Connection,
    cache: ColumnCache,
    filters: Sequence[AnyFilter],
    window: Window = NOTHING,
    *,
    with_total: bool = False,
) -> Found:
    """The calls of the window that fulfil every filter, and how many do at all, in one walk."""
    chosen: list[tuple[_Stretch, int, int]] = []
    skip, left, total = window.skip, window.size, 0
    for stretch in _stretches(connection, cache, filters, window, with_total=with_total):
        total += stretch.total
        if left and skip < stretch.size:
            end = min(stretch.size, skip + left)
            chosen.append((stretch, skip, end))
            left -= end - skip
        skip = max(0, skip - stretch.size)
        if not left and not with_total:
            break
    load_keys(connection, cache, [(stretch.loaded, stretch.mixed) for stretch, _, _ in chosen if stretch.loaded])
    places = [one for stretch, begin, end in chosen for one in stretch.places(begin, end)]
    return Found(places, total if with_total else None)


class _Stretch:
    """Neighbours in the list: some rows of a segment, and fresh calls between them, both sorted.

    total: how many fulfil the filters, those outside of the window too. mixed: the rows whose keys must be
    loaded first.
    """

    def __init__(
        self, loaded: Loaded | None, rows: NDArray[Any], fresh: Sequence[Key], *, total: int, ascending: bool
    ) -> None:
        self.loaded = loaded
        self.size, self.total = len(rows) + len(fresh), total
        self._rows = rows if ascending else rows[::-1]
        self._fresh = fresh if ascending else fresh[::-1]
        self._ascending = ascending
        self.mixed = self._rows if fresh else self._rows[:0]

    def places(self, begin: int, end: int) -> Sequence[Place]:
        """The calls from one place to the other, in the order asked for."""
        loaded = self.loaded
        if not loaded or not len(self._rows):
            return self._fresh[begin:end]
        if not self._fresh:
            return [Sealed(loaded, row) for row in self._rows[begin:end].tolist()]
        both: list[tuple[Key, Place]] = [(key, key) for key in self._fresh]
        both += [(loaded.key(row), Sealed(loaded, row)) for row in self._rows.tolist()]
        both.sort(key=lambda one: one[0], reverse=not self._ascending)
        return [one for _, one in both[begin:end]]


def _stretches(
    connection: Connection, cache: ColumnCache, filters: Sequence[AnyFilter], window: Window, *, with_total: bool
) -> Iterator[_Stretch]:
    nothing = np.array([], np.int64)
    names = frozenset(name for wanted in filters for name in columns_of(wanted))
    few = _few(connection, filters)
    if few is not None:
        found = _matching(connection, cache, few, filters, names)
        yield _Stretch(None, nothing, _after(found, window), total=len(found), ascending=window.ascending)
        return
    segments = all_segments(connection)
    fresh_rows = connection.execute(select(call_fresh.c.call_id, call_fresh.c.sealed_ms)).all()
    fresh = _matching(connection, cache, [row.call_id for row in fresh_rows], filters, names)
    sealed = sorted((row.sealed_ms, row.call_id) for row in fresh_rows if row.sealed_ms is not None)
    if not segments:
        yield _Stretch(None, nothing, _after(fresh, window), total=len(fresh), ascending=window.ascending)
        return
    begins = [segment.first for segment in segments[1:]]
    fresh_of = _split(fresh, begins)
    sealed_of = _split(sealed, begins)
    first_ms, last_ms = _bounds(filters)
    for lot in _lots(range(len(segments)) if window.ascending else reversed(range(len(segments)))):
        wanted = {
            at: segments[at]
            for at in lot
            if first_ms <= segments[at].last[0]
            and segments[at].first[0] <= last_ms
            and (with_total or window.reaches(segments[at].first, segments[at].last))
        }
        needed = names | {LISTED_MS} if any(sealed_of[at] for at in wanted) else names
        columns = cache.load(connection, [place(each.segment_id, name) for each in wanted.values() for name in needed])
        for at in lot:
            rows, loaded, total = nothing, None, len(fresh_of[at])
            if at in wanted:
                loaded = Loaded(connection, cache, segments[at], columns.get(segments[at].segment_id, {}))
                rows = _rows(loaded, filters, sealed_of[at])
                total += len(rows)
                rows = _in_window(rows, loaded, segments[at], window)
            yield _Stretch(loaded, rows, _after(fresh_of[at], window), total=total, ascending=window.ascending)


def _lots(places: Iterable[int]) -> Iterator[Sequence[int]]:
    left = iter(places)
    sizes = chain(_LOADED_AT_ONCE, repeat(_LOADED_AT_ONCE[-1]))
    while lot := list(islice(left, next(sizes))):
        yield lot


def _few(connection: Connection, filters: Sequence[AnyFilter]) -> Sequence[str] | None:
    """The calls, if they are few, that a filter finds in an index."""
    for wanted in filters:
        statement = by_index(wanted)
        if statement is not None:
            found = connection.execute(statement.limit(FEW + 1)).scalars().all()
            if len(found) <= FEW:
                return found
    return None


def _matching(
    connection: Connection,
    cache: ColumnCache,
    call_ids: Sequence[str],
    filters: Sequence[AnyFilter],
    names: Set[str],
) -> Sequence[Key]:
    """Those of these calls that fulfil every filter, in order."""
    new = read_rows(connection, call_ids, names)
    if not filters:
        return sorted(row.key for row in new)
    found: list[Key] = []
    for part in repack({}, without=frozenset(), new=new, whole=True, is_last=True):
        columns = {name: open_column(name, packed) for name, packed in part.columns.items()}
        segment = Segment(0, part.size, part.first, part.last, whole=True)
        loaded = Loaded(connection, cache, segment, columns)
        found += [loaded.key(row) for row in np.flatnonzero(loaded.fulfil_all(filters)).tolist()]
    return found


def _after(keys: Sequence[Key], window: Window) -> Sequence[Key]:
    if window.after is None:
        return keys
    return keys[bisect_right(keys, window.after) :] if window.ascending else keys[: bisect_left(keys, window.after)]


def _split(keys: Sequence[Key], begins: Sequence[Key]) -> Sequence[Sequence[Key]]:
    """The keys by the segment in whose place they are."""
    cuts = [0, *(bisect_left(keys, begin) for begin in begins), len(keys)]
    return [keys[begin:end] for begin, end in pairwise(cuts)]


def _bounds(filters: Sequence[AnyFilter]) -> tuple[float, float]:
    """Between which listed_ms all calls with the wanted start_timestamp are: it is the same where there is one."""
    first, last = float("-inf"), float("inf")
    for wanted in filters:
        if not isinstance(wanted, Filter) or wanted.field is not FilterField.START_TIMESTAMP:
            continue
        match wanted.op:
            case FilterOp.GE | FilterOp.GT:
                first = max(first, wanted.value)
            case FilterOp.LE | FilterOp.LT:
                last = min(last, wanted.value)
            case FilterOp.BT:
                first, last = max(first, wanted.value[0]), min(last, wanted.value[1])
            case _:
                pass
    return first, last


def _rows(loaded: Loaded, filters: Sequence[AnyFilter], sealed: Sequence[Key]) -> NDArray[Any]:
    """The rows that fulfil every filter, but not those that are out of date."""
    found = loaded.fulfil_all(filters)
    for key in sealed:
        found[_row(loaded, key, is_there=True)] = False
    return np.flatnonzero(found)


def _in_window(rows: NDArray[Any], loaded: Loaded, segment: Segment, window: Window) -> NDArray[Any]:
    if not window.reaches(segment.first, segment.last):
        return rows[:0]
    if window.after is None or not segment.first <= window.after <= segment.last:
        return rows
    row = _row(loaded, window.after)
    if window.ascending:
        return rows[rows >= row + (loaded.key(row) == window.after)]
    return rows[rows < row]


def _row(loaded: Loaded, key: Key, *, is_there: bool = False) -> int:
    """The first that is not before the key, of which there is one. is_there: it is the key's own."""
    times = loaded.column(LISTED_MS)
    begin, end = bisect_left(times, key[0]), bisect_right(times, key[0])
    if is_there and end - begin == 1:
        return begin
    return begin + bisect_left(range(begin, end), key[1], key=loaded.call_id)
