"""Several controllers share the database: who they are, the slots they hold, and which of them has what in hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make two tables and add columns. What is there is in nobody's hand: whoever finds it may take it."""
    string = sa.String(collation="C" if op.get_bind().dialect.name == "postgresql" else None)
    op.create_table(
        "nodes",
        sa.Column("node_id", _SERIAL, nullable=False, comment="also the key of the advisory lock that it holds"),
        sa.Column("name", string, nullable=False, comment="for people"),
        sa.Column("app", string, nullable=False, comment="its application in Asterisk"),
        sa.Column("url", string, comment="where the other nodes reach its API"),
        sa.Column("version", string, nullable=False, comment="of ari-agent"),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("heartbeat_ms", sa.BigInteger, nullable=False, comment="by the clock of the database"),
        sa.Column("state", sa.String, nullable=False, comment="serving, draining or lost"),
        sa.Column("load", sa.Text, nullable=False, comment="its calls and its Asterisks, as JSON"),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_nodes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "slots",
        sa.Column("slot_id", _SERIAL, nullable=False, comment="of those that wait, the lowest is served first"),
        sa.Column("node_id", sa.BigInteger, nullable=False),
        sa.Column("call_id", string),
        sa.Column("kind", sa.String, nullable=False, comment="inbound, outbound or batch"),
        sa.Column("is_waiting", sa.Boolean, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("slot_id", name=op.f("pk_slots")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slots_waiting", "slots", ["is_waiting", "slot_id"])
    op.create_index("ix_slots_node", "slots", ["node_id"])
    plan = "by which another process goes on with it, while it lasts"
    op.add_column("calls", sa.Column("resume_plan", sa.Text, comment=plan))
    in_hand = "the node that has it in hand, to its end and its analysis"
    op.add_column("calls", sa.Column("node_id", sa.BigInteger, comment=in_hand))
    leads = "the node that leads it, and then has it analysed"
    op.add_column("chats", sa.Column("node_id", sa.BigInteger, comment=leads))
    there = sa.text("node_id IS NOT NULL")
    op.create_index("ix_calls_node", "calls", ["node_id"], sqlite_where=there, postgresql_where=there)
    for table in ("outbox", "batch_calls"):
        op.add_column(table, sa.Column("claimed_by", sa.BigInteger, comment="the node that works on it"))
