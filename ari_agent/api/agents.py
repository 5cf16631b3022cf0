"""Agents: create, get, update, delete and list (Retell, Agent, 2026-08)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.agent_resource import AgentResource, agents_of
from ari_agent.api.answer import answer
from ari_agent.api.body import read_body, read_query
from ari_agent.api.route import post
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_list import AgentListRequest, AgentPage, AgentSummary
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.paging import PageQuery

AGENTS: Final = AgentResource("agent", Agent, AgentCreate, AgentUpdate)


async def list_agents_v2(request: web.Request) -> web.Response:
    """Answer a page of agents of both kinds, in short."""
    query = read_query(request, PageQuery)
    wanted = (await read_body(request, AgentListRequest, optional=True)).filter_criteria
    found: list[AnyAgent] = []
    key = query.pagination_key
    while True:
        page = await agents_of(request).list(
            ascending=query.sort_order == "ascending", limit=query.limit - len(found), pagination_key=key
        )
        found += [agent for agent in page.agents if wanted is None or wanted.match(agent)]
        key = page.next_key
        if key is None or len(found) >= query.limit:
            break
    tags = await agents_of(request).tags([agent.agent_id for agent in found])
    items = tuple(AgentSummary.of(agent, tags.get(agent.agent_id, {})) for agent in found)
    return answer(AgentPage(items=items, has_more=key is not None, pagination_key=key))


ROUTES: Final = (
    *AGENTS.routes(),
    post("/v2/list-agents", list_agents_v2, may_take=AgentListRequest, answers=AgentPage, query=PageQuery),
)
"""/create-agent, /get-agent, /update-agent, /delete-agent and /list-agents, and the pages of both kinds."""
