"""The table of chats. Beside `tables`, which says how."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from ari_agent.store.tables import StorableText, metadata

chats: Final = Table(
    "chats",
    metadata,
    Column("chat_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False),
    Column("agent", Text, comment="as it was when the chat began, overrides included"),
    Column("answer_to", Text, comment="where texts to the user go"),
    Column("is_awaited", Boolean, comment="the user waits for an answer"),
    Column("silent_until_ms", BigInteger, nullable=False, comment="when it ends if nobody writes"),
    Column("start_timestamp", BigInteger, nullable=False),
    Column("end_timestamp", BigInteger),
    Column("duration_ms", BigInteger),
    Column("chat_type", StorableText, nullable=False),
    Column("chat_status", StorableText, nullable=False),
    Column("agent_id", StorableText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("direction", StorableText),
    Column("agent_number", StorableText),
    Column("user_number", StorableText),
    Index("ix_chats_start", "start_timestamp", "chat_id"),
    Index("ix_chats_status", "chat_status", "start_timestamp", "chat_id"),
    Index("ix_chats_silent", "chat_status", "silent_until_ms"),
    Index("ix_chats_numbers", "agent_number", "user_number", "chat_status"),
    Index("ix_chats_agent", "agent_id", "start_timestamp", "chat_id"),
    Index("ix_chats_agent_number", "agent_number", "start_timestamp", "chat_id"),
    Index("ix_chats_user_number", "user_number", "start_timestamp", "chat_id"),
    Index(
        "ix_chats_unanswered",
        "chat_id",
        sqlite_where=text("is_awaited"),
        postgresql_where=text("is_awaited"),
    ),
)
