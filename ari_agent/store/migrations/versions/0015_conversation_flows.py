"""Flows of nodes, by which agents answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, which has a row for each version."""
    # compared by code points whatever the server's locale, as SQLite does always
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    op.create_table(
        "conversation_flows",
        sa.Column("conversation_flow_id", text),
        sa.Column("version", sa.Integer, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("is_published", sa.Boolean, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("conversation_flow_id", "version", name="pk_conversation_flows"),
    )
    op.create_index("ix_conversation_flows_modified", "conversation_flows", ["modified_ms", "conversation_flow_id"])
