"""The demo's server of the chat completions API, asked by the vendor's client as the controller asks a model."""

from __future__ import annotations

import aiohttp
import pytest

from ari_agent.demo.model_server import serve_model
from ari_agent.demo.rule_model import FUNCTIONS, NAME
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.model import ModelRequest, Piece, Text, ToolCall

TOOL = {"type": "function", "function": {"name": "press_digit", "description": "", "parameters": {"type": "object"}}}


async def answer(address: str, heard: str) -> list[Piece]:
    """What comes through the product's own client, which is OpenAI's."""
    model = ChatModel(ModelServer(NAME, f"{address}/v1", ""))
    try:
        request = ModelRequest([{"role": "user", "content": heard}], [TOOL])
        return [piece async for piece in model.answer(request)]
    finally:
        await model.close()


async def test_it_streams_what_is_said_word_by_word_and_the_tool_behind_it() -> None:
    async with serve_model() as address:
        assert await answer(address, "Where is my order?") == [
            Text(f"{word} ") for word in ["Your", "order", "is", "on", "its", "way."]
        ]
        said = await answer(address, "It is four two seven one.")
    assert said == [Text("Thank "), Text("you. "), ToolCall("call_0", "press_digit", '{"digit": "4271"}')]


async def test_it_lists_its_one_model_and_answers_the_custom_tools() -> None:
    async with serve_model() as address, aiohttp.ClientSession(address) as http:
        listed = await (await http.get("/v1/models")).json()
        told = await (await http.post("/functions/opening_hours", json={})).text()
        unknown = await http.post("/functions/nothing", json={})
    assert [model["id"] for model in listed["data"]] == [NAME]
    assert told == FUNCTIONS["opening_hours"]
    assert unknown.status == 404


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"messages": []}', '{"stream": true}', '{"stream": true, "messages": ["yes"]}']
)
async def test_a_request_that_it_cannot_answer_is_refused_with_the_reason(body: str) -> None:
    async with serve_model() as address, aiohttp.ClientSession(address) as http:
        response = await http.post("/v1/chat/completions", data=body)
        assert response.status == 400
        assert (await response.json())["error"]["message"]


async def test_tools_that_are_none_are_passed_over() -> None:
    body = {"stream": True, "messages": [{"role": "user", "content": "Yes."}], "tools": ["confirm", {"function": 1}]}
    async with serve_model() as address, aiohttp.ClientSession(address) as http:
        response = await http.post("/v1/chat/completions", json=body)
        assert "tool_calls" not in await response.text()
