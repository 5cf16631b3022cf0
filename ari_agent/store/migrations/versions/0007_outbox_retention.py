"""An index to find the webhooks that were settled long ago."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    settled = sa.text("settled_ms IS NOT NULL")
    op.create_index(
        "ix_outbox_settled", "outbox", ["state", "settled_ms"], sqlite_where=settled, postgresql_where=settled
    )
