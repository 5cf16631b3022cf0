"""Versions of agents and chat agents: drafts, publishing, tags and repair (Retell, Agent, 2026-08).

assign-agent-tag is ours.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from ari_agent.api.agent_resource import agents_of
from ari_agent.api.answer import answer, answer_list, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, read_query, unknown
from ari_agent.api.missing_agent import refuse_missing_version
from ari_agent.api.route import delete, get, post
from ari_agent.contract.agent_version_errors import VersionFrozen
from ari_agent.contract.agent_versions import (
    LatestPublish,
    TagAssign,
    VersionCreate,
    VersionPage,
    VersionPublish,
    VersionSummary,
)
from ari_agent.contract.chat_agent import EitherAgent
from ari_agent.contract.paging import MAX_PAGE, PageQuery
from ari_agent.errors import ApiError
from ari_agent.store.agents import AgentPage

_NAMES: Final = frozenset({"latest", "latest_published"})
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


async def create_agent_version(request: web.Request) -> web.Response:
    """Make a draft that begins as an existing version."""
    agent_id = path_id(request, "agent_id", "agent")
    wanted = await read_body(request, VersionCreate)
    made = await agents_of(request).create_version(agent_id, wanted.base_version)
    return answer(made or await refuse_missing_version(request, agent_id, wanted.base_version), status=201)


async def delete_agent_version(request: web.Request) -> web.Response:
    """Delete one version and the tags that stand for it. The only version stays: delete the agent then."""
    agent_id = path_id(request, "agent_id", "agent")
    text = request.query.get("version", "")
    if not _NUMBER.fullmatch(text):
        raise ApiError(400, "version: must be a version number in the query string, such as ?version=3")
    if not await agents_of(request).delete_version(agent_id, int(text)):
        await refuse_missing_version(request, agent_id, text)
    return answer_nothing()


async def list_agent_versions(request: web.Request) -> web.Response:
    """Answer a page of an agent's versions, in short, the latest first."""
    query = read_query(request, PageQuery)
    page = await _page(request, query)
    items = tuple(VersionSummary.of(agent) for agent in page.agents)
    return answer(VersionPage(items=items, has_more=page.next_key is not None, pagination_key=page.next_key))


async def get_agent_versions(request: web.Request) -> web.Response:
    """Answer the last 1000 versions of an agent, whole; /list-agent-versions has pages."""
    return await answer_list((await _page(request, PageQuery(limit=MAX_PAGE))).agents)


async def publish_agent_version(request: web.Request) -> web.Response:
    """Freeze a version: it never changes from now on, and `latest_published` may mean it."""
    wanted = await read_body(request, VersionPublish)
    return await _publish(request, LatestPublish.model_validate(wanted.changes()))


async def publish_agent(request: web.Request) -> web.Response:
    """Freeze the latest version, or the one that the body names, as /publish-agent-version does."""
    return await _publish(request, await read_body(request, LatestPublish, optional=True))


async def assign_agent_tag(request: web.Request) -> web.Response:
    """Make a tag stand for a version; numbers, overrides and calls that name the tag then mean that version."""
    agent_id = path_id(request, "agent_id", "agent")
    wanted = await read_body(request, TagAssign)
    if wanted.tag in _NAMES or _NUMBER.fullmatch(wanted.tag):
        raise ApiError(400, f"tag: {wanted.tag} means a version already; choose another name")
    agent = await agents_of(request).assign_tag(agent_id, wanted.tag, wanted.version)
    return answer(agent or await refuse_missing_version(request, agent_id, wanted.version))


async def repair_agent(request: web.Request) -> web.Response:
    """Answer the draft as it is. Retell removes references to deleted objects; agents here hold no such references."""
    agent_id = path_id(request, "agent_id", "agent")
    version = query_version(request)
    agent = await agents_of(request).any(agent_id, version)
    if agent is None:
        await refuse_missing_version(request, agent_id, version)
    if agent.is_published:
        raise VersionFrozen(agent_id, agent.version)
    return answer(agent)


async def _publish(request: web.Request, wanted: LatestPublish) -> web.Response:
    agent_id = path_id(request, "agent_id", "agent")
    published = await agents_of(request).publish(
        agent_id, wanted.version, title=wanted.version_title, description=wanted.version_description
    )
    return answer(published or await refuse_missing_version(request, agent_id, wanted.version))


async def _page(request: web.Request, query: PageQuery) -> AgentPage:
    agent_id = path_id(request, "agent_id", "agent")
    page = await agents_of(request).versions(
        agent_id,
        ascending=query.sort_order == "ascending",
        limit=query.limit,
        pagination_key=query.pagination_key,
    )
    if page is None:
        raise unknown("agent", agent_id)
    return page


ROUTES: Final = (
    post(
        "/create-agent-version/{agent_id}",
        create_agent_version,
        201,
        takes=VersionCreate,
        answers=EitherAgent,
        refuses=[404],
    ),
    delete("/delete-agent-version/{agent_id}", delete_agent_version, 204, versioned=True, refuses=[404]),
    get("/list-agent-versions/{agent_id}", list_agent_versions, answers=VersionPage, query=PageQuery),
    get("/get-agent-versions/{agent_id}", get_agent_versions, lists=EitherAgent),
    get("/get-chat-agent-versions/{agent_id}", get_agent_versions, lists=EitherAgent),
    post(
        "/publish-agent-version/{agent_id}",
        publish_agent_version,
        takes=VersionPublish,
        answers=EitherAgent,
        refuses=[404],
    ),
    post("/publish-agent/{agent_id}", publish_agent, may_take=LatestPublish, answers=EitherAgent, refuses=[404]),
    post("/assign-agent-tag/{agent_id}", assign_agent_tag, takes=TagAssign, answers=EitherAgent, refuses=[404]),
    post("/repair-agent/{agent_id}", repair_agent, answers=EitherAgent, versioned=True, refuses=[404]),
)
