"""A server of the OpenAI chat completions API on loopback, as strict as the real ones; its habits are switches."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

FORMATS = ("json_schema", "json_object", "text")
TRUTH: dict[str, Any] = {
    "call_summary": "The caller asked for an order.",
    "user_sentiment": "Positive",
    "call_successful": True,
}
"""What it finds in a call whose agent asks for nothing of its own."""


@dataclass(slots=True)
class Says:
    """One answer. content: of the message, an object is written as JSON. drop: cut the connection off instead."""

    content: Any = None
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False


class ModelServer:
    """Made by `model_server`. says: the next answers, in order; then it always says what is in `always`.

    about: in place of both, the answers to a request in which these words stand, the last of them again and again.
    formats: the response formats that it takes. models: those it has; None: any, and it does not list them. unknown:
    the status of its answer about others. listing: in place of that list. key: that it wants; None: none.
    """

    def __init__(self) -> None:
        self.url = ""
        self.says: deque[Says] = deque()
        self.always: Says = Says(TRUTH)
        self.about: dict[str, deque[Says]] = {}
        self.formats: tuple[str, ...] = FORMATS
        self.models: tuple[str, ...] | None = None
        self.unknown = 404
        self.listing: bytes | None = None
        self.key: str | None = None
        self.asked: list[dict[str, Any]] = []
        self.most_at_once = self._now = 0
        self._news = asyncio.Event()

    @property
    def prompts(self) -> list[str]:
        """All that each request holds, as one text."""
        return ["\n".join(message["content"] for message in body["messages"]) for body in self.asked]

    async def asked_times(self, count: int, *, timeout_s: float = 30.0) -> None:
        """Until so many requests have come."""
        async with asyncio.timeout(timeout_s):
            while len(self.asked) < count:
                self._news.clear()
                await self._news.wait()

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/models."""
        if refusal := self._refusal(request):
            return refusal
        if self.listing is not None:
            return web.Response(body=self.listing, content_type="application/json")
        if self.models is None:
            return _error(404, "no such page")
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "us"} for name in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await self._complete(request)
        finally:
            self._now -= 1

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal(request):
            return refusal
        body = await request.json()
        self.asked.append(body)
        self._news.set()
        if complaint := self._complaint(body):
            return complaint
        says = self._next(self.prompts[-1])
        await asyncio.sleep(says.delay_s)
        if says.drop:
            assert request.transport
            request.transport.abort()
        if says.body is not None or says.status != 200:
            return web.Response(
                status=says.status,
                body=says.body or b'{"error": {"message": "not now"}}',
                headers=says.headers,
                content_type="application/json",
            )
        content = says.content if isinstance(says.content, str) else json.dumps(says.content)
        message = {"role": "assistant", "content": content, "refusal": None}
        return web.json_response(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_790_000_000,
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            return _error(401, f"Incorrect API key provided: {given}")
        return None

    def _next(self, prompt: str) -> Says:
        for words, answers in self.about.items():
            if words in prompt:
                return answers.popleft() if len(answers) > 1 else answers[0]
        return self.says.popleft() if self.says else self.always

    def _complaint(self, body: dict[str, Any]) -> web.Response | None:
        if self.models is not None and body["model"] not in self.models:
            return _error(self.unknown, f"The model `{body['model']}` does not exist")
        if body.get("stream"):
            return _error(400, "Streaming is not supported")
        wanted = body.get("response_format", {"type": "text"})
        if wanted["type"] not in self.formats:
            return _error(400, f"response_format: {wanted['type']} is not supported")
        if wanted["type"] == "json_schema" and (wrong := _not_strict(wanted["json_schema"]["schema"])):
            return _error(400, f"Invalid schema for response_format: {wrong}")
        return None


def _not_strict(schema: dict[str, Any]) -> str | None:
    """What OpenAI's strict mode refuses in a schema."""
    if (
        unknown := schema.keys()
        - {"type", "properties", "required", "additionalProperties", "description"}
        - {
            "enum",
            "anyOf",
        }
    ):
        return f"{unknown} is not permitted"
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be supplied and to be false"
        if sorted(schema["required"]) != sorted(schema["properties"]):
            return "'required' is required to include every key in properties"
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    return next((wrong for each in inner if (wrong := _not_strict(each))), None)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "invalid_request_error"}}, status=status)


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """A server on a free port."""
    server = ModelServer()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", server.complete)
    app.router.add_get("/v1/models", server.list_models)
    runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        await runner.cleanup()
