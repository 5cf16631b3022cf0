"""Webhooks remember their last attempts, and are listed from the newest to the oldest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and an index. Of the webhooks that are there no attempt is known."""
    op.add_column("outbox", sa.Column("attempt_log", sa.Text, comment="the last attempts, as JSON"))
    replays = sa.Column("replays", sa.Integer, nullable=False, server_default="0")
    replays.comment = "how often it was sent again, once settled"
    op.add_column("outbox", replays)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("COMMENT ON COLUMN outbox.body IS 'empty where it may not be kept'")
    op.create_index("ix_outbox_listed", "outbox", ["outbox_id", "state", "event", "receiver"])
