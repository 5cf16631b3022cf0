"""Agents: create, get, update, delete and list (Retell, Agent, 2026-08)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.missing_agent import refuse_missing
from ari_agent.api.route import delete, get, patch, post
from ari_agent.api.without_effect import answer_saved
from ari_agent.contract.agent import Agent, AgentCreate, AgentUpdate
from ari_agent.contract.agent_list import AgentListRequest, AgentPage, AgentSummary
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.paging import MAX_PAGE, PageQuery
from ari_agent.store.agents import Agents


def _agents(request: web.Request) -> Agents:
    return request.app[DEPENDENCIES].store.agents


async def create_agent(request: web.Request) -> web.Response:
    """Make an agent; it has version 0."""
    wanted = await read_body(request, AgentCreate)
    return answer_saved(await _agents(request).create(wanted), wanted, status=201)


async def get_agent(request: web.Request) -> web.Response:
    """One agent, in its latest version or the one asked for."""
    agent_id = path_id(request, "agent_id", "agent")
    version = query_version(request)
    agent = await _agents(request).get(agent_id, version)
    return answer(agent or await refuse_missing(request, "agent", agent_id, version))


async def update_agent(request: web.Request) -> web.Response:
    """Change what the body names in the latest draft; the rest stays. Null removes what can be removed.

    Where the latest version is published, the change makes the next one.
    """
    agent_id = path_id(request, "agent_id", "agent")
    changes = await read_body(request, AgentUpdate)
    version = query_version(request)
    agent = await _agents(request).update(agent_id, changes, version)
    return answer_saved(agent or await refuse_missing(request, "agent", agent_id, version), changes)


async def delete_agent(request: web.Request) -> web.Response:
    """Delete an agent in all its versions. Calls in progress keep theirs."""
    agent_id = path_id(request, "agent_id", "agent")
    if not await _agents(request).delete(agent_id):
        raise unknown("agent", agent_id)
    return answer_nothing()


async def list_agents(request: web.Request) -> web.Response:
    """Of the last 1000 agents that were changed those of calls, whole; /v2/list-agents has pages."""
    page = await _agents(request).list(limit=MAX_PAGE)
    return await answer_list([agent for agent in page.agents if isinstance(agent, Agent)])


async def list_agents_v2(request: web.Request) -> web.Response:
    """A page of agents, in short."""
    query = read_query(request, PageQuery)
    wanted = (await read_body(request, AgentListRequest, optional=True)).filter_criteria
    found: list[AnyAgent] = []
    key = query.pagination_key
    while True:
        page = await _agents(request).list(
            ascending=query.sort_order == "ascending", limit=query.limit - len(found), pagination_key=key
        )
        found += [agent for agent in page.agents if wanted is None or wanted.match(agent)]
        key = page.next_key
        if key is None or len(found) >= query.limit:
            break
    tags = await _agents(request).tags([agent.agent_id for agent in found])
    items = tuple(AgentSummary.of(agent, tags.get(agent.agent_id, {})) for agent in found)
    return answer(AgentPage(items=items, has_more=key is not None, pagination_key=key))


ROUTES: Final = (
    post("/create-agent", create_agent, 201, takes=AgentCreate, answers=Agent),
    get("/get-agent/{agent_id}", get_agent, answers=Agent, versioned=True),
    patch("/update-agent/{agent_id}", update_agent, takes=AgentUpdate, answers=Agent, versioned=True, refuses=[412]),
    delete("/delete-agent/{agent_id}", delete_agent, 204),
    get("/list-agents", list_agents, lists=Agent),
    post("/v2/list-agents", list_agents_v2, may_take=AgentListRequest, answers=AgentPage, query=PageQuery),
)
