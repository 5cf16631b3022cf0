"""What a node has in hand: rows that carry its node_id, for as long as it is among the nodes, and not lost.

Who marks a node as lost, or takes it out of the table, has ended all its claims, also one that a transaction of it
writes later; ids of nodes are never given again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Row, Table, and_, exists, select, update

from ari_agent.store.tables import nodes

LOST: Final = "lost"
"""The state of a node that is being taken over, and never comes back as this one."""
OUTBOX_LOCK: Final = 0x6F757462
"""The first half of the advisory locks of calls and chats of which an event is being claimed: "outb"."""
BATCHES_LOCK: Final = (0x62617463, 0)
"""The advisory lock of who claims batches: "batc"."""


def is_in_other_hands(column: ColumnElement[Any], node_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The column of a row names a node that lives, and is another than this one."""
    return and_(column != node_id, exists().where(nodes.c.node_id == column, nodes.c.state != LOST))


def is_a_node(node_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """It is among the nodes; one that stood still for long is not any more, and its claims would count for nothing."""
    return exists().where(nodes.c.node_id == node_id, nodes.c.state != LOST)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a node takes of the rows of a table. column: where it is written. limit: how many rows at most."""

    table: Table
    column: Column[Any]
    wanted: ColumnElement[bool]
    order: ColumnElement[Any]
    limit: int

    def make(self, connection: Connection, node_id: int) -> Collection[Row[Any]]:
        """Claim rows that are in no other node's hands, and return them, in no order.

        What another transaction works on at this moment is passed over.
        """
        [key] = self.table.primary_key.columns
        is_free = (~is_in_other_hands(self.column, node_id), is_a_node(node_id))
        free = select(key).where(self.wanted, *is_free).order_by(self.order).limit(self.limit)
        # Found once, whatever the plan: as a mere subquery it might be found, and locked, again for each row.
        found = free.with_for_update(of=self.table, skip_locked=True).cte("found")
        statement = update(self.table).where(key.in_(select(found.c[key.name]))).values({self.column: node_id})
        return connection.execute(statement.returning(self.table)).all()
