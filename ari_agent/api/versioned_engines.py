"""Prompts and flows by which agents answer: create, get, update, delete and list.

Retell LLM and Conversation Flow of Retell's API, 2026-11: the two differ in what they hold, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import Route, delete, get, patch, post
from ari_agent.contract.agent_version_errors import VersionUnknown
from ari_agent.contract.conversation_flow import ConversationFlow, FlowCreate, FlowPage, FlowUpdate
from ari_agent.contract.model_settings import ModelSettings
from ari_agent.contract.paging import Page, PageQuery
from ari_agent.contract.retell_llm import LlmCreate, LlmPage, LlmSettings, LlmUpdate, RetellLlm
from ari_agent.errors import ApiError
from ari_agent.store.store import Store
from ari_agent.store.versioned_engines import Engine, VersionedEngines


@dataclass(frozen=True, slots=True)
class EngineApi(Generic[Engine]):
    """The paths of one kind. name: as in them. takes, changes: bodies. kind, page: what is answered. of: its store."""

    name: str
    takes: type[ModelSettings]
    changes: type[ModelSettings]
    kind: type[Engine]
    page: type[Page]
    of: Callable[[Store], VersionedEngines[Engine]]

    def routes(self) -> Iterator[Route]:
        """Yield the paths."""
        one, kind = f"{self.name}/{{{self.kind.ID}}}", self.kind
        yield post(f"/create-{self.name}", self.create, 201, takes=self.takes, answers=kind)
        yield get(f"/get-{one}", self.get, answers=kind, versioned=True)
        yield patch(f"/update-{one}", self.update, takes=self.changes, answers=kind, versioned=True, refuses=[412])
        yield delete(f"/delete-{one}", self.delete, 204)
        yield get(f"/v2/list-{self.name}s", self.list, answers=self.page, query=PageQuery)

    async def create(self, request: web.Request) -> web.Response:
        """Make a prompt or flow; it has version 0."""
        wanted = await read_body(request, self.takes)
        _refuse_speaking_model(request, wanted)
        return answer(await self._stored(request).create(wanted), 201)

    async def get(self, request: web.Request) -> web.Response:
        """Answer one prompt or flow, in its latest version or in the one that is asked for."""
        engine_id, version = self._id(request), _version(request)
        return answer(
            await self._stored(request).get(engine_id, version) or await self._missing(request, engine_id, version)
        )

    async def update(self, request: web.Request) -> web.Response:
        """Change what the body names in the latest version; the rest stays. Null removes what can be removed.

        Where the latest version is published, the change makes the next one.
        """
        engine_id, version = self._id(request), _version(request)
        changes = await read_body(request, self.changes)
        _refuse_speaking_model(request, changes)
        return answer(
            await self._stored(request).update(engine_id, changes, version)
            or await self._missing(request, engine_id, version)
        )

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a prompt or flow in all its versions.

        Refused while an agent answers by it, unless `force_delete` is true.
        """
        engine_id, store = self._id(request), request.app[DEPENDENCIES].store
        is_forced = request.query.get("force_delete") == "true"
        user = None if is_forced else await store.agents.user_of_engine(self.kind.ID, engine_id)
        if user:
            raise ApiError(
                400, f"agent {user} answers by {engine_id}: change or delete it first, or set force_delete=true"
            )
        if not await self.of(store).delete(engine_id):
            raise unknown(self._noun, engine_id)
        return answer_nothing()

    async def list(self, request: web.Request) -> web.Response:
        """Answer a page of prompts or flows, in their latest versions."""
        query = read_query(request, PageQuery)
        page = await self._stored(request).list(
            ascending=query.sort_order == "ascending", limit=query.limit, pagination_key=query.pagination_key
        )
        found = {"items": tuple(page.engines), "has_more": page.next_key is not None, "pagination_key": page.next_key}
        return answer(self.page.model_validate(found))

    @property
    def _noun(self) -> str:
        return self.name.replace("-", " ")

    def _stored(self, request: web.Request) -> VersionedEngines[Engine]:
        return self.of(request.app[DEPENDENCIES].store)

    def _id(self, request: web.Request) -> str:
        return path_id(request, self.kind.ID, self._noun)

    async def _missing(self, request: web.Request, engine_id: str, version: int | None) -> Engine:
        if version is not None and await self._stored(request).get(engine_id) is not None:
            raise ApiError(422, str(VersionUnknown(engine_id, version)))
        raise unknown(self._noun, engine_id)


def _version(request: web.Request) -> int | None:
    """Return `?version=`, which is a number: prompts and flows have no tags. Raises: ApiError."""
    version = query_version(request)
    if isinstance(version, str) and version != "latest":
        raise ApiError(400, "version: must be a version number, or latest")
    return version if isinstance(version, int) else None


def _refuse_speaking_model(request: web.Request, wanted: ModelSettings) -> None:
    """Refuse a model that hears and speaks where there is no server of such. Raises: ApiError."""
    if isinstance(wanted, LlmSettings) and wanted.s2s_model and not request.app[DEPENDENCIES].has_realtime:
        raise ApiError(
            400,
            "s2s_model: models that speak are not set up here; set ARI_AGENT_REALTIME_API_KEY, or "
            "ARI_AGENT_REALTIME_URL for a server of your own, or name a model that writes, in model",
        )


_PROMPTS: Final = EngineApi("retell-llm", LlmCreate, LlmUpdate, RetellLlm, LlmPage, lambda store: store.retell_llms)
_FLOWS: Final = EngineApi(
    "conversation-flow", FlowCreate, FlowUpdate, ConversationFlow, FlowPage, lambda store: store.conversation_flows
)

PROMPT_ROUTES: Final = tuple(_PROMPTS.routes())
FLOW_ROUTES: Final = tuple(_FLOWS.routes())
