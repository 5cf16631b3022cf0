"""A model behind the streamed chat completions API, which answers as its script says (OpenAI, 2026-11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    words: streamed one by one. calls: tools to call: name and arguments, which come in two parts. status: of an error,
    with the body. after_s: before anything. raw: sent as it is instead of the stream; again and again until the client
    goes away, where it `repeats`. ends: False breaks off.
    """

    words: Sequence[str] = ()
    calls: Sequence[tuple[str, str]] = ()
    status: int = 200
    body: str = '{"error": {"message": "no"}}'
    headers: Mapping[str, str] | None = None
    after_s: float = 0.0
    between_s: float = 0.0
    raw: bytes | None = None
    repeats: bool = False
    ends: bool = True


Answer = Reply | Callable[[dict[str, Any]], Reply]


class ChatModelServer:
    """url: up to /v1. script: answers in order, the last one again and again. asked: the bodies of all requests."""

    def __init__(self, *script: Answer, key: str | None = None) -> None:
        self.script, self.asked, self.key = list(script), list[dict[str, Any]](), key
        self._app = web.Application()
        self._app.router.add_post("/v1/chat/completions", self._complete)
        self._app.router.add_get("/v1/models", self._list)
        self.models: list[str] | None = ["small", "large:latest"]
        self._runner = web.AppRunner(self._app, shutdown_timeout=0.1)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
        if self.models is None:
            return web.Response(status=404)
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "us"} for name in self.models]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
        answer = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append(body)
        reply = answer(body) if callable(answer) else answer
        await asyncio.sleep(reply.after_s)
        if reply.status != 200:
            return web.Response(text=reply.body, status=reply.status, headers=reply.headers)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **(reply.headers or {})})
        await response.prepare(request)
        if reply.raw is not None:
            await response.write(reply.raw)
            while reply.repeats and request.transport:
                await response.write(reply.raw)
                await asyncio.sleep(reply.between_s)
            return response
        for word in reply.words:
            await self._send(response, {"content": word})
            await asyncio.sleep(reply.between_s)
        for index, (name, arguments) in enumerate(reply.calls):
            half = len(arguments) // 2
            first = {"name": name, "arguments": arguments[:half]}
            call = {"index": index, "id": f"call_{len(self.asked)}_{index}", "type": "function", "function": first}
            await self._send(response, {"tool_calls": [call]})
            await self._send(response, {"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
        if not reply.ends:
            assert request.transport
            request.transport.abort()
            return response
        await self._send(response, {}, finish_reason="tool_calls" if reply.calls else "stop")
        if body.get("stream_options"):
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            await response.write(event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _send(self, response: web.StreamResponse, delta: Any, finish_reason: str | None = None) -> None:
        await response.write(event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}))


def event(chunk: Mapping[str, Any]) -> bytes:
    """A piece of an answer as it is streamed."""
    told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small", **chunk}
    return b"data: " + json.dumps(told).encode() + b"\n\n"
