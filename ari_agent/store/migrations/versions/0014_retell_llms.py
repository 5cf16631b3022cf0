"""Prompts with their models and tools, by which agents answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table, which has a row for each version."""
    # compared by code points whatever the server's locale, as SQLite does always
    text = sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()
    op.create_table(
        "retell_llms",
        sa.Column("llm_id", text),
        sa.Column("version", sa.Integer, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("is_published", sa.Boolean, nullable=False),
        sa.Column("modified_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("llm_id", "version", name="pk_retell_llms"),
    )
    op.create_index("ix_retell_llms_modified", "retell_llms", ["modified_ms", "llm_id"])
