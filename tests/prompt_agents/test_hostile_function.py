"""Custom tools: neither a caller, nor a model, nor the customer's server itself makes more of them than was set up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from ari_agent.agents.llm import LlmToolResult
from ari_agent.routing.variables import Variables
from tests.fakes.chat_model_server import Reply
from tests.prompt_agents.talk import Shop, custom, shop, talk

__all__ = ["shop"]

TEXT = {"type": "string"}


class CallersOwn(Variables):
    """Variables all of which the caller chose."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def is_callers(self, name: str) -> bool:
        return True


async def result(tool: dict[str, Any], arguments: str = "{}", **more: Any) -> LlmToolResult:
    """What a tool comes to that the model calls so."""
    note = {
        "type": "extract_dynamic_variable",
        "name": "note",
        "description": "",
        "variables": [{"type": "string", "name": "said", "description": ""}],
    }
    calls = [("note", json.dumps({"said": "127.0.0.1"})), ("stock", arguments)]
    async with talk(Reply(calls=calls), Reply(["Done."]), begin_message="", general_tools=[note, tool], **more) as one:
        await one.agent.open()
        await one.asks()
        found: LlmToolResult = one.of(LlmToolResult)[-1]
        return found


@pytest.mark.parametrize("name", ["header", "said"])
async def test_nobody_chooses_the_host_by_calling_or_by_what_they_say(shop: tuple[Shop, str], name: str) -> None:
    server, url = shop
    tool = custom(url) | {"url": url.replace("127.0.0.1", f"{{{{{name}}}}}") + "/stock"}
    told = await result(tool, variables=CallersOwn({"header": "127.0.0.1"}))
    assert not told.successful
    assert not server.asked


async def test_a_variable_adds_no_header_and_no_line(shop: tuple[Shop, str]) -> None:
    server, url = shop
    tool = custom(url, headers={"X-Shop": "{{shop}}", "content-type": "text/plain"})
    assert not (await result(tool, variables={"shop": "a\r\nX-Admin: yes"})).successful
    assert not server.asked
    assert (await result(tool, variables={"shop": "a"})).successful
    assert server.asked[0][0].headers.getall("Content-Type") == ["text/plain"]


async def test_a_model_changes_no_parameter_of_the_administrator(shop: tuple[Shop, str]) -> None:
    server, url = shop
    tool = custom(url, method="GET", query_params={"tenant": "1"}) | {"url": f"{url}/stock?role=guest"}
    await result(tool, json.dumps({"tenant": "2", "role": "admin", "item": "cup", "more": [1]}))
    assert dict(server.asked[0][0].query) == {"tenant": "1", "role": "guest", "item": "cup", "more": "[1]"}


@pytest.mark.parametrize("arguments", ['{"item": NaN}', '{"item": "\\ud800"}'])
async def test_arguments_that_are_no_json_for_others_are_none(shop: tuple[Shop, str], arguments: str) -> None:
    server, url = shop
    told = await result(custom(url), arguments)
    assert told.content == "Error: the arguments are no JSON object"
    assert not server.asked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b'{"left": "\\ud800"}',
        b"[" * 100_000,
        b'{"left": ' * 150 + b"1" + b"}" * 150,
        b'{"left": NaN}',
        b'{"left": %s}' % (b"9" * 5000),
        json.dumps({"left": "x" * 500_000}).encode(),
        b"x" * 3_000_000,
    ],
)
async def test_whatever_a_server_answers_the_conversation_goes_on(shop: tuple[Shop, str], body: bytes) -> None:
    server, url = shop
    server.answers = [lambda: web.Response(body=body)]
    tool = custom(url, response_variables={"left": "left", "place": f"list[{'9' * 5000}]", "no": "..."})
    async with talk(
        Reply(calls=[("stock", "{}")]),
        Reply(["Done."]),
        begin_message="",
        general_prompt="{{left}}",
        general_tools=[tool],
    ) as one:
        await one.agent.open()
        await one.asks()
        assert one.said(1) == "Done."
        assert len(one.of(LlmToolResult)[0].content) <= 15_000
        assert len(one.prompt()) < 5000


async def test_a_packed_answer_and_a_redirect_are_not_followed(shop: tuple[Shop, str]) -> None:
    server, url = shop
    server.answers = [lambda: web.Response(status=302, headers={"Location": f"{url}/elsewhere"})]
    assert (await result(custom(url))).content.startswith("Error: the server answered 302")
    server.answers = [lambda: web.Response(body=b"\x1f\x8b\x08bomb", headers={"Content-Encoding": "gzip"})]
    assert (await result(custom(url))).content.startswith("\x1f")
    assert {request.path for request, _ in server.asked} == {"/stock/{{shop}}"}
