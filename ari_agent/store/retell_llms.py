"""Prompts with their models and tools, each a row of settings per version.

The highest version is the one that updates change. It is published with an agent that is published and answers by it,
never changes any more from then on, and an update makes the next version, which begins as it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from ari_agent.contract.agent_version_errors import StaleDraft
from ari_agent.contract.retell_llm import LlmCreate, LlmUpdate, RetellLlm
from ari_agent.store.agent_rows import LARGEST_VERSION
from ari_agent.store.database import Database, dump
from ari_agent.store.record_rows import parsed
from ari_agent.store.tables import retell_llms
from ari_agent.store.version_pages import latest_versions, next_key


@dataclass(frozen=True, slots=True)
class LlmPage:
    """Some prompts, and the key that the page after them begins with: None on the last page."""

    llms: Sequence[RetellLlm]
    next_key: str | None


class RetellLlms:
    """The prompts in the database, by llm_id and version."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def create(self, wanted: LlmCreate) -> RetellLlm:
        """Make a prompt with a new llm_id, at version 0, not published."""
        llm = wanted.llm(llm_id=f"llm_{secrets.token_hex(14)}", now_ms=self._now_ms())
        await self._database.run(insert(retell_llms).values(_values(llm)))
        return llm

    async def get(self, llm_id: str, version: int | None = None) -> RetellLlm | None:
        """Return a prompt in this version, or the latest; None: there is none."""
        return await self._database.read(lambda connection: _one(connection, llm_id, version))

    async def update(self, llm_id: str, changes: LlmUpdate, version: int | None = None) -> RetellLlm | None:
        """Change what `changes` names in the latest version, or make the next one of it where it is published.

        version: which the client believes to be the latest. None: there is no such prompt, or version.

        Raises:
            StaleDraft: `version` is not the latest.
            pydantic.ValidationError: the settings would not fit one another any more; nothing is changed.
        """

        def run(connection: Connection) -> RetellLlm | None:
            connection.execute(_of(llm_id).with_for_update())
            latest = _one(connection, llm_id, None)
            if latest is None or (version is not None and _one(connection, llm_id, version) is None):
                return None
            if version is not None and version != latest.version:
                raise StaleDraft(llm_id, version, latest.version)
            changed = changes.apply(latest, now_ms=self._now_ms())
            if latest.is_published:
                draft = changed.model_copy(update={"version": latest.version + 1, "is_published": False})
                connection.execute(insert(retell_llms).values(_values(draft)))
                return draft
            rewrite(connection, changed)
            return changed

        return await self._database.write(run)

    async def delete(self, llm_id: str) -> bool:
        """Delete a prompt in all its versions. False: there is none."""
        statement = delete(retell_llms).where(retell_llms.c.llm_id == llm_id)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount > 0)

    async def list(self, *, ascending: bool = False, limit: int = 50, pagination_key: str | None = None) -> LlmPage:
        """Return the latest version of each prompt, by last modification and then llm_id.

        pagination_key: `next_key` of the page before; one that is not is taken for the beginning.
        """
        rows = await self._database.rows(
            latest_versions(retell_llms, "llm_id", ascending=ascending, limit=limit, pagination_key=pagination_key)
        )
        return LlmPage([_read(row) for row in rows[:limit]], next_key(rows, "llm_id", limit=limit))


def publish(connection: Connection, llm_id: str, version: int | None) -> RetellLlm | None:
    """Publish a version of a prompt, or the latest, within a transaction; returns it. None: there is none."""
    llm = _one(connection, llm_id, version)
    if llm is None or llm.is_published:
        return llm
    published = llm.model_copy(update={"is_published": True})
    rewrite(connection, published)
    return published


def rewrite(connection: Connection, llm: RetellLlm) -> None:
    """Write a version of a prompt over what it was."""
    this_version = (retell_llms.c.llm_id == llm.llm_id) & (retell_llms.c.version == llm.version)
    connection.execute(update(retell_llms).where(this_version).values(_values(llm)))


def _of(llm_id: str) -> Select[tuple[int]]:
    return select(retell_llms.c.version).where(retell_llms.c.llm_id == llm_id).order_by(retell_llms.c.version)


def _one(connection: Connection, llm_id: str, version: int | None) -> RetellLlm | None:
    statement = (
        select(retell_llms).where(retell_llms.c.llm_id == llm_id).order_by(retell_llms.c.version.desc()).limit(1)
    )
    if version is not None:
        statement = statement.where(retell_llms.c.version == (version if 0 <= version <= LARGEST_VERSION else -1))
    row = connection.execute(statement).one_or_none()
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> RetellLlm:
    return parsed(RetellLlm.model_validate, row.document, f"the record of prompt {row.llm_id}")


def _values(llm: RetellLlm) -> dict[str, object]:
    return {
        "llm_id": llm.llm_id,
        "version": llm.version,
        "document": dump(llm.as_record() | {"version": llm.version, "is_published": llm.is_published}),
        "is_published": llm.is_published,
        "modified_ms": llm.last_modification_timestamp,
    }
