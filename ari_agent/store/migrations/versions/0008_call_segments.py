"""What list-calls looks through: columns of thousands of calls, packed together when the store opens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text() -> sa.String:
    # compared by code points whatever the server's locale, as SQLite does always
    return sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()


def upgrade() -> None:
    """Make the tables; no call is in a segment yet."""
    serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "call_segments",
        sa.Column("segment_id", serial),
        sa.Column("size", sa.Integer, nullable=False, comment="how many calls"),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("first_id", _text(), nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.Column("last_id", _text(), nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False, comment="every attribute of its calls has a column here"),
        sa.PrimaryKeyConstraint("segment_id", name="pk_call_segments"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "call_columns",
        sa.Column("place", _text(), comment="segment_id/name"),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_call_columns"),
    )
    op.create_table(
        "call_fresh",
        sa.Column("call_id", _text()),
        sa.Column(
            "listed_ms",
            sa.BigInteger,
            nullable=False,
            comment="of the call when it was last written to: sealed by this",
        ),
        sa.Column("sealed_ms", sa.BigInteger, comment="under which a segment still has the call as it was"),
        sa.Column("touched", sa.Integer, nullable=False, comment="changes whenever the call does"),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_fresh"),
    )
    op.execute(
        "INSERT INTO call_fresh (call_id, listed_ms, touched) "
        "SELECT call_id, listed_ms, 0 FROM calls ORDER BY listed_ms, call_id"
    )
    op.create_index("ix_call_fresh_listed", "call_fresh", ["listed_ms", "call_id"])
    if op.get_bind().dialect.name == "postgresql":
        # packed already: to try and compress it again would cost the most of writing and reading it
        op.execute("ALTER TABLE call_columns ALTER COLUMN packed SET STORAGE EXTERNAL")
