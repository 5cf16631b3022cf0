"""A customer's web server: keeps every webhook with its bytes, checks the signature by itself, answers as told."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web


def signature_is_valid(header: str | None, body: bytes, api_key: str, *, now_ms: int) -> bool:
    """As Retell's own verifiers judge X-Retell-Signature: exact form, five minutes either way, HMAC-SHA256."""
    match = re.fullmatch(r"v=(\d+),d=([0-9a-f]{64})", header or "")
    if match is None or abs(now_ms - int(match.group(1))) > 300_000:
        return False
    wanted = hmac.new(api_key.encode(), body + match.group(1).encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, match.group(2))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST as it came. time_s: monotonic clock, when its body was complete."""

    path: str
    headers: dict[str, str]
    body: bytes
    time_s: float
    signed: bool
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """The body as an object."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def event(self) -> str:
        """The name of the event."""
        return str(self.json["event"])

    @property
    def call(self) -> dict[str, Any]:
        """The call or chat object, or what an inbound webhook says of the call or the text message."""
        body = self.json
        found: dict[str, Any] = next(
            body[key] for key in ("call", "chat", "call_inbound", "chat_inbound") if key in body
        )
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST is answered with, and when."""

    status: int = 204
    body: bytes = b""
    delay_s: float = 0.0
    hang_up: bool = False
    """Close the connection instead of answering."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def inbound(cls, *, delay_s: float = 0.0, part: str = "call_inbound", **fields: Any) -> Answer:
        """A 200 of the inbound webhook with these fields under `part`."""
        return cls(200, json.dumps({part: fields}).encode(), delay_s)


NO_CONTENT: Final = Answer()
Decide = Callable[[Delivery], Answer]


@dataclass(slots=True)
class Hook:
    """One URL: how it answers, what it got."""

    url: str
    decide: Decide
    deliveries: list[Delivery] = field(default_factory=list)
    dropped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a sender dropped a request before it was answered."""

    def about(self, **call_fields: Any) -> list[Delivery]:
        """Deliveries whose call has these fields."""
        return [d for d in self.deliveries if all(d.call.get(k) == v for k, v in call_fields.items())]

    def events(self, **call_fields: Any) -> list[str]:
        """The names of those deliveries' events, in order of arrival."""
        return [d.event for d in self.about(**call_fields)]

    async def event(self, name: str, *, timeout_s: float = 10.0, **call_fields: Any) -> Delivery:
        """Until an event of such a call came."""
        end_s = time.monotonic() + timeout_s
        while True:
            for delivery in self.about(**call_fields):
                if delivery.event == name:
                    return delivery
            if time.monotonic() > end_s:
                seen = [(d.event, d.call.get("call_id")) for d in self.deliveries[-8:]]
                raise TimeoutError(f"no {name} for {call_fields} in {timeout_s} s; last: {seen}")
            await asyncio.sleep(0.01)


class WebhookServer:
    """One port, any number of URLs. Use as `async with`; `pause` and `resume` break and mend it."""

    def __init__(self, *, api_key: str, sock: socket.socket | None = None) -> None:
        self.api_key = api_key
        self._sock = sock
        self._hooks: dict[str, Hook] = {}
        self._runner: web.AppRunner | None = None
        self._host, self._port = "", 0
        self._paused = False

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{name}", self._take)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        loopback = web.TCPSite(self._runner, "127.0.0.1", 0)
        site = loopback if self._sock is None else web.SockSite(self._runner, self._sock)
        await site.start()
        self._host, self._port = self._runner.addresses[0][:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def pause(self) -> None:
        """Drop every request without a word, and without counting it."""
        self._paused = True

    def resume(self) -> None:
        """Answer again."""
        self._paused = False

    def hook(self, answer: Answer | Decide = NO_CONTENT) -> Hook:
        """A new URL that answers so."""
        name = f"hook-{len(self._hooks) + 1}"
        decide: Decide = answer if callable(answer) else lambda delivery: answer
        hook = Hook(f"http://{self._host}:{self._port}/{name}", decide)
        self._hooks[name] = hook
        return hook

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self._paused and request.transport is not None:
            request.transport.abort()
            return web.Response(status=503)
        hook = self._hooks.get(request.match_info["name"])
        if hook is None:
            return web.Response(status=404)
        header = request.headers.get("X-Retell-Signature")
        signed = signature_is_valid(header, body, self.api_key, now_ms=time.time_ns() // 1_000_000)
        delivery = Delivery(request.path, dict(request.headers), body, time.monotonic(), signed, dict(request.query))
        hook.deliveries.append(delivery)
        answer = hook.decide(delivery)
        try:
            await asyncio.sleep(answer.delay_s)
        except asyncio.CancelledError:
            hook.dropped.set()
            raise
        if answer.hang_up and request.transport is not None:
            request.transport.abort()
        return web.Response(
            status=answer.status, body=answer.body or None, content_type="application/json", headers=answer.headers
        )
