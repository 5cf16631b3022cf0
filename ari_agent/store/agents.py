"""Agents of calls and chat agents, each a row of settings per version; they share ids, versions and tags.

A version that is published never changes any more. The highest version is the one that updates change; where it is
published, an update makes the next one, a draft that begins as it was. Every change reads and writes in one
transaction that no other change of the same agent can come between: it first locks the agent's version 0 or whatever
its lowest is, so that two updates at once are both kept, and two new drafts get two numbers.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ari_agent.contract.agent import Agent, AgentUpdate
from ari_agent.contract.agent_version_errors import StaleDraft, VersionInUse
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent, ChatAgentUpdate, agent_of
from ari_agent.contract.response_engine import PromptEngine
from ari_agent.store.agent_rows import choose, read, values
from ari_agent.store.database import Database, insert_into
from ari_agent.store.tables import agent_tags, agents
from ari_agent.store.version_pages import latest_versions, next_key
from ari_agent.store.versioned_engines import publish as publish_engine

AgentKey: TypeAlias = tuple[str, int | str | None]
"""An agent by its id and version: a number, `latest` (as None), `latest_published` or a tag."""
T = TypeVar("T")
Made_co = TypeVar("Made_co", Agent, ChatAgent, covariant=True)


class NewAgent(Protocol[Made_co]):
    """The settings of an agent that a client wants made."""

    def agent(self, *, agent_id: str, now_ms: int) -> Made_co:
        """Return the agent with this id, made at this time."""


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Some agents, and the key that the page after them begins with: None on the last page."""

    agents: Sequence[AnyAgent]
    next_key: str | None


class Agents:
    """The agents in the database, by agent_id and version."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def create(self, wanted: NewAgent[Made_co]) -> Made_co:
        """Make an agent with a new agent_id, at version 0, not published."""
        agent = wanted.agent(agent_id=f"agent_{secrets.token_hex(14)}", now_ms=self._now_ms())
        await self._database.run(insert(agents).values(values(agent)))
        return agent

    async def get(self, agent_id: str, version: int | str | None = None) -> Agent | None:
        """The agent of calls, or None. version: a number, `latest` (as None), `latest_published` or a tag."""
        found = await self.any(agent_id, version)
        return found if isinstance(found, Agent) else None

    async def any(self, agent_id: str, version: int | str | None = None) -> AnyAgent | None:
        """Return the agent of calls or chats, or None; `version` as for `get`."""
        return await self._database.read(lambda connection: _one(connection, agent_id, version))

    @overload
    async def update(self, agent_id: str, changes: AgentUpdate, version: int | str | None = None) -> Agent | None: ...
    @overload
    async def update(
        self, agent_id: str, changes: ChatAgentUpdate, version: int | str | None = None
    ) -> ChatAgent | None: ...
    async def update(
        self, agent_id: str, changes: AgentUpdate | ChatAgentUpdate, version: int | str | None = None
    ) -> AnyAgent | None:
        """Change what `changes` names in the latest draft; None: no such agent of this kind.

        version: which the client believes to be the latest. A latest version that is published stays as it is, and
        the changes make the next one.

        Raises:
            StaleDraft: `version` is not the latest.
            pydantic.ValidationError: the settings would not fit one another any more; nothing is changed.
        """

        def change(connection: Connection, latest: AnyAgent) -> AnyAgent | None:
            meant = latest if version is None else _one(connection, agent_id, version)
            changed = _changed(latest, changes, now_ms=self._now_ms())
            if meant is None or changed is None:
                return None
            if meant.version != latest.version:
                raise StaleDraft(agent_id, meant.version, latest.version)
            if not latest.is_published:
                return self._rewrite(connection, changed)
            return self._add_draft(connection, changed, latest)

        return await self._change(agent_id, change)

    async def create_version(self, agent_id: str, base_version: int) -> AnyAgent | None:
        """A new draft that begins as `base_version` is; None: no such agent or version."""

        def change(connection: Connection, latest: AnyAgent) -> AnyAgent | None:
            base = _one(connection, agent_id, base_version)
            return self._add_draft(connection, base, latest) if base else None

        return await self._change(agent_id, change)

    async def publish(
        self, agent_id: str, version: int | None, *, title: str | None = None, description: str | None = None
    ) -> AnyAgent | None:
        """Freeze a version, the latest if None. Repeated, it changes at most the titles; None: no such version."""

        def change(connection: Connection, latest: AnyAgent) -> AnyAgent | None:
            meant = latest if version is None else _one(connection, agent_id, version)
            if meant is None:
                return None
            told = {"version_title": title, "version_description": description}
            named = {name: text for name, text in told.items() if text is not None}
            if meant.is_published and not named:
                return meant
            changes: dict[str, object] = {"is_published": True, "last_modification_timestamp": self._now_ms(), **named}
            engine = meant.response_engine
            if isinstance(engine, PromptEngine) and (of_now := publish_engine(connection, engine)) is not None:
                # A published agent answers the same for ever, and so the version of its prompt or flow is that of now.
                changes["response_engine"] = {**engine.changes(), "version": of_now}
            return self._rewrite(connection, agent_of({**meant.as_record(), **changes}))

        return await self._change(agent_id, change)

    async def delete_version(self, agent_id: str, version: int) -> bool:
        """Delete one version and the tags that stand for it. False: no such agent or version.

        Raises:
            VersionInUse: it is the only one.
        """

        def change(connection: Connection, latest: AnyAgent) -> bool:
            versions = connection.execute(select(agents.c.version).where(agents.c.agent_id == agent_id)).scalars().all()
            if version not in versions:
                return False
            if len(versions) == 1:
                raise VersionInUse(agent_id, latest.version)
            for table in (agents, agent_tags):
                connection.execute(delete(table).where(table.c.agent_id == agent_id, table.c.version == version))
            return True

        return await self._change(agent_id, change) or False

    async def assign_tag(self, agent_id: str, tag: str, version: int | None) -> AnyAgent | None:
        """Make a tag stand for a version, or for none; it stands for one at a time.

        Answers that version, or the latest if `version` is None; None: no such agent or version.
        """

        def change(connection: Connection, latest: AnyAgent) -> AnyAgent | None:
            meant = latest if version is None else _one(connection, agent_id, version)
            if meant is None:
                return None
            if version is None:
                this_tag = (agent_tags.c.agent_id == agent_id) & (agent_tags.c.tag == tag)
                connection.execute(delete(agent_tags).where(this_tag))
            else:
                last = select(func.coalesce(func.max(agent_tags.c.place), 0)).where(agent_tags.c.agent_id == agent_id)
                place = connection.execute(last).scalar_one() + 1
                row = {"agent_id": agent_id, "tag": tag, "version": meant.version, "place": place}
                statement = insert_into(connection, agent_tags).values(row)
                connection.execute(statement.on_conflict_do_update(index_elements=["agent_id", "tag"], set_=row))
            return _one(connection, agent_id, meant.version)

        return await self._change(agent_id, change)

    async def versions(
        self, agent_id: str, *, ascending: bool = False, limit: int = 50, pagination_key: str | None = None
    ) -> AgentPage | None:
        """Versions by number, the latest first unless ascending; None: no such agent.

        pagination_key: `next_key` of the page before; one that is not is taken for the beginning.
        """
        column = agents.c.version
        statement = select(agents).where(agents.c.agent_id == agent_id).limit(limit + 1)
        statement = statement.order_by(column.asc() if ascending else column.desc())
        if pagination_key is not None and pagination_key.isascii() and pagination_key.isdigit():
            last = min(int(pagination_key[:12]), 2**31 - 1)
            statement = statement.where(column > last if ascending else column < last)

        def ask(connection: Connection) -> AgentPage | None:
            if _one(connection, agent_id, None) is None:
                return None
            rows = connection.execute(statement).all()
            return AgentPage(read(connection, rows[:limit]), _next(rows, limit, lambda row: str(row.version)))

        return await self._database.read(ask)

    async def delete(self, agent_id: str, kind: type[AnyAgent] = Agent) -> bool:
        """Delete the agent in all its versions, and its tags. False: no such agent of this kind."""

        def change(connection: Connection, latest: AnyAgent) -> bool:
            if type(latest) is not kind:
                return False
            for table in (agents, agent_tags):
                connection.execute(delete(table).where(table.c.agent_id == agent_id))
            return True

        return await self._change(agent_id, change) or False

    async def list(
        self, *, ascending: bool = False, limit: int = 50, pagination_key: str | None = None, containing: str = ""
    ) -> AgentPage:
        """The latest version of each agent, by last modification and then agent_id.

        pagination_key: `next_key` of the page before; one that is not is taken for the beginning. containing: agents
        whose id and settings lack this text, in upper or lower case, are left out; its letters are ASCII.
        """
        statement = latest_versions(agents, "agent_id", ascending=ascending, limit=limit, pagination_key=pagination_key)
        if containing:
            statement = statement.where(agents.c.document.icontains(containing, autoescape=True))

        def ask(connection: Connection) -> AgentPage:
            rows = connection.execute(statement).all()
            return AgentPage(read(connection, rows[:limit]), next_key(rows, "agent_id", limit=limit))

        return await self._database.read(ask)

    async def called(self, text: str, *, most: int = 200) -> frozenset[str]:
        """Return the ids of agents that have the text in their name, in whichever version; at most so many."""
        in_document = json.dumps(text)[1:-1]
        statement = select(agents).where(agents.c.document.icontains(in_document, autoescape=True))
        rows = await self._database.rows(statement.limit(10 * most))
        # in a thread: so many documents take long enough that callers would hear it
        return await asyncio.to_thread(_called, rows, text.casefold(), most)

    async def each(
        self, named: Collection[tuple[str, int | str | None]]
    ) -> dict[tuple[str, int | str | None], AnyAgent]:
        """Return those of these agents that are there, by id and version as they were asked for; see `any`."""

        def ask(connection: Connection) -> dict[AgentKey, AnyAgent]:
            found = ((key, _one(connection, *key)) for key in named)
            return {key: agent for key, agent in found if agent is not None}

        return await self._database.read(ask)

    async def user_of_engine(self, id_name: str, engine_id: str) -> str | None:
        """Return the id of an agent that answers by this prompt or flow, in whatever version; None: there is none.

        id_name: how a response_engine calls the id.
        """
        statement = select(agents).where(agents.c.document.contains(engine_id, autoescape=True))
        for row in await self._database.rows(statement):
            engine = json.loads(row.document).get("response_engine")
            if isinstance(engine, dict) and engine.get(id_name) == engine_id:
                return str(row.agent_id)
        return None

    async def tags(self, agent_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return which version each tag stands for: by agent_id, then by tag."""
        statement = select(agent_tags).where(agent_tags.c.agent_id.in_(agent_ids)).order_by(agent_tags.c.tag)
        found: dict[str, dict[str, int]] = {}
        for row in await self._database.rows(statement):
            found.setdefault(row.agent_id, {})[row.tag] = row.version
        return found

    async def _change(self, agent_id: str, change: Callable[[Connection, AnyAgent], T]) -> T | None:
        """Run a change of the agent, given its latest version, while nobody else changes it. None: no such agent."""
        everything = select(agents.c.version).where(agents.c.agent_id == agent_id).order_by(agents.c.version)

        def run(connection: Connection) -> T | None:
            connection.execute(everything.with_for_update())
            latest = _one(connection, agent_id, None)
            return change(connection, latest) if latest else None

        return await self._database.write(run)

    def _rewrite(self, connection: Connection, agent: AnyAgent) -> AnyAgent:
        this_version = (agents.c.agent_id == agent.agent_id) & (agents.c.version == agent.version)
        connection.execute(update(agents).where(this_version).values(values(agent)))
        return agent

    def _add_draft(self, connection: Connection, base: AnyAgent, latest: AnyAgent) -> AnyAgent:
        """The next version, made like `base`; the titles are those of a version and stay behind."""
        document = {
            **base.as_record(),
            "version": latest.version + 1,
            "base_version": base.version,
            "is_published": False,
            "assigned_tags": None,
            "last_modification_timestamp": self._now_ms(),
        }
        draft = agent_of(document)
        connection.execute(insert(agents).values(values(draft)))
        return draft


def _called(rows: Sequence[Row[Any]], text: str, most: int) -> frozenset[str]:
    names = ((row.agent_id, json.loads(row.document).get("agent_name")) for row in rows)
    # What stands elsewhere in the document was only meant to be passed over: some of it is secret.
    found = dict.fromkeys(agent_id for agent_id, name in names if text in (name or "").casefold())
    return frozenset(itertools.islice(found, most))


def _one(connection: Connection, agent_id: str, version: int | str | None) -> AnyAgent | None:
    return next(iter(read(connection, connection.execute(choose(agent_id, version)).all())), None)


def _changed(agent: AnyAgent, changes: AgentUpdate | ChatAgentUpdate, *, now_ms: int) -> AnyAgent | None:
    """Return the changed agent, or None if the changes are for the other kind of agent."""
    if isinstance(agent, ChatAgent):
        return changes.apply(agent, now_ms=now_ms) if isinstance(changes, ChatAgentUpdate) else None
    return changes.apply(agent, now_ms=now_ms) if isinstance(changes, AgentUpdate) else None


def _next(rows: Sequence[Row[Any]], limit: int, key: Callable[[Row[Any]], str]) -> str | None:
    return key(rows[limit - 1]) if len(rows) > limit > 0 else None
