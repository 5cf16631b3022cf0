"""The HTTP server under the API: aiohttp's, but for what is no HTTP, which it would answer in plain text.

Such a request never reaches the application, its middlewares and its signals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import http_exceptions, web

from ari_agent.api.answer import answer_error
from ari_agent.api.connection_limits import ConnectionLimits, OpenConnections
from ari_agent.api.dependencies import Handler

_COMPLAINTS: Final[Sequence[tuple[type[BaseException], str]]] = (
    (http_exceptions.LineTooLong, "the request line or a header is longer than 8190 bytes"),
    (http_exceptions.BadHttpMethod, "the request does not begin with an HTTP method; this port speaks HTTP/1.1"),
    (http_exceptions.BadStatusLine, "the request line is none of HTTP/1.1, such as: GET /healthz HTTP/1.1"),
    (http_exceptions.InvalidURLError, "the request line names no valid path"),
    (http_exceptions.InvalidHeader, "a header of the request is malformed"),
)
"""The first that fits. Not aiohttp's own words, which quote the request, perhaps with a key in it."""


_NO_ACCESS_LOG: Final[Mapping[str, Any]] = {"access_log": None}
"""As aiohttp's documentation of AppRunner says; its types do not."""

_OPTIONS: Final[Mapping[str, Any]] = {
    **_NO_ACCESS_LOG,
    # aiohttp unpacks what nobody has asked for, before any handler runs and in the thread that carries the audio
    "auto_decompress": False,
}


class ApiRunner(web.AppRunner):
    """Serves the API; every answer is JSON. Requests are not written to an access log."""

    __slots__ = ("open_connections",)

    def __init__(self, app: web.Application, limits: ConnectionLimits | None = None) -> None:
        """Take the application before it is frozen. limits: as ConnectionLimits has them by default."""
        self.open_connections = OpenConnections(limits or ConnectionLimits())
        app.middlewares.insert(0, _head_came)
        super().__init__(app, **_NO_ACCESS_LOG)

    @property
    def server(self) -> web.Server | None:
        """What a site calls for each connection that it accepts; None before `setup` and after `cleanup`."""
        usual = super().server
        return _Connections(usual, self.open_connections) if usual else None


@web.middleware
async def _head_came(request: web.Request, handler: Handler) -> web.StreamResponse:
    if isinstance(request.protocol, _Connection):
        request.protocol.head_came()
    return await handler(request)


class _Connections(web.Server):
    """Makes the connections of another server, which keeps them, and closes them at the end.

    manager: that server. counted: all that are open.
    """

    def __init__(self, manager: web.Server, counted: OpenConnections) -> None:
        super().__init__(manager.request_handler)
        self.manager, self.counted = manager, counted

    def __call__(self) -> web.RequestHandler:
        return _Connection(self.manager, self.counted)


class _Connection(web.RequestHandler):
    """One connection, which the limits may refuse, and which is closed where no request comes."""

    __slots__ = ("counted", "counted_address", "no_head")

    def __init__(self, manager: web.Server, counted: OpenConnections) -> None:
        limits, loop = counted.limits, asyncio.get_running_loop()
        super().__init__(manager, loop=loop, keepalive_timeout=limits.keep_alive_s, **_OPTIONS)
        self.counted = counted
        self.counted_address: str | None = None
        self.no_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or answer why it is not taken."""
        address = str((transport.get_extra_info("peername") or ("",))[0])
        if refusal := self.counted.opened(address):
            self.close()  # what still comes is not read
            _say(transport, refusal.status, refusal.message)
            return
        self.counted_address = address
        super().connection_made(transport)
        self.no_head = asyncio.get_running_loop().call_later(self.counted.limits.head_timeout_s, self.give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count the connection out, so that another one may be taken."""
        self.head_came()
        if self.counted_address is not None:
            self.counted.closed(self.counted_address)
            self.counted_address = None
        super().connection_lost(exc)

    def head_came(self) -> None:
        """Wait no longer for the head of the first request; those after it have the time of the keep-alive."""
        if self.no_head is not None:
            self.no_head.cancel()
            self.no_head = None

    def give_up(self) -> None:
        """Close the connection, as no request has come."""
        if self.transport is not None:
            _say(self.transport, 408, f"no request came within {self.counted.limits.head_timeout_s:g} s")
        self.force_close()

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
        """Send an answer, which the client has some time to read.

        An exception as answer has not passed the middlewares: aiohttp reads Expect before them.
        """
        if isinstance(resp, web.HTTPException):
            resp = _last_answer(resp.status, "Expect: must be 100-continue")
        try:
            async with asyncio.timeout(self.counted.limits.answer_timeout_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:  # it does not read: what was written would lie there until it does
            if self.transport is not None:
                self.transport.abort()
            return resp, True


def _complaint(status: int, error: BaseException | None) -> str:
    if status >= 500:
        return "an internal error occurred; the server's log has the details"
    return next((words for kind, words in _COMPLAINTS if isinstance(error, kind)), "the request is no valid HTTP/1.1")


def _say(transport: asyncio.BaseTransport, status: int, message: str) -> None:
    """Write an answer to a request that was not read, and close."""
    answer = _last_answer(status, message)
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
    body = answer.body if isinstance(answer.body, bytes) else b""
    fields = {**answer.headers, "Content-Length": str(len(body))}
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    cast("asyncio.Transport", transport).write(head.encode() + b"\r\n" + body)  # uvloop's is no subclass
    transport.close()


def _last_answer(status: int, message: str) -> web.Response:
    answer = answer_error(status, message, {"Server": "ari-agent"})
    answer.force_close()
    return answer
