"""What list-calls filters by beyond the first columns, and the tags of agents' versions."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_COLUMNS = {
    "agent_tag": sa.String,
    "data_storage_setting": sa.String,
    "user_sentiment": sa.String,
    "in_voicemail": sa.Boolean,
    "call_successful": sa.Boolean,
    "combined_cost": sa.Double,
    "e2e_latency_p50": sa.Double,
}
# Compared by code points whatever the server's locale, as SQLite does always.
_BY_CODE_POINT = {
    "calls": (
        "call_id",
        "call_type",
        "call_status",
        "agent_id",
        "direction",
        "from_number",
        "to_number",
        "disconnection_reason",
        "batch_call_id",
    ),
    "agents": ("agent_id",),
    "phone_numbers": ("phone_number",),
}
_ATTRIBUTES = {"metadata": "metadata", "dynamic_variables": "retell_llm_dynamic_variables"}
_BATCH = 500


def _text() -> sa.String:
    return sa.String(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String()


def upgrade() -> None:
    """Add columns and tables, and fill in what is known of the calls that are there."""
    if op.get_bind().dialect.name == "postgresql":
        for table, names in _BY_CODE_POINT.items():
            for name in names:
                op.alter_column(table, name, type_=_text())
    for name, kind in _COLUMNS.items():
        op.add_column("calls", sa.Column(name, _text() if kind is sa.String else kind()))
    op.create_table(
        "call_attributes",
        sa.Column("call_id", _text()),
        sa.Column("kind", _text()),
        sa.Column("key", _text()),
        sa.Column("text", _text()),
        sa.Column("number", sa.Double),
        sa.Column("listed_ms", sa.BigInteger, nullable=False, comment="of the call: so that one index finds and sorts"),
        sa.PrimaryKeyConstraint("call_id", "kind", "key", name="pk_call_attributes"),
    )
    for column in ("text", "number"):
        op.create_index(
            f"ix_call_attributes_{column}", "call_attributes", ["kind", "key", column, "listed_ms", "call_id"]
        )
    op.create_table(
        "call_tool_calls",
        sa.Column("call_id", _text()),
        sa.Column("position", sa.Integer, autoincrement=False),
        sa.Column("name", _text(), nullable=False),
        sa.Column("type", _text()),
        sa.Column("success", sa.Boolean),
        sa.Column("latency_ms", sa.Double),
        sa.PrimaryKeyConstraint("call_id", "position", name="pk_call_tool_calls"),
    )
    op.create_index("ix_call_tool_calls_name", "call_tool_calls", ["name", "call_id"])
    op.create_table(
        "agent_tags",
        sa.Column("agent_id", _text()),
        sa.Column("tag", _text()),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "tag", name="pk_agent_tags"),
    )
    _fill_in()


def _fill_in() -> None:
    """Calls before this version had neither analysis nor tool calls: storage setting, metadata and variables."""
    connection = op.get_bind()
    calls = sa.table("calls", *map(sa.column, ("call_id", "document", "amendments", "listed_ms")))
    setting: sa.ColumnClause[str | None] = sa.column("data_storage_setting")
    last = ""
    while True:
        page = connection.execute(
            sa.select(calls).where(calls.c.call_id > last).order_by(calls.c.call_id).limit(_BATCH)
        ).all()
        if not page:
            return
        last = page[-1].call_id
        for row in page:
            call = {**json.loads(row.document), **json.loads(row.amendments or "{}")}
            connection.execute(
                sa.update(sa.table("calls", calls.c.call_id, setting))
                .where(sa.column("call_id") == row.call_id)
                .values({"data_storage_setting": call.get("data_storage_setting")})
            )
            if rows := [*_attributes(row, call)]:
                connection.execute(sa.insert(_attribute_table()), rows)


def _attribute_table() -> sa.TableClause:
    names = ("call_id", "kind", "key", "text", "number", "listed_ms")
    return sa.table("call_attributes", *map(sa.column, names))


def _attributes(row: Any, call: dict[str, Any]) -> list[dict[str, Any]]:
    found = {}
    for kind, field in _ATTRIBUTES.items():
        for key, value in (call.get(field) or {}).items():
            if value is None:
                continue
            text = value if isinstance(value, str) else json.dumps(value) if _is_scalar(value) else None
            number = float(value) if _is_scalar(value) and not isinstance(value, bool) else None
            found[kind, _clean(key)[:128]] = (text if text is None else _clean(text)[:256], number)
    return [
        {"call_id": row.call_id, "kind": kind, "key": key, "text": text, "number": number, "listed_ms": row.listed_ms}
        for (kind, key), (text, number) in found.items()
    ]


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)


def _clean(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")
