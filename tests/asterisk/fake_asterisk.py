"""A small Asterisk of our own: it notes every ARI request, answers as told, and sends events when asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

APP = "ari_agent"
PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True)
class Noted:
    """One request, as it came. parameters: of the query and of the JSON body together, as Asterisk takes them."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    peer: tuple[str, int]

    @property
    def parameters(self) -> dict[str, Any]:
        return {**self.query, **(self.body if isinstance(self.body, dict) else {})}


Answer = Callable[[Noted], "tuple[int, Any] | None"]


def user_event(name: str, app: str = APP) -> dict[str, str]:
    """As a request for one makes it."""
    return {"type": "ChannelUserevent", "eventname": name, "application": app}


@dataclass(slots=True)
class FakeAsterisk:
    """On a free port of loopback. answer: status and JSON of a request; None for what Asterisk says by default."""

    answer: Answer = lambda _: None
    requests: list[Noted] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    pongs: bool = True
    pinged: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    """Pings that were answered."""
    deaf: int = 0
    """So many of the next websockets get nothing that Asterisk is asked to send."""
    deaf_sockets: list[web.WebSocketResponse] = field(default_factory=list)
    opened: asyncio.Queue[web.WebSocketResponse] = field(default_factory=asyncio.Queue)
    refuse_sockets: int = 0
    delay_s: float = 0.0
    """Before each answer."""
    _runner: web.AppRunner | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ari"

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=10**8)
        application.router.add_get("/ari/events", self._events)
        application.router.add_route("*", "/{anything:.*}", self._rest)
        await self._listen(application)
        return self

    async def _listen(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def send(self, *events: object) -> None:
        """Send events, or text as it is, on the last websocket."""
        for event in events:
            await self.sockets[-1].send_str(event if isinstance(event, str) else json.dumps(event))

    async def _note(self, request: web.Request) -> Noted:
        text = await request.text()
        peer = request.transport.get_extra_info("peername")[:2] if request.transport else ("", 0)
        noted = Noted(
            request.method,
            request.raw_path.partition("?")[0].removeprefix("/ari"),
            dict(request.query),
            json.loads(text) if text else None,
            dict(request.headers),
            peer,
        )
        self.requests.append(noted)
        return noted

    async def _rest(self, request: web.Request) -> web.Response:
        noted = await self._note(request)
        await asyncio.sleep(self.delay_s)
        answer = self.answer(noted)
        if noted.path.startswith("/events/user/") and answer is None:
            if self.sockets and self.sockets[-1] not in self.deaf_sockets:
                name, app = noted.path.rpartition("/")[2], noted.query["application"]
                await self.send(user_event(name, app))
            return web.Response(status=204)
        status, body = answer or (200 if noted.method == "GET" else 204, None)
        if status == 0:  # never
            await asyncio.sleep(60)
        return web.Response(status=status) if body is None else web.json_response(body, status=status)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        if self.refuse_sockets:
            self.refuse_sockets -= 1
            return web.json_response({"message": "go away"}, status=503)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        if self.deaf:
            self.deaf -= 1
            self.deaf_sockets.append(socket)
        self.opened.put_nowait(socket)
        async for message in socket:
            if message.type is WSMsgType.PING and self.pongs:
                await socket.pong(message.data)
                self.pinged.put_nowait(None)
        return socket
