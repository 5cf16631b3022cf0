"""Rows of agents and their tags, read and written inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from ari_agent.contract.chat_agent import AnyAgent, agent_of
from ari_agent.store.database import dump
from ari_agent.store.record_rows import parsed
from ari_agent.store.tables import agent_tags, agents

LATEST: Final = "latest"
LATEST_PUBLISHED: Final = "latest_published"
LARGEST_VERSION: Final = 2**31 - 1  # that the column holds


def choose(agent_id: str, version: int | str | None) -> Select[Any]:
    """The row that a version reference means: a number, `latest` (as None), `latest_published` or a tag."""
    statement = select(agents).where(agents.c.agent_id == agent_id).order_by(agents.c.version.desc()).limit(1)
    if version is None or version == LATEST:
        return statement
    if version == LATEST_PUBLISHED:
        return statement.where(agents.c.is_published)
    if isinstance(version, str):
        of_tag = select(agent_tags.c.version).where(agent_tags.c.agent_id == agent_id, agent_tags.c.tag == version)
        return statement.where(agents.c.version == of_tag.scalar_subquery())
    return statement.where(agents.c.version == (version if 0 <= version <= LARGEST_VERSION else -1))


def tags_of(connection: Connection, agent_ids: Sequence[str]) -> dict[tuple[str, int], list[str]]:
    """Tags by agent and version, in the order in which they were assigned."""
    statement = select(agent_tags).where(agent_tags.c.agent_id.in_(agent_ids))
    statement = statement.order_by(agent_tags.c.place, agent_tags.c.tag)
    found: dict[tuple[str, int], list[str]] = {}
    for row in connection.execute(statement):
        found.setdefault((row.agent_id, row.version), []).append(row.tag)
    return found


def read(connection: Connection, rows: Sequence[Row[Any]]) -> list[AnyAgent]:
    """Return the agents of these rows, with their tags. Raises: UnreadableRecord."""
    tags = tags_of(connection, sorted({row.agent_id for row in rows})) if rows else {}
    return [_agent(row, tags.get((row.agent_id, row.version))) for row in rows]


def _agent(row: Row[Any], tags: list[str] | None) -> AnyAgent:
    assigned = {"assigned_tags": tags} if tags else {}
    return parsed(lambda known: agent_of({**known, **assigned}), row.document, f"the record of agent {row.agent_id}")


def values(agent: AnyAgent) -> dict[str, object]:
    """The row of an agent; its tags have a table of their own."""
    record = {name: value for name, value in agent.as_record().items() if name != "assigned_tags"}
    return {
        "agent_id": agent.agent_id,
        "version": agent.version,
        "document": dump(record),
        "is_published": agent.is_published,
        "modified_ms": agent.last_modification_timestamp,
    }
