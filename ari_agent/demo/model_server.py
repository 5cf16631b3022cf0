"""A server of the chat completions API for the demo, which answers by rules where no language model is at hand.

`POST /v1/chat/completions` streams as OpenAI's does (API reference, "Create chat completion" with `stream`, 2026-11),
`GET /v1/models` lists the one model, and `POST /functions/{name}` is the server of the custom tools that the demo's
prompt has, whichever model calls them. The answers are those of rule_model.py: it is no model, and says so by its name.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from ari_agent.demo.rule_model import FUNCTIONS, NAME, Completion, as_json, complete

_MAX_BYTES: Final = 2 * 2**20


@asynccontextmanager
async def serve_model(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve for as long as the context is open; yields the server's address, such as `http://127.0.0.1:4711`.

    port: 0 for one that the system chooses.
    """
    application = web.Application(client_max_size=_MAX_BYTES)
    application.add_routes(
        [
            web.post("/v1/chat/completions", _complete),
            web.get("/v1/models", _list_models),
            web.post("/functions/{name}", _call_function),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _complete(request: web.Request) -> web.StreamResponse:
    try:
        body = await request.json()
    except ValueError:
        return _refused("the body is no JSON")
    match body:
        case {"stream": True, "messages": [*messages]} if all(isinstance(one, dict) for one in messages):
            tools = [tool for tool in body.get("tools") or () if isinstance(tool, dict)]
        case _:
            return _refused("expected an object with stream: true, and messages that are objects")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for delta in _deltas(complete(messages, tools)):
        await response.write(_event({"index": 0, **delta}))
    await response.write(b"data: [DONE]\n\n")
    return response


def _deltas(completion: Completion) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of an answer, a word each, and then the tool that it calls."""
    for word in completion.text.split():
        yield {"delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}
    if completion.tool:
        function = {"name": completion.tool, "arguments": as_json(completion)}
        call = {"index": 0, "id": "call_0", "type": "function", "function": function}
        yield {"delta": {"role": "assistant", "tool_calls": [call]}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": "tool_calls" if completion.tool else "stop"}


def _event(choice: Mapping[str, Any]) -> bytes:
    chunk = {"id": "rules", "object": "chat.completion.chunk", "created": 0, "model": NAME, "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


async def _list_models(_: web.Request) -> web.Response:
    model = {"id": NAME, "object": "model", "created": 0, "owned_by": "ari_agent.demo"}
    return web.json_response({"object": "list", "data": [model]})


async def _call_function(request: web.Request) -> web.Response:
    answer = FUNCTIONS.get(request.match_info["name"])
    return web.Response(text=answer) if answer else web.Response(status=404, text="no such function")


def _refused(why: str) -> web.Response:
    return web.json_response({"error": {"message": why, "type": "invalid_request_error"}}, status=400)
