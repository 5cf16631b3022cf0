"""The table of calls whose caller has not turned up yet."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from ari_agent.store.tables import StorableText, metadata

registrations: Final = Table(
    "registrations",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("ix_registrations_expires", "expires_ms"),
)
