"""What agents of calls and chat agents are asked alike: create, get, update, delete and list.

Both kinds lie in one table and share ids, versions and tags; each has paths of its own, on which the other kind is as
unknown as an agent that is not there (Retell, Agent and Chat Agent, 2026-08).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ari_agent.api.answer import answer, answer_list, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.missing_agent import Noun, refuse_missing
from ari_agent.api.missing_engine import refuse_missing_engine
from ari_agent.api.refused_setting import refuse_settings
from ari_agent.api.route import Route, delete, get, patch, post
from ari_agent.api.unknown_consent import refuse_unknown_consent
from ari_agent.api.unknown_voice import refuse_change_to_unknown_voice, refuse_unknown_voice
from ari_agent.api.without_effect import answer_saved
from ari_agent.contract.agent import AgentCreate, AgentUpdate
from ari_agent.contract.chat_agent import AnyAgent, ChatAgentCreate, ChatAgentUpdate
from ari_agent.contract.paging import MAX_PAGE
from ari_agent.pii.presidio import NEEDS_PRESIDIO
from ari_agent.store.agents import Agents, NewAgent


def agents_of(request: web.Request) -> Agents:
    """Return the stored agents of both kinds."""
    return request.app[DEPENDENCIES].store.agents


@dataclass(frozen=True, slots=True)
class AgentResource:
    """The handlers and paths of one kind of agent.

    noun: what people call it; its paths have the same words, as /create-chat-agent. kind: what is stored and answered.
    creates, updates: the bodies that make and change one.
    """

    noun: Noun
    kind: type[AnyAgent]
    creates: type[AgentCreate | ChatAgentCreate]
    updates: type[AgentUpdate | ChatAgentUpdate]

    async def create(self, request: web.Request) -> web.Response:
        """Make an agent; it has version 0."""
        wanted = await read_body(request, self.creates)
        await refuse_missing_engine(request, wanted.response_engine)
        if isinstance(wanted, AgentCreate):
            refuse_settings(wanted)
            await refuse_unknown_voice(request, wanted)
            await refuse_unknown_consent(request, wanted.recording_consent)
        # A union of what makes each kind is no single maker for the type checker.
        new_agent: NewAgent[Any] = wanted
        return answer_saved(await agents_of(request).create(new_agent), wanted, _needs_presidio(request), 201)

    async def get(self, request: web.Request) -> web.Response:
        """Answer one agent, in its latest version or in the one that is asked for."""
        agent_id = path_id(request, "agent_id", self.noun)
        version = query_version(request)
        agent = await agents_of(request).any(agent_id, version)
        if not isinstance(agent, self.kind):
            await refuse_missing(request, self.noun, agent_id, version)
        return answer(agent)

    async def update(self, request: web.Request) -> web.Response:
        """Change what the body names in the latest draft; the rest stays. Null removes what can be removed.

        Where the latest version is published, the change makes the next one.
        """
        agent_id = path_id(request, "agent_id", self.noun)
        changes = await read_body(request, self.updates)
        await refuse_missing_engine(request, changes.response_engine)
        version = query_version(request)
        if isinstance(changes, AgentUpdate):
            before = await agents_of(request).any(agent_id, version)
            refuse_settings(changes, before)
            await refuse_change_to_unknown_voice(request, before, changes)
            await refuse_unknown_consent(request, changes.recording_consent)
        agent = await agents_of(request).update(agent_id, changes, version)
        agent = agent or await refuse_missing(request, self.noun, agent_id, version)
        return answer_saved(agent, changes, _needs_presidio(request))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an agent in all its versions. Calls and chats in progress keep theirs."""
        agent_id = path_id(request, "agent_id", self.noun)
        if not await agents_of(request).delete(agent_id, self.kind):
            raise unknown(self.noun, agent_id)
        return answer_nothing()

    async def list(self, request: web.Request) -> web.Response:
        """Answer the agents of this kind among the 1000 that changed last, whole; /v2/list-agents has pages."""
        page = await agents_of(request).list(limit=MAX_PAGE)
        return await answer_list([agent for agent in page.agents if isinstance(agent, self.kind)])

    def routes(self) -> Sequence[Route]:
        """Return the paths, for the table of the resource."""
        path = self.noun.replace(" ", "-")
        return (
            post(f"/create-{path}", self.create, 201, takes=self.creates, answers=self.kind, refuses=[422]),
            get(f"/get-{path}/{{agent_id}}", self.get, answers=self.kind, versioned=True),
            patch(
                f"/update-{path}/{{agent_id}}",
                self.update,
                takes=self.updates,
                answers=self.kind,
                versioned=True,
                refuses=[412],
            ),
            delete(f"/delete-{path}/{{agent_id}}", self.delete, 204),
            get(f"/list-{path}s", self.list, lists=self.kind),
        )


def _needs_presidio(request: web.Request) -> Collection[str]:
    return () if request.app[DEPENDENCIES].find_more else NEEDS_PRESIDIO
