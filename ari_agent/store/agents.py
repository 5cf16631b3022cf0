"""Agents, each a row of settings per version.

A version that is published never changes any more; the highest version is the one that updates change. A change reads
the agent and writes it back in one transaction that no other writer can come between.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection, Row, Select, delete, func, insert, select, tuple_, update

from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.errors import StoreError
from ari_agent.store.database import Database
from ari_agent.store.tables import agents

LATEST: Final = "latest"
LATEST_PUBLISHED: Final = "latest_published"
LARGEST_VERSION: Final = 2**31 - 1  # that the column holds


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Some agents, and the key that the page after them begins with: None on the last page."""

    agents: Sequence[Agent]
    next_key: str | None


def _choose(agent_id: str, version: int | str | None) -> Select[Any] | None:
    """The row that a version reference means; None for what can mean none: a tag, of which there are none yet."""
    statement = select(agents).where(agents.c.agent_id == agent_id).order_by(agents.c.version.desc()).limit(1)
    if version is None or version == LATEST:
        return statement
    if version == LATEST_PUBLISHED:
        return statement.where(agents.c.is_published)
    if isinstance(version, int) and 0 <= version <= LARGEST_VERSION:
        return statement.where(agents.c.version == version)
    return None


def _agent(row: Row[Any]) -> Agent:
    try:
        return Agent.model_validate(json.loads(row.document))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise StoreError(f"the record of agent {row.agent_id} cannot be read: {where}: {problem['msg']}") from None


def _values(agent: Agent) -> dict[str, object]:
    return {
        "agent_id": agent.agent_id,
        "version": agent.version,
        "document": json.dumps(agent.as_record(), separators=(",", ":")),
        "is_published": agent.is_published,
        "modified_ms": agent.last_modification_timestamp,
    }


class Agents:
    """Agents by agent_id and version."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def create(self, wanted: AgentCreate) -> Agent:
        """Make an agent with a new agent_id, at version 0, not published."""
        agent = wanted.agent(agent_id=f"agent_{secrets.token_hex(14)}", now_ms=self._now_ms())

        def write(connection: Connection) -> None:
            connection.execute(insert(agents).values(_values(agent)))

        await self._database.write(write)
        return agent

    async def get(self, agent_id: str, version: int | str | None = None) -> Agent | None:
        """The agent, or None. version: a number, `latest` (as None) or `latest_published`."""
        statement = _choose(agent_id, version)
        if statement is None:
            return None

        def ask(connection: Connection) -> Agent | None:
            row = connection.execute(statement).one_or_none()
            return _agent(row) if row else None

        return await self._database.read(ask)

    async def update(self, agent_id: str, changes: AgentUpdate, version: int | str | None = None) -> Agent | None:
        """Change what `changes` names, in the given or the latest version; None: no such agent.

        Raises:
            pydantic.ValidationError: the settings would not fit one another any more; nothing is changed.
        """
        statement = _choose(agent_id, version)
        if statement is None:
            return None

        def change(connection: Connection) -> Agent | None:
            row = connection.execute(statement.with_for_update()).one_or_none()
            if row is None:
                return None
            agent = changes.apply(_agent(row), now_ms=self._now_ms())
            this_version = (agents.c.agent_id == agent_id) & (agents.c.version == row.version)
            connection.execute(update(agents).where(this_version).values(_values(agent)))
            return agent

        return await self._database.write(change)

    async def delete(self, agent_id: str) -> bool:
        """Delete the agent in all its versions. False: no such agent."""

        def drop(connection: Connection) -> bool:
            return connection.execute(delete(agents).where(agents.c.agent_id == agent_id)).rowcount > 0

        return await self._database.write(drop)

    async def list(self, *, ascending: bool = False, limit: int = 50, pagination_key: str | None = None) -> AgentPage:
        """The latest version of each agent, by last modification and then agent_id.

        pagination_key: `next_key` of the page before; one that is not is taken for the beginning.
        """
        newer = agents.alias("newer")
        latest = select(func.max(newer.c.version)).where(newer.c.agent_id == agents.c.agent_id).scalar_subquery()
        columns = (agents.c.modified_ms, agents.c.agent_id)
        statement = select(agents).where(agents.c.version == latest).limit(limit + 1)
        statement = statement.order_by(*(column.asc() if ascending else column.desc() for column in columns))
        modified_ms, _, agent_id = (pagination_key or "").partition(":")
        if modified_ms.isascii() and modified_ms.isdigit() and len(modified_ms) < 19:
            here, last = tuple_(*columns), tuple_(int(modified_ms), agent_id)
            statement = statement.where(here > last if ascending else here < last)

        def ask(connection: Connection) -> AgentPage:
            rows = connection.execute(statement).all()
            page = [_agent(row) for row in rows[:limit]]
            more = len(rows) > limit and page
            return AgentPage(page, f"{page[-1].last_modification_timestamp}:{page[-1].agent_id}" if more else None)

        return await self._database.read(ask)
