"""Idempotency keys of outbound calls, and batches of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "idempotency_keys",
        sa.Column("idempotency_key", sa.String),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("idempotency_key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_ms"])

    op.create_table(
        "batch_calls",
        sa.Column("batch_call_id", sa.String),
        sa.Column("document", sa.Text, nullable=False, comment="the batch without its tasks"),
        sa.Column(
            "due_ms",
            sa.BigInteger,
            nullable=False,
            comment="when the next task may be placed, as far as is known",
        ),
        sa.Column("is_open", sa.Boolean, nullable=False, comment="tasks are still to be placed"),
        sa.PrimaryKeyConstraint("batch_call_id", name="pk_batch_calls"),
    )
    op.create_index("ix_batch_calls_due", "batch_calls", ["is_open", "due_ms", "batch_call_id"])

    op.create_table(
        "batch_tasks",
        sa.Column("batch_call_id", sa.String),
        sa.Column("position", sa.Integer, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False, comment="pending, placed or refused"),
        sa.Column("call_id", sa.String, comment="of its record, once it is not pending"),
        sa.Column("why", sa.String, comment="it was refused"),
        sa.PrimaryKeyConstraint("batch_call_id", "position", name="pk_batch_tasks"),
    )
    op.create_index("ix_batch_tasks_pending", "batch_tasks", ["batch_call_id", "state", "position"])
