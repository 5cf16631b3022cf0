"""Calls the customer's server for a custom tool of a prompt, by HTTP, signed as webhooks are.

Source: Retell, "Custom function" (2026-11). The body is {"name", "call", "args"}, or the arguments alone with
`args_at_root`; GET and DELETE have them in the query. The model is given at most MAX_RESULT_CHARACTERS of the answer.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ari_agent.contract.llm_tools import CustomTool
from ari_agent.contract.parsing.json_text import MalformedJson, compact_json, parse_json
from ari_agent.prompt_agents.tool_specs import as_variables
from ari_agent.routing.variables import render, render_url
from ari_agent.webhooks import signature

MAX_RESULT_CHARACTERS: Final = 15_000
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_WITHOUT_BODY: Final = frozenset({"GET", "DELETE"})
_FIRST_PAUSE_S: Final = 0.5
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_STEP: Final = re.compile(r"[^.\[\]]+")


@dataclass(frozen=True, slots=True)
class FunctionResult:
    """What a tool has come to: for the model, and for the transcript. variables: found in the answer."""

    content: str
    successful: bool
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CustomFunctions:
    """Calls custom tools. api_key: signs the bodies. now_ms: milliseconds since 1970, for the signature."""

    http: aiohttp.ClientSession
    api_key: str
    now_ms: Callable[[], int]
    _behind: set[asyncio.Task[None]] = field(default_factory=set)

    def run_behind(self, running: Coroutine[Any, Any, None]) -> None:
        """Have a call of a tool go on that nobody waits for; it has the time-outs of its tool."""
        task = asyncio.create_task(running, name="a tool that nobody waits for")
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def close(self) -> None:
        """Cancel the calls that nobody waits for. Idempotent."""
        for task in (running := list(self._behind)):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def call(
        self, tool: CustomTool, arguments: Mapping[str, Any], call: Mapping[str, object], variables: Mapping[str, str]
    ) -> FunctionResult:
        """Call a tool, again as often as it wants; never raises. call: the call object. variables: for its texts."""
        why = ""
        for attempt in range(tool.max_retry + 1):
            if attempt:
                await asyncio.sleep(_FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                async with asyncio.timeout(tool.timeout_ms / 1000):
                    status, body = await self._ask(tool, arguments, call, variables)
            except TimeoutError:
                why = f"no answer within {tool.timeout_ms} ms"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = f"the server was not reached: {type(error).__name__}"
            else:
                content = body.decode(errors="replace")[:MAX_RESULT_CHARACTERS]
                if 200 <= status < 300:
                    return FunctionResult(content, True, _found(body, tool.response_variables or {}))
                why = f"the server answered {status}: {content[:1000]}"
        return FunctionResult(f"Error: {why}", False, {})

    async def _ask(
        self, tool: CustomTool, arguments: Mapping[str, Any], call: Mapping[str, object], variables: Mapping[str, str]
    ) -> tuple[int, bytes]:
        url = URL(render_url(tool.url, variables))
        if url.scheme not in {"http", "https"} or not url.host or "{{" in url.host:
            raise ValueError("no http or https URL")
        fixed = {name: render(value, variables) for name, value in (tool.query_params or {}).items()}
        headers = CIMultiDict((name, render(value, variables)) for name, value in (tool.headers or {}).items())
        body = b""
        if tool.method in _WITHOUT_BODY:
            taken = {*fixed, *url.query}  # what the administrator has set is not the model's to set
            chosen = {name: _written(value) for name, value in arguments.items() if name not in taken}
            url = url.update_query(chosen)
        else:
            body = compact_json(
                arguments if tool.args_at_root else {"name": tool.name, "call": call, "args": arguments}
            )
            headers.setdefault("Content-Type", "application/json")
        url = url.update_query(fixed)
        headers[signature.HEADER] = signature.sign(body, self.api_key, self.now_ms())
        async with self.http.request(
            tool.method,
            url,
            data=body or None,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as response:
            answer = bytearray()
            async for piece in response.content.iter_any():
                answer += piece
                if len(answer) > _MAX_ANSWER_BYTES:
                    break
            return response.status, bytes(answer[:_MAX_ANSWER_BYTES])


def _found(body: bytes, paths: Mapping[str, str]) -> dict[str, str]:
    """Return the variables whose JSON paths (`data.people[0].name`) lead to a value of the answer."""
    if not paths:
        return {}
    try:
        answer = parse_json(body)
    except MalformedJson:
        return {}
    found = {name: _at(answer, path) for name, path in paths.items()}
    return as_variables({name: value for name, value in found.items() if value is not None}, paths)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _at(value: Any, path: str) -> Any:
    for step in _STEP.findall(path.removeprefix("$")):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
