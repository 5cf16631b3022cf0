"""The list of agents: looked for by name, page by page, with the numbers and the calls of today of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from ari_agent.console.agents.agent_query import AgentQuery
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, ConsoleDependencies
from ari_agent.console.words import midnight_ms
from ari_agent.contract.agent_list import AgentFilters
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent

_ON_A_PAGE: Final = 50
_MOST_READS: Final = 20
"""Pages of agents that are looked through for one page of a search; the link to the next one goes on from there."""
_KINDS: Final[Mapping[str, str]] = {
    "audio-websocket": "audio websocket",
    "custom-llm": "custom LLM",
    "retell-llm": "prompt",
    "conversation-flow": "flow",
}


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent in the list. numbers: how many are bound to it. calls_today: since midnight, UTC."""

    agent_id: str
    name: str
    kind: str
    version: int
    is_published: bool
    numbers: int
    calls_today: int
    modified_ms: int


async def show_agents(request: web.Request) -> web.Response:
    """Show the agents that the query string asks for, the one that changed last first."""
    query = AgentQuery.of(request.query)
    dependencies = request.app[DEPENDENCIES]
    found, next_key = await _found(dependencies, query)
    rows = await _rows(dependencies, found)
    return await asyncio.to_thread(
        request.app[PAGES].page,
        "agents.html",
        request[SESSION],
        query=query,
        agents=rows,
        next_link=query.link(next_key) if next_key else "",
        first_link=query.link(""),
    )


def kind(agent: AnyAgent, *, speaks_itself: bool) -> str:
    """Return of which kind an agent is, for people. speaks_itself: its prompt's model hears and speaks."""
    words = "realtime" if speaks_itself else _KINDS[agent.response_engine.type]
    return f"{words}, for texts" if isinstance(agent, ChatAgent) else words


async def _found(dependencies: ConsoleDependencies, query: AgentQuery) -> tuple[Sequence[AnyAgent], str | None]:
    """Return the agents of a page, or somewhat more of a search, and the key of the next page."""
    wanted = AgentFilters(query=query.name or None)
    found: list[AnyAgent] = []
    key: str | None = query.after or None
    for _ in range(_MOST_READS):
        page = await dependencies.store.agents.list(
            limit=_ON_A_PAGE, pagination_key=key, containing=query.surely_in_record
        )
        found += [agent for agent in page.agents if wanted.match(agent)]
        key = page.next_key
        if key is None or len(found) >= _ON_A_PAGE:
            break
    return found, key


async def _rows(dependencies: ConsoleDependencies, agents: Sequence[AnyAgent]) -> Sequence[AgentRow]:
    usage = dependencies.store.agent_usage
    ids = [agent.agent_id for agent in agents]
    numbers = await usage.number_counts()
    calls = await usage.call_counts(ids, since_ms=midnight_ms(dependencies.now_ms()))
    speaking = await usage.with_speaking_model(agents)
    return [
        AgentRow(
            agent_id=agent.agent_id,
            name=agent.agent_name or agent.agent_id,
            kind=kind(agent, speaks_itself=agent.agent_id in speaking),
            version=agent.version,
            is_published=agent.is_published,
            numbers=numbers.get(agent.agent_id, 0),
            calls_today=calls.get(agent.agent_id, 0),
            modified_ms=agent.last_modification_timestamp,
        )
        for agent in agents
    ]
