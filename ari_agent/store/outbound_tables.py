"""The tables of outbound calls: idempotency keys, and batches with their tasks. Beside `tables`, which says how."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from ari_agent.store.tables import StorableText, metadata

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("idempotency_key", StorableText, primary_key=True),
    Column("call_id", StorableText, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_idempotency_keys_created", "created_ms"),
)

batch_calls: Final = Table(
    "batch_calls",
    metadata,
    Column("batch_call_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False, comment="the batch without its tasks"),
    Column("due_ms", BigInteger, nullable=False, comment="when the next task may be placed, as far as is known"),
    Column("is_open", Boolean, nullable=False, comment="tasks are still to be placed"),
    Index("ix_batch_calls_due", "is_open", "due_ms", "batch_call_id"),
)

batch_tasks: Final = Table(
    "batch_tasks",
    metadata,
    Column("batch_call_id", StorableText, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("state", String, nullable=False, comment="pending, placed or refused"),
    Column("call_id", StorableText, comment="of its record, once it is not pending"),
    Column("why", StorableText, comment="it was refused"),
    Index("ix_batch_tasks_pending", "batch_call_id", "state", "position"),
)
