"""Prompts with their models and tools: create, get, update, delete and list (Retell, Retell LLM, 2026-11)."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_nothing
from ari_agent.api.body import path_id, query_version, read_body, read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import delete, get, patch, post
from ari_agent.contract.agent_version_errors import VersionUnknown
from ari_agent.contract.paging import PageQuery
from ari_agent.contract.retell_llm import LlmCreate, LlmPage, LlmUpdate, RetellLlm
from ari_agent.errors import ApiError
from ari_agent.store.retell_llms import RetellLlms

_NOUN: Final = "retell llm"


async def create_retell_llm(request: web.Request) -> web.Response:
    """Make a prompt; it has version 0."""
    wanted = await read_body(request, LlmCreate)
    _refuse_unserved(request, wanted)
    return answer(await _llms(request).create(wanted), 201)


async def get_retell_llm(request: web.Request) -> web.Response:
    """Answer one prompt, in its latest version or in the one that is asked for."""
    llm_id, version = path_id(request, "llm_id", _NOUN), _version(request)
    return answer(await _llms(request).get(llm_id, version) or await _missing(request, llm_id, version))


async def update_retell_llm(request: web.Request) -> web.Response:
    """Change what the body names in the latest version; the rest stays. Null removes what can be removed.

    Where the latest version is published, the change makes the next one.
    """
    llm_id, version = path_id(request, "llm_id", _NOUN), _version(request)
    changes = await read_body(request, LlmUpdate)
    _refuse_unserved(request, changes)
    return answer(await _llms(request).update(llm_id, changes, version) or await _missing(request, llm_id, version))


async def delete_retell_llm(request: web.Request) -> web.Response:
    """Delete a prompt in all its versions. Refused while an agent answers by it, unless `force_delete` is true."""
    llm_id = path_id(request, "llm_id", _NOUN)
    is_forced = request.query.get("force_delete") == "true"
    user = None if is_forced else await request.app[DEPENDENCIES].store.agents.user_of_llm(llm_id)
    if user:
        raise ApiError(400, f"agent {user} answers by {llm_id}: change or delete it first, or set force_delete=true")
    if not await _llms(request).delete(llm_id):
        raise unknown(_NOUN, llm_id)
    return answer_nothing()


async def list_retell_llms(request: web.Request) -> web.Response:
    """Answer a page of prompts, in their latest versions."""
    query = read_query(request, PageQuery)
    page = await _llms(request).list(
        ascending=query.sort_order == "ascending", limit=query.limit, pagination_key=query.pagination_key
    )
    return answer(LlmPage(items=tuple(page.llms), has_more=page.next_key is not None, pagination_key=page.next_key))


ROUTES: Final = (
    post("/create-retell-llm", create_retell_llm, 201, takes=LlmCreate, answers=RetellLlm),
    get("/get-retell-llm/{llm_id}", get_retell_llm, answers=RetellLlm, versioned=True),
    patch(
        "/update-retell-llm/{llm_id}",
        update_retell_llm,
        takes=LlmUpdate,
        answers=RetellLlm,
        versioned=True,
        refuses=[412],
    ),
    delete("/delete-retell-llm/{llm_id}", delete_retell_llm, 204),
    get("/v2/list-retell-llms", list_retell_llms, answers=LlmPage, query=PageQuery),
)


def _refuse_unserved(request: web.Request, wanted: LlmCreate | LlmUpdate) -> None:
    """Refuse a model that speaks where there is no server of such. Raises: ApiError."""
    if wanted.s2s_model and not request.app[DEPENDENCIES].has_realtime:
        raise ApiError(
            400,
            "s2s_model: models that speak are not set up here; set ARI_AGENT_REALTIME_API_KEY, or "
            "ARI_AGENT_REALTIME_URL for a server of your own, or name a model that writes, in model",
        )


def _llms(request: web.Request) -> RetellLlms:
    return request.app[DEPENDENCIES].store.retell_llms


def _version(request: web.Request) -> int | None:
    """Return `?version=`, which is a number: prompts have no tags. Raises: ApiError."""
    version = query_version(request)
    if isinstance(version, str) and version != "latest":
        raise ApiError(400, "version: must be a version number, or latest")
    return version if isinstance(version, int) else None


async def _missing(request: web.Request, llm_id: str, version: int | None) -> RetellLlm:
    if version is not None and await _llms(request).get(llm_id) is not None:
        raise ApiError(422, str(VersionUnknown(llm_id, version)))
    raise unknown(_NOUN, llm_id)
