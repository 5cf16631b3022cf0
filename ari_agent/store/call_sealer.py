"""Moves fresh calls into segments: planned in one transaction, packed in a thread, and stored in another.

Calls that have not ended stay fresh. Who writes to a call says so in its row of `call_fresh`: a call that was written
to between the two transactions is sealed as it was and stays fresh. Two processes that seal at once cannot mix up:
the second finds that the segments are no longer those that it planned with, and lets the first go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from ari_agent.contract.disconnection import CallStatus
from ari_agent.errors import StoreError
from ari_agent.store.call_packing import PackedSegment, repack
from ari_agent.store.call_rows import CallRow, read_rows
from ari_agent.store.call_segments import MAX_SIZE, Key, Segment, all_segments
from ari_agent.store.column_cache import among, load_all, place
from ari_agent.store.database import Database, insert_into
from ari_agent.store.segment_tables import call_columns, call_fresh, call_segments
from ari_agent.store.tables import calls

log = logging.getLogger(__name__)

SEALED_AT_ONCE: Final = 512
"""So many ended calls are left fresh: each list looks at them one by one, and to seal them rewrites a segment."""
UNFINISHED: Final = frozenset({CallStatus.REGISTERED.value, CallStatus.ONGOING.value})


def mark_fresh(connection: Connection, call_id: str, *, listed_ms: int, sealed_ms: int | None) -> None:
    """The call is new, changed or gone. sealed_ms: its listed_ms until now, if it was there.

    To be called in the transaction that writes, after it has locked the record. A call that has not ended is fresh
    already.
    """
    statement: sqlite.Insert | postgresql.Insert = insert_into(connection, call_fresh).values(
        call_id=call_id, listed_ms=listed_ms, sealed_ms=sealed_ms, touched=0
    )
    again = {"listed_ms": listed_ms, "touched": call_fresh.c.touched + 1}
    connection.execute(statement.on_conflict_do_update(index_elements=[call_fresh.c.call_id], set_=again))


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A fresh call of a plan. sealed_ms: where it will be sealed; is_over: it need not be fresh any more."""

    call_id: str
    touched: int
    sealed_ms: int | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """One segment to be made anew, or made."""

    segments: Sequence[Segment]
    segment: Segment | None
    packed: Mapping[str, bytes]
    without: frozenset[Key]
    new: Sequence[CallRow]
    fresh: Sequence[_Fresh]

    def repack(self, pause: Callable[[], None] = lambda: None) -> Sequence[PackedSegment]:
        """What takes the segment's place. pause: called now and then; what it raises passes through."""
        return repack(
            self.packed,
            without=self.without,
            new=self.new,
            whole=self.segment is None or self.segment.whole,
            is_last=self.segment is None or self.segment is self.segments[-1],
            pause=pause,
        )


class _Closing(Exception):
    """What is being sealed is left for the next start."""


class CallSealer:
    """Seals in the background when there is enough."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting = 0
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    def announce(self, *, at_once: bool = False) -> None:
        """A call may have become fresh. at_once: it was deleted, and no segment is to keep what it was."""
        self._waiting += SEALED_AT_ONCE if at_once else 1
        if self._waiting >= SEALED_AT_ONCE and not self._is_closing and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._seal_what_waits())

    async def join(self) -> None:
        """Wait until nothing is sealed any more."""
        if self._task:
            await self._task

    async def close(self) -> None:
        """Leave what waits for the next start. One segment at most is under way, and is stored or as it was."""
        self._is_closing = True
        await self.join()

    async def seal(self) -> None:
        """Until few ended calls are fresh, and no segment holds a deleted one; or until `close`."""
        with suppress(_Closing):
            while not self._is_closing and (plan := await self._database.read(_plan)):
                segments = await asyncio.to_thread(plan.repack, self._pause)
                if not await self._database.write(partial(_store, plan, segments)):
                    return

    def _pause(self) -> None:
        if self._is_closing:
            raise _Closing
        time.sleep(0)  # let the event loop's thread have its turn

    async def _seal_what_waits(self) -> None:
        while self._waiting >= SEALED_AT_ONCE and not self._is_closing:
            self._waiting = 0
            try:
                await self.seal()
            except StoreError as error:
                log.error("calls stay out of the segments that list-calls looks through: %s", error)
            except Exception:  # a damaged segment must be seen, and keep no store from being closed
                log.exception("calls stay out of the segments that list-calls looks through")


def _plan(connection: Connection) -> _Plan | None:
    """What to do for the segment in whose place most fresh calls are, deleted ones first."""
    ended = or_(calls.c.call_id.is_(None), calls.c.call_status.not_in(UNFINISHED))
    columns = (call_fresh, calls.c.call_id.label("there"), calls.c.listed_ms.label("now_ms"))
    statement = select(*columns).outerjoin_from(call_fresh, calls, calls.c.call_id == call_fresh.c.call_id).where(ended)
    fresh = connection.execute(statement.order_by(call_fresh.c.listed_ms, call_fresh.c.call_id).limit(MAX_SIZE)).all()
    if len(fresh) < SEALED_AT_ONCE and all(row.there for row in fresh):
        return None
    segments = all_segments(connection)
    begins = [segment.first for segment in segments[1:]]
    by_segment: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in fresh:
        by_segment[_home(segments, begins, row)].append(row)
    at, rows = max(by_segment.items(), key=lambda item: (any(not row.there for row in item[1]), len(item[1])))
    segment = segments[at] if at < len(segments) else None
    entering = {
        row.call_id for row in rows if row.there and _home_of(segments, begins, (row.now_ms, row.call_id)) == at
    }
    new = read_rows(connection, sorted(entering))
    listed_ms = {row.key[1]: row.key[0] for row in new}
    return _Plan(
        segments,
        segment,
        load_all(connection, segment.segment_id) if segment else {},
        frozenset((row.sealed_ms, row.call_id) for row in rows if row.sealed_ms is not None),
        new,
        [
            _Fresh(row.call_id, row.touched, listed_ms.get(row.call_id), row.call_id in entering or not row.there)
            for row in rows
        ],
    )


def _home(segments: Sequence[Segment], begins: Sequence[Key], row: Row[Any]) -> int:
    """Of the segment that has the call, or else is to have it."""
    if row.sealed_ms is not None:
        return bisect_right(begins, (row.sealed_ms, row.call_id))
    return _home_of(segments, begins, (row.now_ms if row.there else row.listed_ms, row.call_id))


def _home_of(segments: Sequence[Segment], begins: Sequence[Key], key: Key) -> int:
    """Of the segment that a call belongs to; after the last one, if that is full."""
    if not segments or (key > segments[-1].last and segments[-1].size >= MAX_SIZE):
        return len(segments)
    return bisect_right(begins, key)


def _store(plan: _Plan, packed: Sequence[PackedSegment], connection: Connection) -> bool:
    """False: other segments or fresh calls are there than were planned with."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE call_segments IN EXCLUSIVE MODE"))
    there = connection.execute(select(call_segments.c.segment_id)).scalars().all()
    if set(there) != {segment.segment_id for segment in plan.segments}:
        return False
    # whoever writes to one of them now would wait for the other, and the other for this
    of_plan = among(connection, call_fresh.c.call_id, [one.call_id for one in plan.fresh])
    locked = select(call_fresh.c.call_id, call_fresh.c.touched).where(of_plan).with_for_update(skip_locked=True)
    touched = {row.call_id: row.touched for row in connection.execute(locked)}
    if len(touched) < len(plan.fresh):
        return False
    if plan.segment:
        segment_id = plan.segment.segment_id
        connection.execute(delete(call_segments).where(call_segments.c.segment_id == segment_id))
        gone = among(connection, call_columns.c.place, [place(segment_id, name) for name in plan.packed])
        connection.execute(delete(call_columns).where(gone))
    for segment in packed:
        _insert(connection, segment)
    over = {one.call_id for one in plan.fresh if one.is_over and touched[one.call_id] == one.touched}
    connection.execute(delete(call_fresh).where(among(connection, call_fresh.c.call_id, sorted(over))))
    for one in plan.fresh:
        if one.call_id not in over:
            of_call = call_fresh.c.call_id == one.call_id
            connection.execute(update(call_fresh).where(of_call).values(sealed_ms=one.sealed_ms))
    return True


def _insert(connection: Connection, segment: PackedSegment) -> None:
    values: dict[str, Any] = {"size": segment.size, "whole": segment.whole}
    values |= {"first_ms": segment.first[0], "first_id": segment.first[1]}
    values |= {"last_ms": segment.last[0], "last_id": segment.last[1]}
    found = connection.execute(insert(call_segments).values(**values).returning(call_segments.c.segment_id))
    segment_id = found.scalar_one()
    columns = [{"place": place(segment_id, name), "packed": each} for name, each in segment.columns.items()]
    connection.execute(insert(call_columns), columns)
