"""An Asterisk's `/ws`: it takes SIP over websockets, writes down what came, and says what a test wants."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer


class SipWebsockets:
    """Listens on loopback. Use as `async with`. takes: whether the module for it is loaded."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.open: list[web.WebSocketResponse] = []
        app = web.Application()
        app.router.add_get("/ws", self._accept)
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def ari_url(self) -> str:
        """What ARI_AGENT_ARI_URL would be."""
        return str(self._server.make_url("/ari"))

    async def say(self, message: str) -> None:
        """To the page that came last."""
        await self.open[-1].send_str(message)

    async def hang_up(self) -> None:
        """Close the websocket of the page that came last."""
        await self.open[-1].close()

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        if not self.takes:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(protocols=("sip",))
        await socket.prepare(request)
        self.open.append(socket)
        async for message in socket:
            self.heard.put_nowait(message.data)
        return socket
