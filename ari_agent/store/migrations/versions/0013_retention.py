"""Calls and chats are deleted when their time is up, and personal data is removed from calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_EXPIRES = "when it is deleted, as its agent says"


def upgrade() -> None:
    """Add columns. What is stored already has no time of its own: the settings of the controller hold for it."""
    categories = sa.Column(
        "pii_categories", sa.Text, comment="the personal data that is removed from it, as its agent says"
    )
    op.add_column("calls", categories)
    forgotten = sa.Column("forgotten", sa.Integer, nullable=False, server_default="0")
    forgotten.comment = "which parts the retention has removed"
    op.add_column("calls", forgotten)
    for table in ("calls", "chats"):
        op.add_column(table, sa.Column("expires_ms", sa.BigInteger, comment=_EXPIRES))
        given = sa.text("expires_ms IS NOT NULL")
        op.create_index(f"ix_{table}_expires", table, ["expires_ms"], sqlite_where=given, postgresql_where=given)
    op.create_index("ix_calls_forgotten", "calls", ["forgotten", "listed_ms"])
