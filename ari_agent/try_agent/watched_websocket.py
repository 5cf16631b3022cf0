"""A text agent's websocket with somebody who watches: aiohttp's own, whose messages are noted on their way."""

from __future__ import annotations

from typing import Any

import aiohttp

from ari_agent.errors import AgentCorruptPayload
from ari_agent.try_agent.wire_log import WireLog


def watched_websocket(wire: WireLog) -> type[aiohttp.ClientWebSocketResponse]:
    """Return a class for http_client(websocket=...). wire: is told of every text message."""

    class WatchedWebSocket(aiohttp.ClientWebSocketResponse):
        """A websocket whose text messages the wire log is told of, both ways."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            wire.connections += 1

        async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:
            """Return the next frame, noted if it is a message."""
            frame = await super().receive(timeout)
            if frame.type is aiohttp.WSMsgType.TEXT:
                wire.llm_text(frame.data)
            elif frame.type is aiohttp.WSMsgType.BINARY:
                wire.bad(AgentCorruptPayload("a binary message ends the call"), frame.data, is_text=False)
            return frame

        async def send_str(self, data: str, compress: int | None = None) -> None:
            """Note a text message, and send it."""
            wire.llm_sent(data)
            await super().send_str(data, compress)

    return WatchedWebSocket
