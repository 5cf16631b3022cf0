"""Chat agents: create, get, update, delete and list (Retell, Chat Agent, 2026-08).

Versions, tags and /v2/list-agents are those of all agents.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.missing_agent import refuse_missing
from ari_agent.api.route import delete, get, patch, post
from ari_agent.api.without_effect import answer_saved
from ari_agent.contract.chat_agent import ChatAgent, ChatAgentCreate, ChatAgentUpdate
from ari_agent.contract.paging import MAX_PAGE
from ari_agent.store.agents import Agents


def _agents(request: web.Request) -> Agents:
    return request.app[DEPENDENCIES].store.agents


async def create_chat_agent(request: web.Request) -> web.Response:
    """Make a chat agent; it has version 0."""
    wanted = await read_body(request, ChatAgentCreate)
    return answer_saved(await _agents(request).create(wanted), wanted, status=201)


async def get_chat_agent(request: web.Request) -> web.Response:
    """One chat agent, in its latest version or the one asked for."""
    agent_id = path_id(request, "agent_id", "chat agent")
    version = query_version(request)
    agent = await _agents(request).any(agent_id, version)
    if not isinstance(agent, ChatAgent):
        await refuse_missing(request, "chat agent", agent_id, version)
    return answer(agent)


async def update_chat_agent(request: web.Request) -> web.Response:
    """Change what the body names in the latest draft, as /update-agent does."""
    agent_id = path_id(request, "agent_id", "chat agent")
    changes = await read_body(request, ChatAgentUpdate)
    version = query_version(request)
    agent = await _agents(request).update(agent_id, changes, version)
    return answer_saved(agent or await refuse_missing(request, "chat agent", agent_id, version), changes)


async def delete_chat_agent(request: web.Request) -> web.Response:
    """Delete a chat agent in all its versions. Chats in progress keep theirs."""
    agent_id = path_id(request, "agent_id", "chat agent")
    if not await _agents(request).delete(agent_id, ChatAgent):
        raise unknown("chat agent", agent_id)
    return answer_nothing()


async def list_chat_agents(request: web.Request) -> web.Response:
    """Of the last 1000 agents that were changed those of chats, whole; /v2/list-agents has pages."""
    page = await _agents(request).list(limit=MAX_PAGE)
    return await answer_list([agent for agent in page.agents if isinstance(agent, ChatAgent)])


ROUTES: Final = (
    post("/create-chat-agent", create_chat_agent, 201, takes=ChatAgentCreate, answers=ChatAgent),
    get("/get-chat-agent/{agent_id}", get_chat_agent, answers=ChatAgent, versioned=True),
    patch(
        "/update-chat-agent/{agent_id}",
        update_chat_agent,
        takes=ChatAgentUpdate,
        answers=ChatAgent,
        versioned=True,
        refuses=[412],
    ),
    delete("/delete-chat-agent/{agent_id}", delete_chat_agent, 204),
    get("/list-chat-agents", list_chat_agents, lists=ChatAgent),
)
