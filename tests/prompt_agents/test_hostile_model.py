"""A hostile or broken model strands nobody, fills no memory, and does nothing that its prompt does not let it do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ari_agent.agents.llm import LlmResponse, LlmToolInvocation, LlmToolResult, TransferTo
from ari_agent.agents.llm_connection import LlmDisconnected
from ari_agent.prompt_agents import bounded_http
from ari_agent.prompt_agents.chat_model import MAX_CHARACTERS, ChatModel, ModelServer
from ari_agent.prompt_agents.model import ModelFailed, ModelRequest, Text, Thoughts, TokensUsed
from tests.fakes.chat_model_server import Answer, ChatModelServer, Reply, event
from tests.fakes.llm_server import until
from tests.prompt_agents.talk import USER, Shop, custom, shop, talk

__all__ = ["shop"]

ASKED = ModelRequest(USER, tools=[{"type": "function", "function": {"name": "end_call"}}])


def piece(**delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


@asynccontextmanager
async def model(*script: Answer, **patience: float) -> AsyncIterator[tuple[ChatModel, ChatModelServer]]:
    async with ChatModelServer(*script) as server:
        made = ChatModel(ModelServer("small", server.url, "", **patience))
        try:
            yield made, server
        finally:
            await made.close()


async def said(made: ChatModel, request: ModelRequest = ASKED) -> str:
    return "".join([piece.text async for piece in made.answer(request) if isinstance(piece, Text)])


@pytest.mark.parametrize(
    "flood",
    [
        piece(content=""),
        piece(reasoning_content="I think that I should think."),
        piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "n", "arguments": " "}}]),
        event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
    ],
)
async def test_who_thinks_for_ever_is_not_waited_for(flood: bytes) -> None:
    async with model(Reply(raw=flood, repeats=True, between_s=0.02), silent_s=0.3) as (made, server):
        with pytest.raises(ModelFailed, match="thinks for too long"):
            await said(made)
        assert len(server.asked) == 1


async def test_words_without_end_end() -> None:
    async with model(Reply(raw=piece(content="x" * 1000), repeats=True)) as (made, _):
        assert len(await said(made)) == MAX_CHARACTERS


@pytest.mark.parametrize("flood", [b"x" * 65536, b"data: x\n" * 8192, b"data: {\r" * 8192])
async def test_an_event_without_end_is_given_up(flood: bytes) -> None:
    async with model(Reply(raw=flood, repeats=True)) as (made, _):
        with pytest.raises(ModelFailed, match="it is too long"):
            await said(made)


async def test_an_answer_of_events_that_say_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "MAX_ANSWER_BYTES", 100_000)
    async with model(Reply(raw=b": still there\n\n" * 1000, repeats=True)) as (made, _):
        with pytest.raises(ModelFailed, match="it is too long"):
            await said(made)


async def test_a_packed_answer_is_not_unpacked() -> None:
    async with model(Reply(raw=b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})) as (made, _):
        with pytest.raises(ModelFailed, match="it is packed by"):
            await said(made)


async def test_a_redirect_is_not_followed() -> None:
    async with ChatModelServer(Reply(["No."])) as other:
        reply = Reply(status=307, headers={"Location": f"{other.url}/chat/completions"})
        async with model(reply) as (made, _):
            with pytest.raises(ModelFailed, match="answered 307"):
                await said(made)
        assert not other.asked, "the conversation is nobody else's"


@pytest.mark.parametrize(
    "message",
    [
        "messages with role 'tool' must follow a message with 'tool_calls'",
        "the content mentions the temperature of the room",
        "Invalid 'tools[0].function.name': string too long",
    ],
)
async def test_a_refusal_that_only_mentions_a_setting_disables_nothing(message: str) -> None:
    refusal = Reply(status=400, body=json.dumps({"error": {"message": message}}))
    async with model(refusal, Reply(["Hi."])) as (made, server):
        with pytest.raises(ModelFailed, match="answered 400"):
            await said(made)
        assert await said(made) == "Hi."
        assert {"tools", "temperature"} <= server.asked[1].keys()


async def test_what_one_model_does_not_know_is_still_asked_of_another() -> None:
    def picky(body: dict[str, Any]) -> Reply:
        if body["model"] == "small" and "tools" in body:
            return Reply(status=400, body='{"error": {"message": "small does not support tools"}}')
        return Reply(["Hi."])

    async with model(picky) as (made, server):
        assert await said(made) == "Hi."
        assert await said(made, ModelRequest(USER, tools=ASKED.tools, model="large")) == "Hi."
        assert ["tools" in body for body in server.asked] == [True, False, True]


async def test_the_words_of_who_refuses_a_key_are_not_shown() -> None:
    body = '{"error": {"message": "Incorrect API key provided: sk-abcd***wxyz"}}'
    async with model(Reply(status=401, body=body)) as (made, _):
        with pytest.raises(ModelFailed) as failed:
            await said(made)
        assert "sk-abcd" not in str(failed.value)


async def test_tokens_that_are_told_with_every_piece_are_counted_once() -> None:
    usages = [
        event({"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": {"prompt_tokens": 9, **more}})
        for more in ({"completion_tokens": 1}, {"completion_tokens": 2})
    ]
    async with model(Reply(raw=b"".join(usages) + b"data: [DONE]\n\n")) as (made, _):
        pieces = [piece async for piece in made.answer(ASKED)]
        assert pieces == [Text("a"), Text("a"), TokensUsed("small", 9, 2)]


async def test_half_a_character_is_no_end_of_the_call() -> None:
    broken = piece(content="a\ud800b") + b"data: [DONE]\n\n"
    async with talk(Reply(raw=broken), begin_message="") as one:
        await one.agent.open()
        await one.asks()
        assert one.said(1) == "a?b"


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["<think>hm", "m</th", "ink>\n\nHi", " there"], "Hi there"),
        ([" <", "think>a</think>Hi"], "Hi"),
        (["<b>", "Hi"], "<b>Hi"),
        (["<"], "<"),
        (["Hi <think>"], "Hi <think>"),
        (["<think>for ever"], ""),
    ],
)
def test_thoughts_are_not_said(pieces: list[str], said: str) -> None:
    thoughts = Thoughts()
    assert "".join([*map(thoughts.left_out_of, pieces), thoughts.rest()]) == said


NOTE = {
    "type": "extract_dynamic_variable",
    "name": "note",
    "description": "note it",
    "variables": [{"type": "string", "name": "city", "description": "where"}],
}


async def test_tool_calls_of_the_same_id_are_told_apart() -> None:
    same = event({"choices": [{"index": 0, "delta": {"tool_calls": [CALLS_NOTE]}}]}) + b"data: [DONE]\n\n"
    async with talk(Reply(raw=same), Reply(raw=same), Reply(["Done."]), begin_message="", general_tools=[NOTE]) as one:
        await one.agent.open()
        await one.asks()
        ids = [call.tool_call_id for call in one.of(LlmToolInvocation)]
        assert len(set(ids)) == 2
        assert [m["tool_call_id"] for m in one.server.asked[-1]["messages"] if m["role"] == "tool"] == ids


CALLS_NOTE = {"index": 0, "id": "", "function": {"name": "note", "arguments": "{}"}}


@pytest.mark.parametrize("part", [{"id": "x" * 1000}, {"id": "c", "function": {"name": "n" * 1000}}])
async def test_a_name_without_end_is_a_failure(part: dict[str, Any]) -> None:
    async with model(Reply(raw=piece(tool_calls=[{"index": 0, **part}]))) as (made, _):
        with pytest.raises(ModelFailed, match="name or id of more than 100"):
            await said(made)


async def test_an_edge_sets_no_other_variable_than_its_own() -> None:
    states = [
        {"name": "a", "edges": [{"description": "go", "destination_state_name": "b", "parameters": ABOUT}]},
        {"name": "b", "state_prompt": "{{name}}", "tools": [TO_SALES]},
    ]
    given = json.dumps({"name": "Ada", "sales": "+19005550199"})
    async with talk(
        Reply(calls=[("transition_to_b", given)]),
        Reply(calls=[("to_sales", "{}")]),
        begin_message="",
        states=states,
        starting_state="a",
        variables={"sales": "+14155550100"},
    ) as one:
        await one.agent.open()
        action = (await one.asks()).action
        assert isinstance(action, TransferTo)
        assert action.number == "+14155550100"
        assert one.prompt().startswith("Ada")


ABOUT = {"type": "object", "properties": {"name": {"type": "string"}}}
TO_SALES = {
    "type": "transfer_call",
    "name": "to_sales",
    "transfer_destination": {"type": "predefined", "number": "{{sales}}"},
}


async def test_states_that_lead_to_one_another_for_ever_end() -> None:
    states = [
        {"name": name, "edges": [{"description": "go", "destination_state_name": other}]}
        for name, other in (("a", "b"), ("b", "a"))
    ]

    def to_and_fro(body: dict[str, Any]) -> Reply:
        return Reply(calls=[(body["tools"][0]["function"]["name"], "{}")])

    async with talk(to_and_fro, begin_message="", states=states, starting_state="a") as one:
        await one.agent.open()
        await one.asks()
        assert len(one.server.asked) == 8


async def test_what_was_done_is_told_once_to_a_model_that_is_asked_again_meanwhile(shop: tuple[Shop, str]) -> None:
    """A tool has run, another runs, the user speaks: what the transcript tells already is not told twice."""
    server, url = shop
    calls = Reply(calls=[("note", "{}"), ("stock", "{}"), ("stock", '{"item": "late"}')])
    async with talk(calls, Reply(["Three."]), begin_message="", general_tools=[NOTE, custom(url)]) as one:
        await one.agent.open()
        server.holds.clear()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(server.asked))
        noted, used = one.of(LlmToolInvocation)[0], one.of(LlmToolResult)[0]
        items: list[dict[str, Any]] = list(USER)
        items += [
            {"role": "tool_call_invocation", **noted.model_dump()},
            {"role": "tool_call_result", **used.model_dump()},
        ]
        one.agent.ask(2, USER, [*items, {"role": "user", "content": "Stop!"}])
        server.holds.set()
        await one.end(2)
        told = [message["tool_call_id"] for message in one.server.asked[-1]["messages"] if message["role"] == "tool"]
        assert told == ["call_1_0", "call_1_1"]
        assert len(server.asked) == 1, "what was not begun is not begun any more"


async def test_close_ends_an_answer_and_nothing_follows(shop: tuple[Shop, str]) -> None:
    server, url = shop
    server.holds.clear()
    async with talk(Reply(calls=[("stock", "{}")]), begin_message="", general_tools=[custom(url)]) as one:
        await one.agent.open()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(server.asked))
        one.agent.ask(2, USER, USER)
        await one.agent.close()
        await one.agent.close()
        one.agent.ask(3, USER, USER)
        before = len(one.events)
        server.holds.set()
        await asyncio.sleep(0.1)
        assert len(one.events) == before
        assert not [task for task in asyncio.all_tasks() if "answer" in task.get_name()]
        assert not one.of(LlmDisconnected)
        assert [e.response_id for e in one.of(LlmResponse)] == [0]
