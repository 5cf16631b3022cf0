"""A webhook receiver on loopback: a real HTTP server that verifies, remembers, and answers as it is told."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from ari_agent.webhooks import signature

API_KEY = "key_test_123"


@dataclass(frozen=True)
class Arrival:
    """One request."""

    body: bytes
    headers: dict[str, str]
    path: str
    transport: asyncio.Transport | None = field(default=None, compare=False, repr=False)

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def is_signed(self) -> bool:
        """Whether the signature is right at this moment."""
        return signature.verify(self.body, API_KEY, self.headers[signature.HEADER.lower()], time.time_ns() // 10**6)


Answer = Callable[[Arrival], Awaitable[web.StreamResponse]]


async def ok(_: Arrival) -> web.StreamResponse:
    """200 without a body."""
    return web.Response()


async def never(_: Arrival) -> web.StreamResponse:
    """No answer, until the client gives up."""
    await asyncio.Event().wait()
    return web.Response()


@dataclass
class Receiver:
    """`async with Receiver(answer) as receiver: ... receiver.url`."""

    answer: Answer = ok
    port: int = 0
    tls: ssl.SSLContext | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        self._arrived = asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(application, shutdown_timeout=1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"{'https' if self.tls else 'http'}://{host}:{port}/hook"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        arrival = Arrival(await request.read(), headers, request.path_qs, request.transport)
        self.arrivals.append(arrival)
        self._arrived.set()
        return await self.answer(arrival)

    async def wait_for(self, count: int) -> None:
        """Until that many requests have arrived in all."""
        while len(self.arrivals) < count:
            self._arrived.clear()
            await self._arrived.wait()
