"""Which webhook events are due, and who of several controllers may send them.

The statements are built once: to build one takes longer than to execute it, and each webhook is looked for some times.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from ari_agent.store.claims import OUTBOX_LOCK, is_a_node, is_in_other_hands
from ari_agent.store.tables import IS_PENDING, outbox

NOT_REACHED: Final = "not reached: "
"""Begins `why` of what waits for a receiver to come back; what a receiver answers never begins a failure's text."""
NEXT_DUE: Final = select(func.min(outbox.c.next_attempt_ms)).where(
    outbox.c.state == IS_PENDING, outbox.c.next_attempt_ms > bindparam("after_ms")
)
"""When the first event after `after_ms` becomes due."""
_NODE: Final = bindparam("node_id", type_=outbox.c.claimed_by.type)


@dataclass(frozen=True, slots=True)
class WantedEvents:
    """Up to `limit` events that are due at `now_ms`, at most one of each call. See Outbox.due.

    node_id: the controller that claims them, where several share the database.
    """

    now_ms: int
    limit: int
    except_calls: Collection[str] = ()
    except_receivers: Collection[str] = ()
    node_id: int | None = None

    @property
    def statement(self) -> Select[Any]:
        """Return the statement that finds them; for a node, what it may claim."""
        return _due(bool(self.except_calls), bool(self.except_receivers), self.node_id is not None)

    @property
    def values(self) -> dict[str, object]:
        """Return the values of the statement."""
        values = {"now_ms": self.now_ms, "most": self.limit, "node_id": self.node_id}
        lists = {"except_calls": list(self.except_calls), "except_receivers": list(self.except_receivers)}
        return {name: value for name, value in {**values, **lists}.items() if value not in (None, [])}

    def take(self, connection: Connection) -> Sequence[Row[Any]]:
        """Return their rows, the longest due first; a node has claimed them then."""
        if self.node_id is None:
            return connection.execute(self.statement, self.values).all()
        return self._claim(connection)

    def _claim(self, connection: Connection) -> Sequence[Row[Any]]:
        """Claim what is due for the node.

        Two nodes that look at the same moment may each see another event of one call, and no claim yet. So first the
        calls are locked; what is seen after that has every claim of those who had the lock before. Nobody waits for a
        lock: what another node is about to claim is passed over.
        """
        locked, claimed = _claiming(bool(self.except_calls), bool(self.except_receivers))
        ids = connection.scalars(locked, self.values).all()
        if not ids:
            return ()
        rows = connection.execute(claimed, {**self.values, "ids": ids}).all()
        return sorted(rows, key=lambda row: (row.next_attempt_ms, row.outbox_id))


@cache
def _due(has_calls: bool, has_receivers: bool, is_node: bool) -> Select[Any]:
    """Return the statement; whether it has exceptions, and whether it is a node's."""
    older, now_ms = outbox.alias("older"), bindparam("now_ms", type_=outbox.c.next_attempt_ms.type)
    goes_first = select(older.c.outbox_id).where(
        older.c.call_id == outbox.c.call_id,
        older.c.outbox_id < outbox.c.outbox_id,
        older.c.state == IS_PENDING,
        or_(older.c.next_attempt_ms <= now_ms, older.c.why.startswith(NOT_REACHED)),
    )
    statement = select(outbox).where(
        outbox.c.state == IS_PENDING, outbox.c.next_attempt_ms <= now_ms, ~goes_first.exists()
    )
    statement = statement.order_by(outbox.c.next_attempt_ms, outbox.c.outbox_id).limit(bindparam("most"))
    if has_calls:
        statement = statement.where(outbox.c.call_id.not_in(bindparam("except_calls", expanding=True)))
    if has_receivers:
        statement = statement.where(outbox.c.receiver.not_in(bindparam("except_receivers", expanding=True)))
    if is_node:
        other = outbox.alias("other")
        of_call = (other.c.call_id == outbox.c.call_id, other.c.state == IS_PENDING)
        claimed = exists().where(*of_call, is_in_other_hands(other.c.claimed_by, _NODE))
        statement = statement.where(~claimed, is_a_node(_NODE))
    return statement


@cache
def _claiming(has_calls: bool, has_receivers: bool) -> tuple[Any, Any]:
    """Return the statements that lock the calls of what is due, and that claim it."""
    due = _due(has_calls, has_receivers, True)
    found = due.with_only_columns(outbox.c.outbox_id, outbox.c.call_id)
    found_rows = found.with_for_update(of=outbox, skip_locked=True).subquery()
    is_locked = func.pg_try_advisory_xact_lock(OUTBOX_LOCK, func.hashtext(found_rows.c.call_id))
    ids = outbox.c.outbox_id.in_(bindparam("ids", expanding=True))
    still_due = due.where(ids).with_only_columns(outbox.c.outbox_id)
    claimed = update(outbox).where(outbox.c.outbox_id.in_(still_due)).values(claimed_by=_NODE)
    return select(found_rows.c.outbox_id).where(is_locked), claimed.returning(outbox)
