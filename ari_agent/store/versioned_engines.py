"""Prompts and flows by which agents answer, each a row of settings per version.

The highest version is the one that updates change. It is published with an agent that is published and answers by it,
never changes any more from then on, and an update makes the next version, which begins as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, Table, delete, insert, select, update

from ari_agent.contract.agent_version_errors import StaleDraft
from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.model_settings import EngineVersion, ModelSettings
from ari_agent.contract.response_engine import PromptEngine
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.store.agent_rows import LARGEST_VERSION
from ari_agent.store.database import Database, dump
from ari_agent.store.record_rows import parsed
from ari_agent.store.tables import conversation_flows, retell_llms
from ari_agent.store.version_pages import latest_versions, next_key

Engine = TypeVar("Engine", bound=EngineVersion)


@dataclass(frozen=True, slots=True)
class EngineTable(Generic[Engine]):
    """Where one kind of them is kept. kind: what its rows are read as. prefix: of its ids. noun: for messages."""

    kind: type[Engine]
    rows: Table
    prefix: str
    noun: str

    def one(self, connection: Connection, engine_id: str, version: int | None) -> Engine | None:
        """Return it in this version, or the latest; None: there is none."""
        row = connection.execute(self.chosen(select(self.rows), engine_id, version)).one_or_none()
        return None if row is None else self.read(row)

    def chosen(self, statement: Select[Any], engine_id: str, version: int | None) -> Select[Any]:
        """Return a statement about the rows that finds the one of this version, or of the latest."""
        statement = statement.where(self.rows.c[self.kind.ID] == engine_id)
        if version is not None:
            statement = statement.where(self.rows.c.version == (version if 0 <= version <= LARGEST_VERSION else -1))
        return statement.order_by(self.rows.c.version.desc()).limit(1)

    def add(self, connection: Connection, engine: Engine) -> None:
        """Write a version that is not there yet."""
        connection.execute(insert(self.rows).values(self._values(engine)))

    def rewrite(self, connection: Connection, engine: Engine) -> None:
        """Write a version over what it was."""
        this_version = (self.rows.c[self.kind.ID] == engine.engine_id) & (self.rows.c.version == engine.version)
        connection.execute(update(self.rows).where(this_version).values(self._values(engine)))

    def publish(self, connection: Connection, engine_id: str, version: int | None) -> int | None:
        """Publish this version, or the latest, and return its number. None: there is none."""
        engine = self.one(connection, engine_id, version)
        if engine is None:
            return None
        if not engine.is_published:
            self.rewrite(connection, engine.model_copy(update={"is_published": True}))
        return engine.version

    def read(self, row: Row[Any]) -> Engine:
        """Return what a row holds."""
        shown = f"the record of {self.noun} {getattr(row, self.kind.ID)}"
        return parsed(self.kind.model_validate, row.document, shown)

    def _values(self, engine: Engine) -> dict[str, object]:
        return {
            self.kind.ID: engine.engine_id,
            "version": engine.version,
            "document": dump(engine.as_record() | {"version": engine.version, "is_published": engine.is_published}),
            "is_published": engine.is_published,
            "modified_ms": engine.last_modification_timestamp,
        }


PROMPTS: Final = EngineTable(RetellLlm, retell_llms, "llm", "prompt")
FLOWS: Final = EngineTable(ConversationFlow, conversation_flows, "conversation_flow", "flow")
_BY_TYPE: Final[Mapping[str, EngineTable[Any]]] = {"retell-llm": PROMPTS, "conversation-flow": FLOWS}


def publish(connection: Connection, engine: PromptEngine) -> int | None:
    """Publish what an agent answers by, within a transaction, and return its version. None: there is none."""
    return _BY_TYPE[engine.type].publish(connection, engine.engine_id, engine.version)


@dataclass(frozen=True, slots=True)
class EnginePage(Generic[Engine]):
    """Some of them, and the key that the page after them begins with: None on the last page."""

    engines: Sequence[Engine]
    next_key: str | None


class VersionedEngines(Generic[Engine]):
    """One kind of them in the database, by id and version."""

    def __init__(self, database: Database, now_ms: Callable[[], int], table: EngineTable[Engine]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._table = table

    async def create(self, wanted: ModelSettings) -> Engine:
        """Make one with a new id, at version 0, not published."""
        engine_id = f"{self._table.prefix}_{secrets.token_hex(14)}"
        engine = self._table.kind.made(wanted, engine_id, now_ms=self._now_ms())
        await self._database.write(lambda connection: self._table.add(connection, engine))
        return engine

    async def get(self, engine_id: str, version: int | None = None) -> Engine | None:
        """Return it in this version, or the latest; None: there is none."""
        return await self._database.read(lambda connection: self._table.one(connection, engine_id, version))

    async def has(self, engine_id: str, version: int | None = None) -> bool:
        """Return whether there is this version, or any; reads nothing of it, as a prompt may be long."""
        statement = self._table.chosen(select(self._table.rows.c.version), engine_id, version)
        return await self._database.scalar(statement) is not None

    async def update(self, engine_id: str, changes: ModelSettings, version: int | None = None) -> Engine | None:
        """Change what `changes` names in the latest version, or make the next one of it where it is published.

        version: which the client believes to be the latest. None: there is none of this id, or not this version.

        Raises:
            StaleDraft: `version` is not the latest.
            pydantic.ValidationError: the settings would not fit one another any more; nothing is changed.
        """
        table = self._table

        def run(connection: Connection) -> Engine | None:
            of_id = select(table.rows.c.version).where(table.rows.c[table.kind.ID] == engine_id)
            connection.execute(of_id.order_by(table.rows.c.version).with_for_update())
            latest = table.one(connection, engine_id, None)
            if latest is None or (version is not None and table.one(connection, engine_id, version) is None):
                return None
            if version is not None and version != latest.version:
                raise StaleDraft(engine_id, version, latest.version)
            changed = latest.changed(changes, now_ms=self._now_ms())
            if latest.is_published:
                draft = changed.model_copy(update={"version": latest.version + 1, "is_published": False})
                table.add(connection, draft)
                return draft
            table.rewrite(connection, changed)
            return changed

        return await self._database.write(run)

    async def delete(self, engine_id: str) -> bool:
        """Delete it in all its versions. False: there is none."""
        statement = delete(self._table.rows).where(self._table.rows.c[self._table.kind.ID] == engine_id)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount > 0)

    async def list(
        self, *, ascending: bool = False, limit: int = 50, pagination_key: str | None = None
    ) -> EnginePage[Engine]:
        """Return the latest version of each, by last modification and then by id.

        pagination_key: `next_key` of the page before; one that is not is taken for the beginning.
        """
        id_name = self._table.kind.ID
        rows = await self._database.rows(
            latest_versions(self._table.rows, id_name, ascending=ascending, limit=limit, pagination_key=pagination_key)
        )
        return EnginePage([self._table.read(row) for row in rows[:limit]], next_key(rows, id_name, limit=limit))
