"""Calls are listed by SQL alone: packed columns go, indexes come. What outlives a call's process leaves its object."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PACKED = ("call_segments", "call_columns", "call_fresh")
_DROPPED = ("ix_calls_listed", "ix_calls_from_number", "ix_calls_to_number", "ix_calls_batch_call")
_IN_ORDER = ("listed_ms", "call_id")
_FREQUENT = ("call_status", "direction")
_BY_VALUE = ("agent_id", "from_number", "to_number", "batch_call_id")
_FILTERED = (
    "call_id call_type call_status agent_id agent_version agent_tag direction from_number to_number start_timestamp "
    "end_timestamp duration_ms disconnection_reason batch_call_id data_storage_setting user_sentiment in_voicemail "
    "call_successful combined_cost e2e_latency_p50"
)
_RECOVERY = ("webhook_plan", "diverted")
_UNFINISHED = ("registered", "ongoing")


def upgrade() -> None:
    """Drop and make. The calls themselves, their attributes and tool calls stay where they are."""
    for table in _PACKED:
        op.drop_table(table)
    plan = "where its webhooks go; for whoever ends the call if its process dies"
    op.add_column("calls", sa.Column("webhook_plan", sa.Text, comment=plan))
    diverted = sa.Column("diverted", sa.Boolean, nullable=False, server_default=sa.false())
    diverted.comment = "sent to the fallback number"
    op.add_column("calls", diverted)
    _move_recovery()
    for index in _DROPPED:
        op.drop_index(index, table_name="calls")
    for column in _BY_VALUE:
        op.create_index(f"ix_calls_{column.removesuffix('_id')}", "calls", [column, *_IN_ORDER, *_FREQUENT])
    op.create_index("ix_calls_status", "calls", ["call_status", *_IN_ORDER, "direction"])
    op.create_index("ix_calls_direction", "calls", ["direction", *_IN_ORDER, "call_status"])
    op.create_index("ix_calls_listed", "calls", ["listed_ms", *_FILTERED.split()])
    op.drop_index("ix_call_attributes_text", table_name="call_attributes")
    op.create_index("ix_call_attributes_text", "call_attributes", ["kind", "key", "text", *_IN_ORDER, "number"])


def _move_recovery() -> None:
    """Of calls that have not ended; nobody asks for that of others any more, and nobody is shown it."""
    calls = sa.table("calls", *map(sa.column, ("call_id", "call_status", "document", *_RECOVERY)))
    connection = op.get_bind()
    for row in connection.execute(sa.select(calls).where(calls.c.call_status.in_(_UNFINISHED))).all():
        try:
            document = json.loads(row.document)
        except ValueError:
            continue  # it is passed over wherever it is read
        plan, diverted = document.pop("webhook_plan", None), bool(document.pop("diverted", False))
        values = {"webhook_plan": _compact(plan) if plan else None, "diverted": diverted}
        change = sa.update(calls).where(calls.c.call_id == row.call_id)
        connection.execute(change.values(**values, document=_compact(document)))


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
