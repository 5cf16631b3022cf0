"""The workspace: concurrency and the API key (Retell, 2026-08), and the nodes, which are an extension of ours."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import get, post
from ari_agent.contract.node import NodeDrain, NodeInfo
from ari_agent.contract.workspace import ApiKeyInfo, Concurrency
from ari_agent.errors import ApiError


async def get_concurrency(request: web.Request) -> web.Response:
    """Answer how many calls run at the moment, and how many may."""
    dependencies = request.app[DEPENDENCIES]
    slots = dependencies.slots
    limit = slots.limit if slots else 0
    return answer(
        Concurrency(
            current_concurrency=(await slots.usage()).in_use if slots else len(dependencies.switchboard.live()),
            concurrency_limit=limit,
            base_concurrency=limit,
            reserved_inbound_concurrency=slots.reserved_inbound if slots else 0,
        )
    )


async def get_api_key_info(_: web.Request) -> web.Response:
    """Answer whose key the request carries."""
    return answer(ApiKeyInfo())


async def list_nodes(request: web.Request) -> web.Response:
    """Answer the controllers that share the database, as they were at the last heartbeat, a second ago at most."""
    return await answer_list(request.app[DEPENDENCIES].nodes())


async def drain_node(request: web.Request) -> web.Response:
    """Have the controller that answers take no new calls and end with its last one; repeated, it does nothing more.

    Where several processes share its port, all of them do.
    """
    drain = request.app[DEPENDENCIES].drain
    if drain is None:
        raise ApiError(501, "this controller is part of another program, and ends with that")
    return answer(drain(), status=202)


ROUTES: Final = (
    get("/get-concurrency", get_concurrency, answers=Concurrency),
    get("/get-api-key-info", get_api_key_info, answers=ApiKeyInfo),
    get("/list-nodes", list_nodes, lists=NodeInfo),
    post("/drain-node", drain_node, 202, answers=NodeDrain),
)
