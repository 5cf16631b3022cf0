"""Calls and chats that are over wait in the database for their analysis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OWED = {"calls": "call_analyzed", "chats": "chat_analyzed"}
_WAITS = sa.text("analysis_due_ms IS NOT NULL")


def upgrade() -> None:
    """Add columns. What is over already has been analysed."""
    plan = sa.Column("analysis_plan", sa.Text, comment="what its agent, as overridden for it, asks about it")
    op.add_column("calls", plan)
    for table, event in _OWED.items():
        comment = f"it is over, and {event} is still owed, by then at the latest"
        op.add_column(table, sa.Column("analysis_due_ms", sa.BigInteger, comment=comment))
        index = f"ix_{table}_analysis_due"
        op.create_index(index, table, ["analysis_due_ms"], sqlite_where=_WAITS, postgresql_where=_WAITS)
