"""Chats in text messages and over the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _text() -> sa.String:
    # compared by code points whatever the server's locale, as SQLite does always
    return sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "chats",
        sa.Column("chat_id", _text()),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("active_ms", sa.BigInteger, nullable=False, comment="when it was last written to: idle chats end"),
        sa.Column("start_timestamp", sa.BigInteger, nullable=False),
        sa.Column("end_timestamp", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("chat_type", _text(), nullable=False),
        sa.Column("chat_status", _text(), nullable=False),
        sa.Column("agent_id", _text(), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("direction", _text()),
        sa.Column("agent_number", _text()),
        sa.Column("user_number", _text()),
        sa.PrimaryKeyConstraint("chat_id", name="pk_chats"),
    )
    op.create_index("ix_chats_start", "chats", ["start_timestamp", "chat_id"])
    op.create_index("ix_chats_status", "chats", ["chat_status", "active_ms"])
    op.create_index("ix_chats_numbers", "chats", ["agent_number", "user_number", "chat_status"])
    op.create_index("ix_chats_agent", "chats", ["agent_id", "start_timestamp", "chat_id"])
