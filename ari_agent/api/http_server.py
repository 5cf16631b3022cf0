"""The HTTP server under the API: aiohttp's, but for what is no HTTP, which it would answer in plain text.

Such a request never reaches the application, its middlewares and its signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import http_exceptions, web

from ari_agent.api.answer import answer_error

_COMPLAINTS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (http_exceptions.LineTooLong, "the request line or a header is longer than 8190 bytes"),
    (http_exceptions.BadHttpMethod, "the request does not begin with an HTTP method; this port speaks HTTP/1.1"),
    (http_exceptions.BadStatusLine, "the request line is none of HTTP/1.1, such as: GET /healthz HTTP/1.1"),
    (http_exceptions.InvalidURLError, "the request line names no valid path"),
    (http_exceptions.InvalidHeader, "a header of the request is malformed"),
    (http_exceptions.ContentEncodingError, "the body is not packed as its Content-Encoding says"),
)
"""The first that fits. Not aiohttp's own words, which quote the request, perhaps with a key in it."""


_NO_ACCESS_LOG: Final[Mapping[str, Any]] = {"access_log": None}
"""As aiohttp's documentation of AppRunner says; its types do not."""


class ApiRunner(web.AppRunner):
    """Serves the API; every answer is JSON. Requests are not written to an access log."""

    __slots__ = ()

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, **_NO_ACCESS_LOG)

    @property
    def server(self) -> web.Server | None:
        """What a site calls for each connection that it accepts; None before `setup` and after `cleanup`."""
        usual = super().server
        return _Connections(usual) if usual else None


class _Connections(web.Server):
    """Makes the connections of another server, which keeps them, and closes them at the end.

    manager: that server.
    """

    def __init__(self, manager: web.Server) -> None:
        super().__init__(manager.request_handler)
        self.manager = manager

    def __call__(self) -> web.RequestHandler:
        return _Connection(self.manager, loop=asyncio.get_running_loop(), **_NO_ACCESS_LOG)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that could not be read; the connection ends with it."""
        super().handle_error(request, status, exc, message)  # logs
        return _last_answer(status, _complaint(status, exc))

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer. An exception as answer has not passed the middlewares: aiohttp reads Expect before them."""
        if isinstance(resp, web.HTTPException):
            resp = _last_answer(resp.status, "Expect: must be 100-continue")
        return await super().finish_response(request, resp, start_time)


def _complaint(status: int, error: BaseException | None) -> str:
    if status >= 500:
        return "an internal error occurred; the server's log has the details"
    return next((words for kind, words in _COMPLAINTS if isinstance(error, kind)), "the request is no valid HTTP/1.1")


def _last_answer(status: int, message: str) -> web.Response:
    answer = answer_error(status, message, {"Server": "ari-agent"})
    answer.force_close()
    return answer
