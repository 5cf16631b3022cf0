"""GET /audio-websocket/{call_id}: the websocket that browsers, Twilio and gateways open for a registered call.

Source: Retell, "Audio WebSocket" (deprecated, still in use); retell-client-js-sdk 1.3.3; Twilio, "Media Streams -
WebSocket Messages". The call_id is all the authorization there is, as it is unguessable and serves once.

    101 always, then   1000   the call ended
                       1003   a message that the protocol does not know, or audio at another rate than the call's
                       1002, 1007   what websockets do not allow, or text that is no UTF-8
                       1008   no registered call waits for this websocket; the reason says why
                       1009   a message of over 1 MiB
                       1011   the call failed; the reason is its disconnection_reason
                       1013   as many calls as may run are in progress

The query may hold `enable_update` and `enable_audio_alignment`. Where the registration leaves the audio open (phone
calls that come here), it may hold `sample_rate` (8000..48000) and `audio_encoding` (s16le, or mulaw at 8000).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from pydantic import ValidationError

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.calls.registrar import WEB_AUDIO
from ari_agent.calls.web.front_end import MESSAGE_BYTES, FrontEnd, FrontEndOptions
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.errors import ApiError, CallNotJoined, StoreError

log = logging.getLogger(__name__)

PATH: Final = "/audio-websocket/{call_id}"
MAX_MESSAGE_BYTES: Final = 1024 * 1024
LOOK_EACH_BYTES: Final = 256 * 1024
"""How often the clock is asked how fast a client sends: of one in real time, every few seconds."""
PING_S: Final = 20.0
"""A front end that vanished without a word is noticed after this and half as long again."""
CLOSE_TIMEOUT_S: Final = 1.0
"""For the client's half of the closing handshake, and as long before it for what it has not read yet."""

_TRUE: Final = frozenset({"true", "1"})


class _Wire:
    """The websocket of a client, with the methods that a call needs of it."""

    def __init__(self, websocket: web.WebSocketResponse, request: web.Request) -> None:
        self._websocket, self._transport = websocket, request.transport

    async def send(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._websocket.send_str(message)
        else:
            await self._websocket.send_bytes(message)

    async def close(self, code: int, reason: str) -> None:
        # A close frame holds at most 125 bytes, two of them the code (RFC 6455 section 5.5).
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._websocket.close(code=code, message=reason.encode()[:123].decode(errors="ignore").encode())
        except (TimeoutError, ConnectionError, RuntimeError) as error:
            log.debug("websocket not closed in order: %s", error)
        except asyncio.CancelledError:
            # All who send wait for one future of aiohttp's, and it was cancelled with the task that sent last.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._transport.abort()  # it does not read, so it would never be rid of what it was sent


async def audio_websocket(request: web.Request) -> web.StreamResponse:
    """Take the websocket of a client, and join it with the registered call that its path names."""
    acceptor = request.app[DEPENDENCIES].audio_websockets
    if acceptor is None:
        raise ApiError(501, "this server has no audio websockets")
    fallback = _audio(request)
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
    websocket = web.WebSocketResponse(
        protocols=offered[:1],  # clients that offer one give up where none is chosen
        heartbeat=PING_S,
        timeout=CLOSE_TIMEOUT_S,
        max_msg_size=MAX_MESSAGE_BYTES + 1,  # aiohttp refuses what is as long as this
        compress=False,  # audio does not shrink
        autoping=False,  # so that pings are counted, too
    )
    if not websocket.can_prepare(request).ok:
        raise ApiError(400, "this path is a websocket: expected the headers Upgrade: websocket and Connection: upgrade")
    await websocket.prepare(request)
    wire = _Wire(websocket, request)
    try:
        front = await acceptor.join(
            request.match_info["call_id"],
            wire,
            access_token=request.query.get("access_token"),
            options=FrontEndOptions(
                updates=request.query.get("enable_update") in _TRUE,
                aligned=request.query.get("enable_audio_alignment") in _TRUE,
            ),
            fallback=fallback,
        )
    except CallNotJoined as error:
        await wire.close(WSCloseCode.POLICY_VIOLATION, str(error))
    except StoreError as error:
        log.error("the database failed an audio websocket: %s", error)
        await wire.close(WSCloseCode.INTERNAL_ERROR, "the database is not reachable")
    else:
        await _listen(websocket, front)
    return websocket


async def _listen(websocket: web.WebSocketResponse, front: FrontEnd) -> None:
    """Hand what comes in to the call, until either side closes the websocket.

    A client that says more than its budget is not read for a while: its TCP connection then holds it back, and the
    other calls hear nothing of it.
    """
    loop, came_bytes = asyncio.get_running_loop(), 0
    try:
        async for message in websocket:
            if message.type is WSMsgType.BINARY:
                front.binary(message.data)
            elif message.type is WSMsgType.TEXT:
                front.text(message.data)
            elif message.type is WSMsgType.ERROR and isinstance(message.data, WebSocketError):
                front.corrupt(str(message.data))  # the client broke the rules of websockets, and aiohttp has closed
                continue
            elif message.type is WSMsgType.PING:
                await websocket.pong(message.data)
            came_bytes += len(message.data) + MESSAGE_BYTES
            if came_bytes >= LOOK_EACH_BYTES:
                rest_s = front.budget.take(came_bytes, loop.time())
                came_bytes = 0
                if rest_s:
                    await asyncio.sleep(rest_s)
    finally:
        front.gone()


def _audio(request: web.Request) -> AudioFormat:
    """Return the audio format that the query asks for.

    Raises:
        ApiError: 400, the query names no format that is served.
    """
    encoding = request.query.get("audio_encoding", WEB_AUDIO.audio_encoding)
    usual_hz = 8000 if encoding == "mulaw" else WEB_AUDIO.sample_rate
    rate = request.query.get("sample_rate", str(usual_hz))
    try:
        return AudioFormat.model_validate(
            {
                "audio_websocket_protocol": "web",
                "audio_encoding": encoding,
                "sample_rate": int(rate) if rate.isascii() and rate.isdigit() and len(rate) <= 5 else 0,
            }
        )
    except ValidationError:
        raise ApiError(400, "query: sample_rate must be 8000 to 48000, audio_encoding s16le or mulaw (8000)") from None
