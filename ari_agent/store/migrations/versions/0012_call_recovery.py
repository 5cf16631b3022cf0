"""What outlives a call's process stands beside the call object, and not in it."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and fill them in for calls that have not ended: nobody asks for those of others any more."""
    plan, diverted = (
        "where its webhooks go; for whoever ends the call if its process dies",
        "sent to the fallback number",
    )
    op.add_column("calls", sa.Column("webhook_plan", sa.Text, comment=plan))
    op.add_column(
        "calls", sa.Column("diverted", sa.Boolean, nullable=False, server_default=sa.false(), comment=diverted)
    )
    names = ("call_id", "call_status", "document", "webhook_plan", "diverted")
    calls = sa.table("calls", *map(sa.column, names))
    connection = op.get_bind()
    unfinished = sa.select(calls.c.call_id, calls.c.document).where(calls.c.call_status.in_(("registered", "ongoing")))
    for row in connection.execute(unfinished).all():
        try:
            document = json.loads(row.document)
        except ValueError:
            continue  # it is passed over wherever it is read
        found = document.pop("webhook_plan", None)
        values = {
            "webhook_plan": json.dumps(found, separators=(",", ":")) if found else None,
            "diverted": bool(document.pop("diverted", False)),
            "document": json.dumps(document, separators=(",", ":")),
        }
        connection.execute(sa.update(calls).where(calls.c.call_id == row.call_id).values(values))
