"""What a chat goes on with after a restart; indexes for the filters of lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what was written last becomes when silence ends the chat."""
    for column in (
        sa.Column("agent", sa.Text, comment="as it was when the chat began, overrides included"),
        sa.Column("answer_to", sa.Text, comment="where texts to the user go"),
        sa.Column("is_awaited", sa.Boolean, comment="the user waits for an answer"),
    ):
        op.add_column("chats", column)
    op.drop_index("ix_chats_status", "chats")
    op.execute("ALTER TABLE chats RENAME COLUMN active_ms TO silent_until_ms")
    op.execute("UPDATE chats SET silent_until_ms = silent_until_ms + 3600000")  # every chat lasted an hour until now
    if op.get_bind().dialect.name == "postgresql":
        op.execute("COMMENT ON COLUMN chats.silent_until_ms IS 'when it ends if nobody writes'")
    op.create_index("ix_chats_status", "chats", ["chat_status", "start_timestamp", "chat_id"])
    op.create_index("ix_chats_silent", "chats", ["chat_status", "silent_until_ms"])
    op.create_index("ix_chats_agent_number", "chats", ["agent_number", "start_timestamp", "chat_id"])
    op.create_index("ix_chats_user_number", "chats", ["user_number", "start_timestamp", "chat_id"])
    waits = sa.text("is_awaited")
    op.create_index("ix_chats_unanswered", "chats", ["chat_id"], sqlite_where=waits, postgresql_where=waits)
