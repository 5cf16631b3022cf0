"""In which order the tags of an agent were assigned: a call shows the last one of its version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of tags that are there already the order is not known, and goes by their letters."""
    place = sa.Column(
        "place", sa.Integer, nullable=False, server_default="0", comment="of the agent's assignments, from 1"
    )
    op.add_column("agent_tags", place)
