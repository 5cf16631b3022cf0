"""What uses agents, and what they use: the numbers that are bound to them, their calls, the models of their prompts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.store.database import Database
from ari_agent.store.record_rows import parsed
from ari_agent.store.tables import calls, phone_numbers, retell_llms

_NAMED: Final = re.compile(r'"agent_id":("(?:[^"\\]|\\.)*")')
_SPEAKS: Final = '"s2s_model":"'
"""In the JSON of a prompt this stands for its setting alone: within a text the quotes are escaped."""


@dataclass(frozen=True, slots=True)
class BoundNumbers:
    """The numbers that are bound to an agent: the first of them by their spelling, and how many there are."""

    first: Sequence[PhoneNumber]
    count: int


class AgentUsage:
    """Looks up what uses agents, for lists and pages about them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def number_counts(self) -> Mapping[str, int]:
        """Return how many numbers are bound to each agent, for calls or texts; agents without one are left out."""

        def ask(connection: Connection) -> Mapping[str, int]:
            found: Counter[str] = Counter()
            for document in connection.scalars(select(phone_numbers.c.document)):
                found.update(set(_NAMED.findall(document)))
            return {json.loads(agent_id): count for agent_id, count in found.items()}

        return await self._database.read(ask)

    async def numbers(self, agent_id: str, *, limit: int) -> BoundNumbers:
        """Return the numbers that are bound to an agent, for calls or texts; at most `limit` of them whole."""
        column = phone_numbers.c.phone_number
        names_it = phone_numbers.c.document.contains(f'"agent_id":{json.dumps(agent_id)}', autoescape=True)

        def ask(connection: Connection) -> BoundNumbers:
            rows = connection.execute(select(phone_numbers).where(names_it).order_by(column).limit(limit)).all()
            count = connection.execute(select(func.count()).select_from(phone_numbers).where(names_it)).scalar_one()
            shown = [
                parsed(PhoneNumber.model_validate, row.document, f"the record of number {row.phone_number}")
                for row in rows
            ]
            return BoundNumbers(shown, count)

        return await self._database.read(ask)

    async def call_counts(self, agent_ids: Sequence[str], *, since_ms: int) -> Mapping[str, int]:
        """Return how many calls each of these agents has had since a time; agents without one are left out."""
        statement = (
            select(calls.c.agent_id, func.count().label("calls"))
            .where(calls.c.agent_id.in_(agent_ids), calls.c.listed_ms >= since_ms)
            .group_by(calls.c.agent_id)
        )
        return {row.agent_id: row.calls for row in await self._database.rows(statement)}

    async def with_speaking_model(self, agents: Iterable[AnyAgent]) -> frozenset[str]:
        """Return which of these agents, by their ids, have a prompt whose model hears and speaks itself."""
        prompts = [(agent.agent_id, agent.response_engine) for agent in agents]

        def ask(connection: Connection) -> frozenset[str]:
            return frozenset(
                agent_id
                for agent_id, engine in prompts
                if isinstance(engine, RetellLlmEngine) and _speaks(connection, engine)
            )

        return await self._database.read(ask)


def _speaks(connection: Connection, engine: RetellLlmEngine) -> bool:
    # the database looks: a prompt may be as long as 200 000 characters for each of its states
    statement = select(retell_llms.c.document.contains(_SPEAKS, autoescape=True))
    statement = statement.where(retell_llms.c.llm_id == engine.llm_id)
    if engine.version is not None:
        statement = statement.where(retell_llms.c.version == engine.version)
    return bool(connection.execute(statement.order_by(retell_llms.c.version.desc()).limit(1)).scalar())
