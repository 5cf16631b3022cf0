"""Listening to a call in progress: its sound as it is spoken, over a websocket, to a page of this console alone.

    server: {"event": "format", "encoding": "s16le", "rate_hz": 8000, "channels": 2}
    server: binary messages of 100 ms at most: samples by turns, the caller left, the agent right
    server: {"event": "over", "why": "the call has ended"}, and the websocket closes

What the page sends is ignored. Only a login that may change things may listen.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from ari_agent.calls.call_monitoring import CHANNELS, Listener
from ari_agent.console.dependencies import DEPENDENCIES, SESSION
from ari_agent.console.login.access import session_of
from ari_agent.errors import ApiError, CallError
from ari_agent.slow_readers import cut_off

_ALIVE_S: Final = 20.0
_CLOSES_WITHIN_S: Final = 2.0
_LONGEST_MESSAGE: Final = 1024
_LOGIN_OVER: Final = "the login is over"
_ANY_PAGE: Final = "a page of another site asked for this: open the console, and listen there"


async def listen_to_call(request: web.Request) -> web.WebSocketResponse:
    """Send the sound of the call that the path names, until it ends, the browser goes, or its login is over."""
    _require_own_page(request)
    session, dependencies = request[SESSION], request.app[DEPENDENCIES]
    if not session.may_change:
        raise ApiError(403, "you are logged in with the key that may only look, and not listen")
    socket = web.WebSocketResponse(
        heartbeat=_ALIVE_S, compress=False, max_msg_size=_LONGEST_MESSAGE, timeout=_CLOSES_WITHIN_S
    )
    await socket.prepare(request)
    login_ends_in_s = session.expires_s - dependencies.now_ms() / 1000
    try:
        with dependencies.calls.monitoring.listener(request.match_info["call_id"], session.role) as listener:
            async with asyncio.timeout(login_ends_in_s):
                why = await _send_all(request, socket, listener)
    except CallError as error:
        why = str(error)
    except TimeoutError:
        why = _LOGIN_OVER
    if why is None:
        cut_off(request)
        return socket
    try:
        async with asyncio.timeout(dependencies.read_within_s):
            await socket.send_json({"event": "over", "why": why})
            await socket.close()
    except (TimeoutError, ConnectionError):
        cut_off(request)
    return socket


async def _send_all(request: web.Request, socket: web.WebSocketResponse, listener: Listener) -> str | None:
    """Send until there is no more, and return why; None where the browser is gone, or does not read."""
    sending = asyncio.create_task(_send(request, socket, listener))
    leaving = asyncio.create_task(_ignore_messages(socket))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        leaving.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)
    return listener.why_over if sending.done() and not sending.cancelled() and sending.exception() is None else None


async def _send(request: web.Request, socket: web.WebSocketResponse, listener: Listener) -> None:
    await socket.send_json({"event": "format", "encoding": "s16le", "rate_hz": listener.rate_hz, "channels": CHANNELS})
    async for piece in listener.pieces():
        if session_of(request) is None:  # ended by hand
            listener.end(_LOGIN_OVER)
            return
        async with asyncio.timeout(request.app[DEPENDENCIES].read_within_s):
            await socket.send_bytes(piece)


async def _ignore_messages(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


def _require_own_page(request: web.Request) -> None:
    """Require that a page of this console opens the websocket, whichever address the browser knows it by.

    A browser sends cookies with websockets that pages of others open, too; they cannot forge `Origin`, nor add
    `X-Forwarded-Host`, which a proxy sends that has a `Host` of its own. Source: RFC 6455 section 10.2; OWASP,
    "Cross-site WebSocket hijacking".
    """
    scheme, _, host = request.headers.get("Origin", "").lower().partition("://")
    ours = {request.headers.get(name, "").lower() for name in ("Host", "X-Forwarded-Host")}
    if not host or scheme not in {"http", "https"} or host not in ours:
        raise ApiError(403, _ANY_PAGE)
