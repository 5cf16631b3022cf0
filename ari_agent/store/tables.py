"""The tables, one per noun.

A record is its JSON document, so that the pydantic object is the one model, beside the columns that people filter and
sort on. Documents are text and not JSONB: they come back byte for byte, and JSONB refuses what JSON allows (`\\u0000`).
Times are milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    literal_column,
    text,
)
from sqlalchemy.types import TypeEngine

from ari_agent.store.call_filter import FilterField


def storable(value: str) -> str:
    """The text as a column can hold it: NUL (which PostgreSQL refuses) and halves of surrogate pairs become U+FFFD.

    The whole truth is in the document, whose JSON escapes both.
    """
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")


class StorableText(TypeDecorator[str]):
    """Text of callers and API clients, in columns and in what is compared with them.

    Compared by its code points in both databases, whatever the locale of the PostgreSQL server: an index then answers
    "starts with", and pages come in the same order everywhere.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the column's type in this database."""
        return dialect.type_descriptor(String(collation="C" if dialect.name == "postgresql" else None))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make a text storable on its way into a statement."""
        del dialect
        return value if value is None else storable(value)


def _partial_index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


metadata: Final = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"},
)

# A column that counts by itself must be INTEGER in SQLite, and 64 bit in PostgreSQL.
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")

_IN_ORDER: Final = ("listed_ms", "call_id")
"""The columns by which lists of calls are sorted."""
_FREQUENT: Final = ("call_status", "direction")

calls: Final = Table(
    "calls",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False, comment="the call object as the call itself wrote it"),
    Column("amendments", Text, comment="the keys that the API has changed since; they win over the document"),
    Column("listed_ms", BigInteger, nullable=False, comment="start_timestamp, or when the record was made: sort key"),
    Column("call_type", StorableText),
    Column("call_status", StorableText, nullable=False),
    Column("agent_id", StorableText),
    Column("agent_version", Integer),
    Column("direction", StorableText),
    Column("from_number", StorableText),
    Column("to_number", StorableText),
    Column("start_timestamp", BigInteger),
    Column("end_timestamp", BigInteger),
    Column("duration_ms", BigInteger),
    Column("disconnection_reason", StorableText),
    Column("batch_call_id", StorableText),
    Column("agent_tag", StorableText),
    Column("data_storage_setting", StorableText),
    Column("user_sentiment", StorableText),
    Column("in_voicemail", Boolean),
    Column("call_successful", Boolean),
    Column("combined_cost", Double),
    Column("e2e_latency_p50", Double),
    Column("list_item", Text, comment="what list-calls shows of it; null where an older version wrote the record"),
    Column("webhook_plan", Text, comment="where its webhooks go; for whoever ends the call if its process dies"),
    Column("diverted", Boolean, nullable=False, server_default=false(), comment="sent to the fallback number"),
    Column("analysis_plan", Text, comment="what its agent, as overridden for it, asks about it"),
    Column("analysis_due_ms", BigInteger, comment="it is over, and call_analyzed is still owed, by then at the latest"),
    _partial_index("ix_calls_analysis_due", "analysis_due_ms", where="analysis_due_ms IS NOT NULL"),
    Column("pii_categories", Text, comment="the personal data that is removed from it, as its agent says"),
    Column("expires_ms", BigInteger, comment="when it is deleted, as its agent says"),
    Column("forgotten", Integer, nullable=False, server_default="0", comment="which parts the retention has removed"),
    Column("resume_plan", Text, comment="by which another process goes on with it, while it lasts"),
    Column("node_id", BigInteger, comment="the node that has it in hand, to its end and its analysis"),
    _partial_index("ix_calls_node", "node_id", where="node_id IS NOT NULL"),
    # In the order of the list by what people filter by. A filter by status or direction as well reads the index alone.
    Index("ix_calls_agent", "agent_id", *_IN_ORDER, *_FREQUENT),
    Index("ix_calls_from_number", "from_number", *_IN_ORDER, *_FREQUENT),
    Index("ix_calls_to_number", "to_number", *_IN_ORDER, *_FREQUENT),
    Index("ix_calls_batch_call", "batch_call_id", *_IN_ORDER, *_FREQUENT),
    Index("ix_calls_status", "call_status", *_IN_ORDER, "direction"),
    Index("ix_calls_direction", "direction", *_IN_ORDER, "call_status"),
    _partial_index("ix_calls_expires", "expires_ms", where="expires_ms IS NOT NULL"),
    Index("ix_calls_forgotten", "forgotten", "listed_ms"),
    # What no other index finds is looked for here: the rows, with their transcripts, are ten times as large.
    Index("ix_calls_listed", "listed_ms", *FilterField),
)

call_attributes: Final = Table(
    "call_attributes",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("kind", StorableText, primary_key=True),
    Column("key", StorableText, primary_key=True),
    Column("text", StorableText),
    Column("number", Double),
    Column("listed_ms", BigInteger, nullable=False, comment="of the call: so that one index finds and sorts"),
    Index("ix_call_attributes_text", "kind", "key", "text", *_IN_ORDER, "number"),
)

call_tool_calls: Final = Table(
    "call_tool_calls",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", StorableText, nullable=False),
    Column("type", StorableText),
    Column("success", Boolean),
    Column("latency_ms", Double),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("outbox_id", _SERIAL, primary_key=True),
    Column("call_id", StorableText, nullable=False),
    Column("event", StorableText, nullable=False),
    Column("once_key", StorableText, unique=True, comment="call_id:event for what happens once in a call, else null"),
    Column("url", StorableText, nullable=False),
    Column("receiver", StorableText, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="empty where it may not be kept"),
    Column("timeout_ms", Integer, nullable=False),
    Column("state", String, nullable=False, comment="pending, delivered or dead"),
    Column("attempts", Integer, nullable=False, comment="that have failed"),
    Column("created_ms", BigInteger, nullable=False),
    Column("next_attempt_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger, comment="when it was delivered or died"),
    Column("why", StorableText, comment="the last failure"),
    Column("attempt_log", Text, comment="the last attempts, as JSON"),
    Column("replays", Integer, nullable=False, server_default="0", comment="how often it was sent again, once settled"),
    Column("claimed_by", BigInteger, comment="the node that works on it"),
    _partial_index("ix_outbox_pending", "next_attempt_ms", "outbox_id", "receiver", where="state = 'pending'"),
    _partial_index("ix_outbox_dead", "outbox_id", where="state = 'dead'"),
    Index("ix_outbox_call", "call_id"),
    _partial_index("ix_outbox_settled", "state", "settled_ms", where="settled_ms IS NOT NULL"),
    # what a page of the console looks through, without the bodies
    Index("ix_outbox_listed", "outbox_id", "state", "event", "receiver"),
    sqlite_autoincrement=True,  # an id that was deleted never names another event
)

IS_PENDING: Final[ColumnElement[str]] = literal_column("'pending'")
"""The state of a webhook that is to be sent. It is written out and not bound: only then do the databases see that a
partial index serves a query."""

agents: Final = Table(
    "agents",
    metadata,
    Column("agent_id", StorableText, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("is_published", Boolean, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Index("ix_agents_modified", "modified_ms", "agent_id"),
)


def _engine_versions(name: str, id_name: str) -> Table:
    return Table(
        name,
        metadata,
        Column(id_name, StorableText, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("document", Text, nullable=False),
        Column("is_published", Boolean, nullable=False),
        Column("modified_ms", BigInteger, nullable=False),
        Index(f"ix_{name}_modified", "modified_ms", id_name),
    )


retell_llms: Final = _engine_versions("retell_llms", "llm_id")
conversation_flows: Final = _engine_versions("conversation_flows", "conversation_flow_id")

agent_tags: Final = Table(
    "agent_tags",
    metadata,
    Column("agent_id", StorableText, primary_key=True),
    Column("tag", StorableText, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("place", Integer, nullable=False, server_default="0", comment="of the agent's assignments, from 1"),
)

phone_numbers: Final = Table(
    "phone_numbers",
    metadata,
    Column("phone_number", StorableText, primary_key=True),
    Column("document", Text, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
)

registrations: Final = Table(
    "registrations",
    metadata,
    Column("call_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("ix_registrations_expires", "expires_ms"),
)

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
    Column("claimed_by", BigInteger, comment="the node that works on it"),
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

chats: Final = Table(
    "chats",
    metadata,
    Column("chat_id", StorableText, primary_key=True),
    Column("document", Text, nullable=False),
    Column("agent", Text, comment="as it was when the chat began, overrides included"),
    Column("answer_to", Text, comment="where texts to the user go"),
    Column("is_awaited", Boolean, comment="the user waits for an answer"),
    Column("analysis_due_ms", BigInteger, comment="it is over, and chat_analyzed is still owed, by then at the latest"),
    Column("silent_until_ms", BigInteger, nullable=False, comment="when it ends if nobody writes"),
    Column("expires_ms", BigInteger, comment="when it is deleted, as its agent says"),
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
    Column("node_id", BigInteger, comment="the node that leads it, and then has it analysed"),
    Index("ix_chats_start", "start_timestamp", "chat_id"),
    Index("ix_chats_status", "chat_status", "start_timestamp", "chat_id"),
    Index("ix_chats_silent", "chat_status", "silent_until_ms"),
    Index("ix_chats_numbers", "agent_number", "user_number", "chat_status"),
    Index("ix_chats_agent", "agent_id", "start_timestamp", "chat_id"),
    Index("ix_chats_agent_number", "agent_number", "start_timestamp", "chat_id"),
    Index("ix_chats_user_number", "user_number", "start_timestamp", "chat_id"),
    _partial_index("ix_chats_expires", "expires_ms", where="expires_ms IS NOT NULL"),
    _partial_index("ix_chats_unanswered", "chat_id", where="is_awaited"),
    _partial_index("ix_chats_analysis_due", "analysis_due_ms", where="analysis_due_ms IS NOT NULL"),
)

nodes: Final = Table(
    "nodes",
    metadata,
    Column("node_id", _SERIAL, primary_key=True, comment="also the key of the advisory lock that it holds"),
    Column("name", StorableText, nullable=False, comment="for people"),
    Column("app", StorableText, nullable=False, comment="its application in Asterisk"),
    Column("url", StorableText, comment="where the other nodes reach its API"),
    Column("version", StorableText, nullable=False, comment="of ari-agent"),
    Column("started_ms", BigInteger, nullable=False),
    Column("heartbeat_ms", BigInteger, nullable=False, comment="by the clock of the database"),
    Column("state", String, nullable=False, comment="serving, draining or lost"),
    Column("load", Text, nullable=False, comment="its calls and its Asterisks, as JSON"),
    sqlite_autoincrement=True,
)

slots: Final = Table(
    "slots",
    metadata,
    Column("slot_id", _SERIAL, primary_key=True, comment="of those that wait, the lowest is served first"),
    Column("node_id", BigInteger, nullable=False),
    Column("call_id", StorableText),
    Column("kind", String, nullable=False, comment="inbound, outbound or batch"),
    Column("is_waiting", Boolean, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Index("ix_slots_waiting", "is_waiting", "slot_id"),
    Index("ix_slots_node", "node_id"),
    sqlite_autoincrement=True,
)
