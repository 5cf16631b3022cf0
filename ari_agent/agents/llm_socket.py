"""Dials a text agent's websocket and carries its messages.

On aiohttp: text comes a few times a minute, not fifty times a second. A message may have MAX_MESSAGE_BYTES; a binary
one closes the websocket with 1007, as the protocol has none.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ari_agent.agents.llm import LlmMessage, parse_llm_message
from ari_agent.errors import AgentCorruptPayload, AgentLost, AgentRefused, AgentUnreachable

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 7.0
MAX_MESSAGE_BYTES: Final = 1024 * 1024
_SEND_TIMEOUT_S: Final = 5.0
_NORMAL_CLOSURE: Final = 1000


class LlmSocket:
    """One open connection; made by `connect`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, shown_url: str) -> None:
        self._socket = socket
        self._shown_url = shown_url
        self._given_up = ""

    def __repr__(self) -> str:
        return f"<LlmSocket {self._shown_url} {'closed' if self._socket.closed else 'open'}>"

    @classmethod
    async def connect(cls, http: aiohttp.ClientSession, url: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> LlmSocket:
        """Dial and shake hands. timeout_s: for all of it.

        Raises:
            AgentUnreachable, AgentRefused.
        """
        shown = _shown(url)
        try:
            async with asyncio.timeout(timeout_s):
                socket = await http.ws_connect(
                    url,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    heartbeat=20.0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise AgentRefused(shown, error.status) from None
        except TimeoutError:
            raise AgentUnreachable(shown, f"no answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AgentUnreachable(shown, type(error).__name__) from None  # its text may hold the query
        return cls(socket, shown)

    async def send(self, text: str) -> None:
        """One message.

        Raises:
            AgentLost: the connection is gone, or takes nothing any more.
        """
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._socket.send_str(text)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AgentLost(self._socket.close_code or 1006, type(error).__name__) from None

    async def receive(self) -> LlmMessage | None:
        """The next message; None when the agent has hung up, with close code 1000. What is malformed is logged.

        Raises:
            AgentLost: the connection ended in any other way.
            AgentCorruptPayload: a binary message; the websocket is closed.
        """
        while True:
            frame = await self._socket.receive()
            match frame.type:
                case aiohttp.WSMsgType.TEXT:
                    try:
                        return parse_llm_message(frame.data)
                    except AgentCorruptPayload as error:
                        log.warning("%s: %s", self._shown_url, error)
                case aiohttp.WSMsgType.BINARY:
                    await self._socket.close(code=aiohttp.WSCloseCode.INVALID_TEXT)
                    raise AgentCorruptPayload("a binary message")
                case _:
                    code = self._socket.close_code
                    if self._given_up:
                        raise AgentLost(1006, self._given_up)
                    if code == _NORMAL_CLOSURE:
                        return None
                    raise AgentLost(code or 1006)

    async def give_up(self, why: str) -> None:
        """Close it, and let `receive` say that it was lost."""
        self._given_up = why
        await self._socket.close()

    async def close(self) -> None:
        """Hang up, normally. Idempotent."""
        await self._socket.close()


def _shown(url: str) -> str:
    """For logs: without credentials and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
