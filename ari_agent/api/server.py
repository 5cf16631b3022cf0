"""The HTTP side of the controller, as one aiohttp application."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from ari_agent.api import artefacts, audio_websocket
from ari_agent.api.auth import USED_PROOFS, require_api_key
from ari_agent.api.body import UNKNOWN_KEYS, refuse_packed
from ari_agent.api.dependencies import DEPENDENCIES, ApiDependencies
from ari_agent.api.errors import MAX_BODY_BYTES, translate_errors
from ari_agent.api.metrics import REQUESTS, RequestCounter, count_requests
from ari_agent.api.openapi import show_openapi
from ari_agent.api.other_nodes import by_its_node
from ari_agent.api.routes import ROUTES
from ari_agent.api.without_effect import name_unread_keys
from ari_agent.spent_ids import SpentIds


def build_api(dependencies: ApiDependencies) -> web.Application:
    """Return the application; whoever builds it runs it, and closes what the dependencies hold.

    Every answer is JSON but those of /metrics and 204. A request that is counted has passed, from the outside in:
    count_requests, translate_errors, refuse_packed, require_api_key.
    """
    app = web.Application(
        client_max_size=MAX_BODY_BYTES, middlewares=[count_requests, translate_errors, refuse_packed, require_api_key]
    )
    server_logger.addFilter(_TERSE)
    app[DEPENDENCIES] = dependencies
    app[REQUESTS] = RequestCounter()
    app[USED_PROOFS] = SpentIds()
    for route in ROUTES:
        handler = route.handler if route.live_within_s is None else by_its_node(route.handler, route.live_within_s)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET":
            app.router.add_head(route.path, handler)
    app.router.add_get("/openapi.json", show_openapi)
    app.router.add_get(
        audio_websocket.PATH, audio_websocket.audio_websocket, allow_head=False
    )  # OpenAPI has no words for websockets
    app.router.add_get(artefacts.PATH, artefacts.show_artefact)  # a link of a call object, not a path to be composed
    app.on_response_prepare.append(_add_headers)
    return app


class _Terse(logging.Filter):
    """Logs a request that is no HTTP in one line without a traceback: the mistake is the client's."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            # not its text, which quotes the request, perhaps with a key in it
            record.msg, record.args = "a request was no HTTP: %s", (type(error).__name__,)
            record.exc_info = None
        return True


_TERSE: Final = _Terse()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Name the product in the header Server, without the versions of Python and aiohttp; and what was not read."""
    response.headers["Server"] = "ari-agent"
    name_unread_keys(response, request.get(UNKNOWN_KEYS, ()))
