"""The concurrency slots of all controllers that share a PostgreSQL: a row for each that is held or waited for.

Whoever asks for slots counts the rows and adds its own under one advisory lock, so that there is never one too many,
and the order of `slot_id` is the order in which callers came. The lock falls with the transaction, however that ends;
where a controller stands still in the middle of one, PostgreSQL ends its session (`slot_session.py`), and the
transaction leaves no trace. To give back takes no lock: it makes nothing too many.

A row that waits says in `asked_ms`, by the clock of the database, when its controller last asked for it. One of which
nothing was heard for two seconds counts for nobody: a controller that has died with a caller who waits holds nobody up
for longer. A row that is held counts until `release_node`, as its call may still run in Asterisk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from ari_agent.contract.slot_rules import SlotAnswer, SlotAsk, SlotUsage
from ari_agent.errors import ConcurrencyLimitReached, StoreError
from ari_agent.store.tables import slots

_LOCK: Final = "SELECT pg_advisory_xact_lock(1936486260, 0)"  # "slot" as a number, so that no other kind has it
_BEGIN: Final = f"BEGIN; {_LOCK}"
# The time is that of the statement, which begins when the lock is held.
_USAGE: Final = """
SELECT count(*) FILTER (WHERE NOT is_waiting) AS in_use,
       count(*) FILTER (WHERE NOT is_waiting AND kind <> 'inbound') AS outbound,
       count(*) FILTER (WHERE NOT is_waiting AND kind = 'batch') AS batch,
       count(*) FILTER (WHERE is_waiting AND to_timestamp(asked_ms / 1000.0) > statement_timestamp() - interval '2 s')
           AS waiting,
       EXISTS (SELECT 1 FROM nodes WHERE node_id = $1 AND state <> 'lost') AS is_node
FROM slots
"""
_GIVE_BACK: Final = "DELETE FROM slots WHERE node_id = $1 AND call_id = ANY($2::text[])"
_HOLD: Final = """
UPDATE slots SET is_waiting = false WHERE node_id = $1 AND call_id = ANY($2::text[]) RETURNING call_id
"""
_FIND: Final = "SELECT call_id, is_waiting FROM slots WHERE node_id = $1 AND call_id = ANY($2::text[])"
_ADD: Final = """
INSERT INTO slots (node_id, call_id, kind, is_waiting, asked_ms)
SELECT $1, call_id, kind, is_waiting, CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint)
FROM unnest($2::text[], $3::text[], $4::bool[]) WITH ORDINALITY AS asked (call_id, kind, is_waiting, place)
ORDER BY place
"""
# Whoever stands so far in front that a slot is free for him takes it: nobody who came later can be faster, and nobody
# waits for the controllers of those who came earlier.
_ADVANCE: Final = """
WITH line AS (
    SELECT slot_id, node_id, row_number() OVER (ORDER BY slot_id) AS place FROM slots
    WHERE is_waiting
        AND (node_id = $1 OR to_timestamp(asked_ms / 1000.0) > statement_timestamp() - interval '2 s')
), room AS (SELECT $2 - count(*) AS free FROM slots WHERE NOT is_waiting)
UPDATE slots
SET is_waiting = place > free, asked_ms = CAST(extract(epoch FROM statement_timestamp()) * 1000 AS bigint)
FROM line, room WHERE slots.slot_id = line.slot_id AND line.node_id = $1
RETURNING call_id, is_waiting
"""


class NoNode(StoreError):
    """Raised where this controller is none of those that share the database: not yet, or not any more."""

    def __init__(self) -> None:
        super().__init__("this controller is none of those that share the database, and may use no slot of theirs")


@dataclass(frozen=True, slots=True)
class SlotWishes:
    """What one controller wants of the pool.

    limit, reserved_inbound: what it asks with. given_back: call_ids of those that it does not need any more. held: of
    calls that run, for which there may be a row. asked: calls that ask for one, first come first served. doubted: of
    these, the call_ids of which there may be a row already. waits: it has rows that wait.
    """

    limit: int
    reserved_inbound: int
    given_back: Collection[str] = ()
    held: Sequence[SlotAsk] = ()
    asked: Sequence[SlotAsk] = ()
    doubted: Collection[str] = ()
    waits: bool = False

    @property
    def wants_room(self) -> bool:
        """Whether there is anything to do besides giving back."""
        return bool(self.held or self.asked or self.waits)


@dataclass(frozen=True, slots=True)
class SlotAnswers:
    """What has become of it. usage: of all controllers, afterwards; None where nobody counted.

    asked: of those that asked, by call_id. waited: of those that waited before; who is missing has no row.
    """

    usage: SlotUsage | None = None
    asked: Mapping[str, SlotAnswer | ConcurrencyLimitReached] = field(default_factory=dict)
    waited: Mapping[str, SlotAnswer] = field(default_factory=dict)


async def give_back(connection: Any, node_id: int, names: Collection[str]) -> None:
    """Delete these rows of a controller. connection: of asyncpg, here as below."""
    await connection.execute(_GIVE_BACK, node_id, list(names))


async def usage_of(connection: Any) -> SlotUsage:
    """Return how many slots are in use and waited for by all controllers."""
    return _usage(await connection.fetchrow(_USAGE, 0))


async def exchange(connection: Any, node_id: int, wishes: SlotWishes) -> SlotAnswers:
    """Fulfil the wishes of a controller in one transaction, given back first. What fails ends in the middle of it.

    Raises:
        NoNode: there is no such controller; nothing was done.
    """
    await connection.execute(_BEGIN)
    if wishes.given_back:
        await give_back(connection, node_id, wishes.given_back)
    if wishes.held:
        there = {row["call_id"] for row in await connection.fetch(_HOLD, node_id, _names(wishes.held))}
        await _add(connection, node_id, {ask: False for ask in wishes.held if ask.call_id not in there})
    waited = _answers(await connection.fetch(_ADVANCE, node_id, wishes.limit)) if wishes.waits else {}
    row = await connection.fetchrow(_USAGE, node_id)
    if not row["is_node"]:
        await connection.execute("ROLLBACK")
        raise NoNode
    found = _answers(await connection.fetch(_FIND, node_id, list(wishes.doubted))) if wishes.doubted else {}
    usage, asked, new = _usage(row), dict[str, SlotAnswer | ConcurrencyLimitReached](found), dict[SlotAsk, bool]()
    for ask in wishes.asked:
        if ask.call_id in found:
            continue
        answer = ask.answer(usage, limit=wishes.limit, reserved_inbound=wishes.reserved_inbound)
        asked[ask.call_id] = answer
        if isinstance(answer, SlotAnswer):
            new[ask] = answer is SlotAnswer.WAITS
            usage = usage.with_waiting() if new[ask] else usage.with_held(ask.kind)
    await _add(connection, node_id, new)
    await connection.execute("COMMIT")
    return SlotAnswers(usage, asked, waited)


def release_node(connection: sa.Connection, node_id: int) -> None:
    """Give back every slot of a controller that has died or leaves, in the transaction that deletes its row.

    First of all in it: nobody takes a slot meanwhile, and for a controller without a row nobody does afterwards.
    Whoever waits finds what came free within half a second.
    """
    connection.execute(sa.text(_LOCK))
    connection.execute(sa.delete(slots).where(slots.c.node_id == node_id))


def hand_over(connection: sa.Connection, call_id: str, to_node_id: int) -> bool:
    """Make a call's slot that of the controller that takes the call over; False: the call held none.

    In the same transaction as the call itself, and before `release_node`. The controller then holds it with
    `SlotPool.resumed`, which makes one where there is none.
    """
    is_its_own = (slots.c.call_id == call_id) & ~slots.c.is_waiting
    return connection.execute(sa.update(slots).where(is_its_own).values(node_id=to_node_id)).rowcount > 0


async def _add(connection: Any, node_id: int, waits: Mapping[SlotAsk, bool]) -> None:
    """Add rows in this order. waits: whether each waits."""
    if waits:
        kinds = [ask.kind.value for ask in waits]
        await connection.execute(_ADD, node_id, _names(list(waits)), kinds, list(waits.values()))


def _names(asks: Sequence[SlotAsk]) -> list[str]:
    return [ask.call_id for ask in asks]


def _answers(rows: Sequence[Any]) -> dict[str, SlotAnswer]:
    return {row["call_id"]: SlotAnswer.WAITS if row["is_waiting"] else SlotAnswer.HELD for row in rows}


def _usage(row: Any) -> SlotUsage:
    return SlotUsage(row["in_use"], row["outbound"], row["batch"], row["waiting"])
