"""A model's answers as they come over the chat completions API, whole, broken, late and refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ari_agent.errors import ConfigurationError
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.model import Backup, ModelFailed, ModelRequest, Piece, Text, TokensUsed, ToolCall
from tests.fakes.chat_model_server import Answer, ChatModelServer, Reply

KEY = "sk-secret"
ASKED = [{"role": "user", "content": "Hello?"}]
TOOL = {"type": "function", "function": {"name": "end_call", "parameters": {"type": "object", "properties": {}}}}


@asynccontextmanager
async def model(*script: Answer, **patience: float) -> AsyncIterator[tuple[ChatModel, ChatModelServer]]:
    async with ChatModelServer(*script, key=KEY) as server:
        made = ChatModel(ModelServer("small", server.url, KEY, **patience))
        try:
            yield made, server
        finally:
            await made.close()


async def whole(made: ChatModel, **request: Any) -> list[Piece]:
    return [piece async for piece in made.answer(ModelRequest(ASKED, **request))]


def text(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


async def test_an_answer_comes_in_pieces_with_its_tools_and_its_cost() -> None:
    reply = Reply(["Good", " bye."], [("end_call", "{}"), ("note", '{"name": "Ada"}')])
    async with model(reply) as (made, server):
        pieces = await whole(made, tools=[TOOL], temperature=0.5, model="large")
        assert pieces == [
            Text("Good"),
            Text(" bye."),
            TokensUsed("large", 7, 3),
            ToolCall("call_1_0", "end_call", "{}"),
            ToolCall("call_1_1", "note", '{"name": "Ada"}'),
        ]
        (asked,) = server.asked
        assert (asked["model"], asked["temperature"], asked["tools"]) == ("large", 0.5, [TOOL])
        assert (asked["messages"], asked["stream"]) == (ASKED, True)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_asked_once_more(status: int) -> None:
    async with model(Reply(status=status), Reply(["Hi."])) as (made, server):
        assert text(await whole(made)) == "Hi."
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=500), "answered 500 for small: no"),
        (Reply(status=429, headers={"Retry-After": "3600"}), "answered 429"),
        (Reply(status=404, body='{"error": {"message": "model small not found"}}'), "404 for small: .*not found"),
        (Reply(raw=b"data: {half"), "answered nothing"),
        (Reply(raw=b"data: {half\n\n"), "is none"),
        (Reply(raw=b"<html>It works!</html>"), "answered nothing"),
        (Reply(raw=b"\xff\xfe\x00 garbage \n\n data: 5\n\n"), "."),
        (Reply(["One"], ends=False), "."),
        (Reply(["One"], between_s=30), "said nothing for too long"),
        (Reply(after_s=30), "said nothing for too long"),
        (Reply(calls=[("end_call", "x" * 100_000)]), "more than 65536"),
        (Reply(calls=[("end_call", "{}")] * 20), "more than 16 tool calls"),
    ],
)
async def test_what_does_not_pass_is_a_failure_with_its_cause_and_without_the_key(reply: Reply, why: str) -> None:
    async with model(reply, first_piece_s=0.3, stall_s=0.3) as (made, _):
        try:
            pieces = await whole(made)
        except ModelFailed as failed:
            assert KEY not in str(failed)
            with pytest.raises(ModelFailed, match=why):
                raise
        else:
            assert reply.raw, "garbage may be no answer at all"
            assert text(pieces) == ""


async def test_a_refused_key_is_told_without_it() -> None:
    async with ChatModelServer(Reply(["Hi."]), key="another") as server:
        made = ChatModel(ModelServer("small", server.url, KEY))
        with pytest.raises(ModelFailed, match="answered 401") as failed:
            await whole(made)
        assert KEY not in str(failed.value)
        await made.close()


async def test_a_server_that_is_not_there_is_named() -> None:
    made = ChatModel(ModelServer("small", "http://127.0.0.1:9/v1", first_piece_s=5))
    with pytest.raises(ModelFailed, match=r"127\.0\.0\.1 is not reached"):
        await whole(made)
    await made.close()


async def test_what_a_server_does_not_know_is_left_out_from_then_on() -> None:
    def picky(body: dict[str, Any]) -> Reply:
        for name in ("stream_options", "temperature", "tools"):
            if name in body:
                return Reply(status=400, body=f'{{"error": {{"message": "unsupported parameter: {name}"}}}}')
        return Reply(["Hi."])

    async with model(picky) as (made, server):
        assert text(await whole(made, tools=[TOOL])) == "Hi."
        assert text(await whole(made, tools=[TOOL])) == "Hi."
        assert [len(body.keys() & {"stream_options", "temperature", "tools"}) for body in server.asked] == [
            3,
            2,
            1,
            0,
            0,
        ]


@pytest.mark.parametrize(
    "refusal",
    [
        "registry.ollama.ai/library/gemma3:4b does not support tools",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    ],
    ids=["Ollama", "vLLM"],
)
async def test_an_agent_whose_server_refuses_tools_speaks_without_them(refusal: str) -> None:
    def refuses(body: dict[str, Any]) -> Reply:
        error = {"error": {"message": refusal, "type": "BadRequestError", "param": None, "code": 400}}
        return Reply(status=400, body=json.dumps(error)) if "tools" in body else Reply(["Hi."])

    async with model(refuses) as (made, server):
        assert text(await whole(made, tools=[TOOL])) == "Hi."
        assert ["tools" in body for body in server.asked] == [True, False]


async def test_a_backup_speaks_where_the_first_model_is_late_or_fails() -> None:
    def by_model(body: dict[str, Any]) -> Reply:
        return Reply(["Late."], after_s=5) if body["model"] == "small" else Reply(["From the backup."])

    async with model(by_model) as (made, server):
        assert text(await whole(made, backup=Backup("other", 50))) == "From the backup."
        assert [body["model"] for body in server.asked] == ["small", "other"]

    def broken(body: dict[str, Any]) -> Reply:
        return Reply(status=400) if body["model"] == "small" else Reply(["From the backup."])

    async with model(broken) as (made, _):
        assert text(await whole(made, backup=Backup("other", 60_000))) == "From the backup."
    async with model(Reply(status=400)) as (made, _):
        with pytest.raises(ModelFailed, match="400 for other"):
            await whole(made, backup=Backup("other", 60_000))
    async with model(Reply(["In time."])) as (made, server):
        assert text(await whole(made, backup=Backup("other", 60_000))) == "In time."
        assert len(server.asked) == 1


async def test_an_answer_without_end_is_cut() -> None:
    async with model(Reply(["x" * 1000] * 100)) as (made, _):
        assert len(text(await whole(made))) == 32 * 1024


async def test_openai_itself_needs_a_key_and_a_url_is_one() -> None:
    with pytest.raises(ConfigurationError, match="ARI_AGENT_LLM_API_KEY: not set"):
        ChatModel(ModelServer("gpt-5"))
    with pytest.raises(ConfigurationError, match="ARI_AGENT_LLM_URL"):
        ChatModel(ModelServer("small", "localhost"))
