"""Dials a text agent's websocket and carries its messages.

How a connection ends, what `receive` answers or raises then, and what it makes of a call (error_llm_websocket_...;
Retell, "LLM WebSocket" and "Troubleshooting", 2026-08):

| what ends it                                | code | `receive`              | the call's end      |
|---------------------------------------------|------|------------------------|---------------------|
| the server closes, and means it             | 1000 | None                   | agent_hangup        |
| the server closes without a code            | 1005 | AgentClosedWithoutCode | ..._open            |
| no close frame: reset, timeout, end of file | 1006 | AgentCutOff            | ..._runtime         |
| the server closes with any other code       | 1011 | AgentClosed            | ..._runtime         |
| a frame against RFC 6455, or too big        | 1009 | AgentClosed            | ..._runtime         |
| a binary message, or text that is no UTF-8  | 1007 | AgentCorruptPayload    | ..._corrupt_payload |
| we gave up: nothing heard, or nothing taken |      | what we gave up with   |                     |

On aiohttp: text comes a few times a second, not fifty times. A message may have MAX_MESSAGE_BYTES. What is no message
of the protocol is logged, the first few times, and dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import aiohttp

from ari_agent.agents.llm import LlmMessage, parse_llm_message
from ari_agent.agents.protocol import TellMessage
from ari_agent.agents.tcp_connection import agent_url
from ari_agent.errors import (
    AgentClosed,
    AgentClosedWithoutCode,
    AgentCorruptPayload,
    AgentCutOff,
    AgentError,
    AgentRefused,
    AgentUnreachable,
)

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 7.0
MAX_MESSAGE_BYTES: Final = 1024 * 1024
_SEND_TIMEOUT_S: Final = 5.0
_LOGGED_MESSAGES: Final = 10
_NORMAL, _NO_CODE, _ABNORMAL, _CORRUPT = 1000, 1005, 1006, 1007  # RFC 6455 section 7.4.1


class LlmSocket:
    """One open websocket to a text agent's server, made by `connect`."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, shown_url: str, tell: TellMessage | None = None
    ) -> None:
        self._socket = socket
        self._tell = tell
        self._shown_url = shown_url
        self._given_up: AgentError | None = None
        self._dropped_messages = 0

    def __repr__(self) -> str:
        return f"<LlmSocket {self._shown_url} {'closed' if self._socket.closed else 'open'}>"

    @classmethod
    async def connect(
        cls,
        http: aiohttp.ClientSession,
        url: str,
        *,
        timeout_s: float = CONNECT_TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        tell: TellMessage | None = None,
    ) -> LlmSocket:
        """Dial and shake hands. timeout_s: for all of it. headers: beside the authorization that the URL holds. tell:
        is told of every message, both ways.

        Raises:
            AgentUnreachable, AgentRefused.
        """
        destination = agent_url(url)
        shown = destination.shown
        try:
            async with asyncio.timeout(timeout_s):
                socket = await http.ws_connect(
                    destination.target,
                    headers={**(headers or {}), **destination.authorization},
                    max_msg_size=MAX_MESSAGE_BYTES,
                    heartbeat=20.0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise AgentRefused(shown, error.status) from None
        except TimeoutError:
            raise AgentUnreachable(shown, f"no answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentUnreachable(shown, _why(error)) from None
        return cls(socket, shown, tell)

    async def send(self, text: str) -> None:
        """Send one text message.

        Raises:
            AgentLost: the connection is gone, or takes nothing any more.
        """
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._socket.send_str(text)
                if self._tell:
                    self._tell("sent", text.encode(errors="replace"), None)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentCutOff(_ABNORMAL, type(error).__name__) from None

    async def receive(self) -> LlmMessage | None:
        """Return the next message; None when the agent has hung up.

        Raises:
            AgentLost, AgentCorruptPayload: as the table at the top says; the websocket is closed.
        """
        while True:
            frame = await self._socket.receive()
            match frame.type:
                case aiohttp.WSMsgType.TEXT:
                    try:
                        message = parse_llm_message(frame.data)
                    except AgentCorruptPayload as error:
                        self._dropped(error, frame.data)
                    else:
                        self._received(frame.data)
                        return message
                case aiohttp.WSMsgType.BINARY:
                    await self._socket.close(code=_CORRUPT)
                    raise AgentCorruptPayload("a binary message")
                case aiohttp.WSMsgType.CLOSE:
                    ended = self._closed(frame.data or _NO_CODE, frame.extra or "")
                    if ended is None:
                        return None
                    raise ended
                case aiohttp.WSMsgType.ERROR if isinstance(frame.data, aiohttp.WebSocketError):
                    if frame.data.code == _CORRUPT:
                        raise AgentCorruptPayload("text that is no UTF-8")
                    raise AgentClosed(frame.data.code, "a frame against RFC 6455, or too big")
                case _:  # aiohttp takes an end of file for a normal closure: its code tells nothing here
                    raise self._given_up or AgentCutOff(_ABNORMAL)

    async def give_up(self, why: AgentError) -> None:
        """Close the websocket, and have `receive` raise this error."""
        self._given_up = self._given_up or why
        await self._socket.close()

    def _closed(self, code: int, why: str) -> AgentError | None:
        if self._given_up or code == _NORMAL:
            return self._given_up
        return AgentClosedWithoutCode(code) if code == _NO_CODE else AgentClosed(code, why)

    def _received(self, text: str, fault: str | None = None) -> None:
        if self._tell:
            self._tell("received", text.encode(errors="replace"), fault)

    def _dropped(self, error: AgentCorruptPayload, text: str) -> None:
        self._received(text, error.why)
        self._dropped_messages += 1
        if self._dropped_messages <= _LOGGED_MESSAGES:
            log.warning("%s: dropped: %s", self._shown_url, error)

    async def close(self) -> None:
        """Hang up with close code 1000. Does nothing the second time."""
        await self._socket.close()


def _why(error: Exception) -> str:
    """Say what went wrong, without the error's own text, which may hold the query of the URL."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{name}: {str(error.os_error) or type(error.os_error).__name__}"
    return name
