"""What list-calls shows of each call; call_ids take less room in segments; indexes that segments replaced go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_UNUSED = {
    "ix_calls_agent": "calls",
    "ix_calls_call_status": "calls",
    "ix_calls_disconnection_reason": "calls",
    "ix_call_attributes_number": "call_attributes",
    "ix_call_tool_calls_name": "call_tool_calls",
}


def upgrade() -> None:
    """Add the column, which calls have from when they are written again; have the store make all segments anew."""
    comment = "what list-calls shows of it; null where an older version wrote the record"
    op.add_column("calls", sa.Column("list_item", sa.Text, comment=comment))
    for index, table in _UNUSED.items():
        op.drop_index(index, table_name=table)
    if op.get_bind().execute(sa.text("SELECT 1 FROM call_segments LIMIT 1")).first() is None:
        return
    op.execute("DELETE FROM call_columns")
    op.execute("DELETE FROM call_segments")
    op.execute("DELETE FROM call_fresh WHERE call_id NOT IN (SELECT call_id FROM calls)")
    op.execute("UPDATE call_fresh SET sealed_ms = NULL")
    op.execute(
        "INSERT INTO call_fresh (call_id, listed_ms, touched) SELECT call_id, listed_ms, 0 FROM calls "
        "WHERE call_id NOT IN (SELECT call_id FROM call_fresh) ORDER BY listed_ms, call_id"
    )
