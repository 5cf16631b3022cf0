"""Everything that goes wrong becomes `{"status":"error","message":...}` here, and nowhere else.

`message` is what current clients read, `error_message` the same text for those of Retell's first API version.

| raised                                     | status                                                             |
|--------------------------------------------|--------------------------------------------------------------------|
| ApiError                                   | its own                                                            |
| pydantic.ValidationError, MalformedJson    | 400, one line that names the fields                                |
| UnknownCall, CallNotOngoing, any CallError | its `http_status`: 422 for an unknown id, as Retell, else 400      |
| AgentVersionError                          | its `http_status`: 412 for a stale draft, 404 for an unknown one   |
| ChannelGone                                | 400: the call ended in this moment                                 |
| AsteriskRefused                            | 502                                                                |
| AsteriskUnreachable                        | 503                                                                |
| AlreadyStored, FallbackChain               | 400                                                                |
| StoreError, ArtefactError                  | 503                                                                |
| aiohttp's own (404, 405, 413, ...)         | theirs                                                             |
| anything else                              | 500, logged once with its traceback, of which the answer says nothing |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web
from pydantic import ValidationError

from ari_agent.api.answer import answer_error
from ari_agent.api.dependencies import Handler
from ari_agent.contract.agent_version_errors import AgentVersionError
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.json_text import MalformedJson
from ari_agent.errors import (
    AlreadyStored,
    ApiError,
    ArtefactError,
    AsteriskRefused,
    AsteriskUnreachable,
    CallError,
    ChannelGone,
    FallbackChain,
    StoreError,
)

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 1024 * 1024

# Retell's SDKs repeat what failed with 500 and above; digits, transfers and what a user wrote must not come twice.
_NOT_AGAIN: Final = {"x-should-retry": "false"}
_NEVER_AGAIN: Final = frozenset({501, 504})
_KEPT_HEADERS: Final = frozenset({"Allow", "Content-Range"})


@web.middleware
async def translate_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a handler into an answer in the API's own form; the outermost middleware but for metrics."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _http_error(request, error)
    except Exception as error:
        if (translated := _translated(error)) is not None:
            return translated
        log.exception("request failed", extra={"method": request.method, "path": request.path})
        return answer_error(500, "an internal error occurred; the server's log has the details")


def _translated(error: Exception) -> web.Response | None:
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None


def _headers(status: int) -> dict[str, str] | None:
    return _NOT_AGAIN if status in _NEVER_AGAIN else None


def _refused(error: AsteriskRefused) -> web.Response:
    log.warning("Asterisk refused a request of the API: %s", error)
    return answer_error(502, f"Asterisk refused: {error.message}", _NOT_AGAIN)


def _without_artefacts(error: ArtefactError) -> web.Response:
    log.error("the store of recordings and logs failed a request of the API: %s", error)
    return answer_error(503, "the store of recordings and logs is not reachable; the server's log says why")


def _without_database(error: StoreError) -> web.Response:
    log.error("the database failed a request of the API: %s", error)
    return answer_error(503, "the database is not reachable; GET /readyz tells when it is")


# The first that fits: a special kind stands before the general one.
_TRANSLATIONS: Final[Sequence[tuple[type[Exception], Callable[[Any], web.Response]]]] = (
    (ApiError, lambda error: answer_error(error.status, str(error), _headers(error.status))),
    (ValidationError, lambda error: answer_error(400, explain(error))),
    (MalformedJson, lambda error: answer_error(400, f"the body is {error}")),
    (AgentVersionError, lambda error: answer_error(error.http_status, str(error))),
    (CallError, lambda error: answer_error(error.http_status, str(error))),
    (ChannelGone, lambda _: answer_error(400, "the call has just ended")),
    (AsteriskRefused, _refused),
    (AsteriskUnreachable, lambda _: answer_error(503, "Asterisk is not reachable; see GET /readyz", _NOT_AGAIN)),
    (AlreadyStored, lambda error: answer_error(400, str(error))),
    (FallbackChain, lambda error: answer_error(400, str(error))),
    (StoreError, _without_database),
    (ArtefactError, _without_artefacts),
)


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    messages = {
        404: f"no such path: {request.method} {request.path}; GET /openapi.json lists what is served",
        416: "the file has no such range of bytes; the header Content-Range tells how long it is",
        405: f"{request.method} is not possible for {request.path}; it answers {error.headers.get('Allow', '')}",
        413: f"the body is larger than {MAX_BODY_BYTES} bytes",
    }
    kept = {name: value for name, value in error.headers.items() if name in _KEPT_HEADERS}
    return answer_error(error.status, messages.get(error.status, error.reason), kept)
