"""Calls, agents, phone numbers and the outbox of webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CALL_FILTERS = ("agent_id", "from_number", "to_number", "call_status", "disconnection_reason", "batch_call_id")


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String),
        sa.Column("document", sa.Text, nullable=False, comment="the call object as the call itself wrote it"),
        sa.Column("amendments", sa.Text, comment="the keys that the API has changed since; they win over the document"),
        sa.Column(
            "listed_ms",
            sa.BigInteger,
            nullable=False,
            comment="start_timestamp, or when the record was made: sort key",
        ),
        sa.Column("call_type", sa.String),
        sa.Column("call_status", sa.String, nullable=False),
        sa.Column("agent_id", sa.String),
        sa.Column("agent_version", sa.Integer),
        sa.Column("direction", sa.String),
        sa.Column("from_number", sa.String),
        sa.Column("to_number", sa.String),
        sa.Column("start_timestamp", sa.BigInteger),
        sa.Column("end_timestamp", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("disconnection_reason", sa.String),
        sa.Column("batch_call_id", sa.String),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
    )
    op.create_index("ix_calls_listed", "calls", ["listed_ms", "call_id"])
    for column in _CALL_FILTERS:
        op.create_index(f"ix_calls_{column.removesuffix('_id')}", "calls", [column, "listed_ms", "call_id"])

    op.create_table(
        "outbox",
        sa.Column("outbox_id", _SERIAL),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("once_key", sa.String, comment="call_id:event for what happens once in a call, else null"),
        sa.Column("url", sa.String, nullable=False),
        sa.Column("receiver", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="emptied once delivered"),
        sa.Column("timeout_ms", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False, comment="pending, delivered or dead"),
        sa.Column("attempts", sa.Integer, nullable=False, comment="that have failed"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("next_attempt_ms", sa.BigInteger, nullable=False),
        sa.Column("settled_ms", sa.BigInteger, comment="when it was delivered or died"),
        sa.Column("why", sa.String, comment="the last failure"),
        sa.PrimaryKeyConstraint("outbox_id", name="pk_outbox"),
        sa.UniqueConstraint("once_key", name="uq_outbox_once_key"),
        sqlite_autoincrement=True,
    )
    pending, dead = sa.text("state = 'pending'"), sa.text("state = 'dead'")
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["next_attempt_ms", "outbox_id", "receiver"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("ix_outbox_dead", "outbox", ["outbox_id"], sqlite_where=dead, postgresql_where=dead)
    op.create_index("ix_outbox_call", "outbox", ["call_id"])

    op.create_table(
        "agents",
        sa.Column("agent_id", sa.String),
        sa.Column("version", sa.Integer, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("is_published", sa.Boolean, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "version", name="pk_agents"),
    )
    op.create_index("ix_agents_modified", "agents", ["modified_ms", "agent_id"])

    op.create_table(
        "phone_numbers",
        sa.Column("phone_number", sa.String),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("phone_number", name="pk_phone_numbers"),
    )
