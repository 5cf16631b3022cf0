"""Calls are listed by SQL alone: the packed columns go, and indexes find and sort what people filter by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_PACKED = ("call_segments", "call_columns", "call_fresh")
_DROPPED = {
    "ix_calls_listed": "calls",
    "ix_calls_from_number": "calls",
    "ix_calls_to_number": "calls",
    "ix_calls_batch_call": "calls",
    "ix_call_attributes_text": "call_attributes",
}
_IN_ORDER = ("listed_ms", "call_id")
_FREQUENT = ("call_status", "direction")
_BY_VALUE = {
    "ix_calls_agent": "agent_id",
    "ix_calls_from_number": "from_number",
    "ix_calls_to_number": "to_number",
    "ix_calls_batch_call": "batch_call_id",
}
_RARELY_FILTERED = (
    "agent_id",
    "agent_version",
    "agent_tag",
    "from_number",
    "to_number",
    "batch_call_id",
    "call_type",
    "start_timestamp",
    "end_timestamp",
    "duration_ms",
    "disconnection_reason",
    "data_storage_setting",
    "user_sentiment",
    "in_voicemail",
    "call_successful",
    "combined_cost",
    "e2e_latency_p50",
)
_NOT_SHOWN = ("webhook_plan", "diverted")  # and what has "transcript" in its name
_DEFAULTS = {"call_type": "phone_call", "agent_version": 0}  # which records leave out
_OBJECTS = ("telephony_identifier", "latency", "call_analysis", "call_cost")
_BATCH = 500


def upgrade() -> None:
    """Drop and make. The calls themselves, their attributes and tool calls stay where they are."""
    for table in _PACKED:
        op.drop_table(table)
    _fill_in_items()
    for index, table in _DROPPED.items():
        op.drop_index(index, table_name=table)
    for index, column in _BY_VALUE.items():
        op.create_index(index, "calls", [column, *_IN_ORDER, *_FREQUENT])
    op.create_index("ix_calls_status", "calls", ["call_status", *_IN_ORDER, "direction"])
    op.create_index("ix_calls_direction", "calls", ["direction", *_IN_ORDER, "call_status"])
    op.create_index("ix_calls_listed", "calls", [*_IN_ORDER, *_FREQUENT, *_RARELY_FILTERED])
    op.create_index("ix_call_attributes_text", "call_attributes", ["kind", "key", "text", *_IN_ORDER, "number"])


def _fill_in_items() -> None:
    """What list-calls shows of the calls that a version without `list_item` wrote."""
    connection = op.get_bind()
    calls = sa.table("calls", *map(sa.column, ("call_id", "document", "amendments", "list_item")))
    without = sa.select(calls).where(calls.c.list_item.is_(None)).order_by(calls.c.call_id).limit(_BATCH)
    change = sa.update(calls).where(calls.c.call_id == sa.bindparam("of")).values(list_item=sa.bindparam("item"))
    page: Sequence[Any] = connection.execute(without).all()
    while page:
        items = [{"of": row.call_id, "item": item} for row in page if (item := _item(row)) is not None]
        if items:
            connection.execute(change, items)
        page = connection.execute(without.where(calls.c.call_id > page[-1].call_id)).all()


def _item(row: Any) -> str | None:
    """None: the record cannot be read."""
    try:
        call = {**json.loads(row.document), **json.loads(row.amendments or "{}")}
    except (ValueError, TypeError):
        return None
    shown = _DEFAULTS | {key: _without_nulls(value) if key in _OBJECTS else value for key, value in call.items()}
    shown = {key: value for key, value in shown.items() if key not in _NOT_SHOWN and "transcript" not in key}
    return json.dumps({key: value for key, value in shown.items() if value is not None}, separators=(",", ":"))


def _without_nulls(value: Any) -> Any:
    return {key: inner for key, inner in value.items() if inner is not None} if isinstance(value, dict) else value
