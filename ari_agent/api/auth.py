"""`Authorization: Bearer API_KEY` on everything but health, metrics and the description of the API.

A request that another controller passes on has its proof instead of the key: see nodes/passed_on.py.
"""

from __future__ import annotations

import hmac
from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer_error
from ari_agent.api.body import arrived_body
from ari_agent.api.dependencies import DEPENDENCIES, Handler
from ari_agent.api.routes import PUBLIC_PATHS
from ari_agent.nodes.passed_on import GOOD_FOR_MS, HEADER, is_body, is_proven
from ari_agent.spent_ids import SpentIds

HAS_OWN_LOGIN: Final = web.AppKey("has_own_login", bool)
"""Under this name a sub-application says that it lets nobody in without a login of its own."""
USED_PROOFS: Final = web.AppKey("used_proofs", SpentIds)
"""The requests of other nodes that were taken: whoever repeats one that he has seen is refused."""
_EXPECTED: Final = "expected the header `Authorization: Bearer YOUR_API_KEY`"


@web.middleware
async def require_api_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 401 to a request without the key. Paths that do not exist are answered 404 all the same.

    A sub-application that says so has a login of its own.
    """
    resource, apps = request.match_info.route.resource, request.match_info.apps
    is_open = resource is None or resource.canonical in PUBLIC_PATHS
    if apps[-1].get(HAS_OWN_LOGIN, False) if len(apps) > 1 else is_open:
        return await handler(request)
    complaint = await _of_node(request) if HEADER in request.headers else _of_client(request)
    if complaint is None:
        return await handler(request)
    return answer_error(401, complaint, {"WWW-Authenticate": "Bearer"})


async def _of_node(request: web.Request) -> str | None:
    """Return what is wrong with a request that another node says to pass on; None if nothing is."""
    proof, dependencies = request.headers[HEADER], request.app[DEPENDENCIES]
    given = proof, request.method, request.path_qs
    if not is_proven(*given, api_key=dependencies.api_key, now_ms=dependencies.now_ms()):
        return f"the header {HEADER} is not of a controller with this API key, or its clock or ours is wrong"
    if not is_body(proof, await arrived_body(request)):
        return f"the body is not the one of the header {HEADER}"
    now_s = dependencies.now_ms() / 1000
    if request.config_dict[USED_PROOFS].spend(proof, until_s=now_s + GOOD_FOR_MS / 1000, now_s=now_s):
        return None
    return f"the header {HEADER} was used before"


def _of_client(request: web.Request) -> str | None:
    """Return what is wrong with the key of a request; None if nothing is."""
    header, api_key = request.headers.get("Authorization"), request.app[DEPENDENCIES].api_key
    if header is None:
        return f"no API key: {_EXPECTED}"
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "bearer" or not given.strip():
        return f"no API key: {_EXPECTED}"
    # In constant time, so that the answer's delay does not tell how much of a guess was right.
    if hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), api_key.encode()):
        return None
    return f"the API key is wrong: {_EXPECTED}"
