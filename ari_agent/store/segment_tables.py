"""The tables of what list-calls looks through: see `call_segments.py`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table

from ari_agent.store.tables import StorableText, metadata

call_segments: Final = Table(
    "call_segments",
    metadata,
    Column("segment_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("size", Integer, nullable=False, comment="how many calls"),
    Column("first_ms", BigInteger, nullable=False),
    Column("first_id", StorableText, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_id", StorableText, nullable=False),
    Column("whole", Boolean, nullable=False, comment="every attribute of its calls has a column here"),
    sqlite_autoincrement=True,  # a segment is never changed, so that an id must never name another one
)

call_columns: Final = Table(
    "call_columns",
    metadata,
    Column("place", StorableText, primary_key=True, comment="segment_id/name"),
    Column("packed", LargeBinary, nullable=False),
)

call_fresh: Final = Table(
    "call_fresh",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("listed_ms", BigInteger, nullable=False, comment="of the call when it was last written to: sealed by this"),
    Column("sealed_ms", BigInteger, comment="under which a segment still has the call as it was"),
    Column("touched", Integer, nullable=False, comment="changes whenever the call does"),
    Index("ix_call_fresh_listed", "listed_ms", "call_id"),
)
