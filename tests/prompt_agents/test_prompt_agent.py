"""Agents that answer by a prompt: what they say, which tools they use, and that a model cannot strand a caller."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ari_agent.agents.llm import (
    EndCall,
    LlmAgentConfig,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    PressDigits,
    TransferTo,
)
from ari_agent.agents.llm_connection import LlmDisconnected
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.errors import AgentUnreachable, StoreError
from ari_agent.prompt_agents.chat_messages import BEGINNING, REMINDER, RESUMED
from ari_agent.prompt_agents.model import ModelFailed, TokensUsed
from ari_agent.prompt_agents.model_answers import MAX_REQUESTS
from ari_agent.webhooks import signature
from tests.fakes.chat_model_server import Reply
from tests.fakes.llm_server import until
from tests.prompt_agents.talk import ENGINE, NOW_MS, USER, Shop, custom, shop, talk

__all__ = ["shop"]


async def test_the_begin_message_is_said_and_a_question_is_answered_as_it_comes() -> None:
    begin: dict[str, Any] = {"begin_message": "Hi {{name}}.", "general_prompt": "You serve {{name}} at {{place}}."}
    async with talk(
        Reply(["Good", " day."]), variables={"name": "Ada"}, default_dynamic_variables={"place": "home"}, **begin
    ) as one:
        await one.agent.open()
        assert one.events == [LlmResponse(response_id=0, content="Hi Ada.", content_complete=True)]
        end = await one.asks()
        assert (one.said(1), end.content, end.action) == ("Good day.", "", None)
        assert [event.content for event in one.of(LlmResponse)] == ["Hi Ada.", "Good", " day.", ""]
        (asked,) = one.server.asked
        assert one.prompt().startswith("You serve Ada at home.\n\nYour words are spoken on the phone.")
        assert asked["messages"][1:] == USER
        assert asked["model"] == "small"
        assert one.used == [TokensUsed("small", 7, 3)]


async def test_the_model_may_begin_and_so_may_the_user() -> None:
    async with talk(Reply(["Welcome."]), begin_message=None) as one:
        await one.agent.open()
        await one.end(0)
        assert one.said(0) == "Welcome."
        assert one.server.asked[0]["messages"][1:] == [{"role": "user", "content": BEGINNING}]
    async with talk(Reply(["Hi."]), start_speaker="user", begin_message="never said") as one:
        await one.agent.open()
        assert one.events == [LlmResponse(response_id=0, content="", content_complete=True)]
        assert await one.asks(reminds=True)
        assert one.server.asked[0]["messages"][-1] == {"role": "user", "content": REMINDER}


async def test_a_user_who_is_to_begin_and_does_not_is_spoken_to_sooner() -> None:
    async with talk(Reply(["Hi."]), begin_message="", begin_after_user_silence_ms=2500) as one:
        await one.agent.open()
        assert one.events[0] == LlmAgentConfig(reminder_trigger_ms=2500, reminder_max_count=1)
        await one.asks(reminds=True)
        assert one.of(LlmAgentConfig)[-1] == LlmAgentConfig(reminder_trigger_ms=10_000, reminder_max_count=1)


async def test_chats_are_not_told_that_they_are_spoken() -> None:
    async with talk(Reply(["Hi."]), is_spoken=False, general_prompt="Be kind.") as one:
        await one.agent.open()
        await one.end(0)
        assert one.prompt() == "Be kind."


async def test_a_call_changes_the_prompt_for_itself() -> None:
    changes = {"begin_message": "Just for you.", "model": "large", "model_temperature": 0.7}
    async with talk(Reply(["Hi."]), engine=ENGINE.model_copy(update={"override": changes})) as one:
        await one.agent.open()
        await one.asks()
        assert one.said(0) == "Just for you."
        assert (one.server.asked[0]["model"], one.server.asked[0]["temperature"]) == ("large", 0.7)
    wrong = {"model_temperature": 7}
    async with talk(Reply(["Hi."]), engine=ENGINE.model_copy(update={"override": wrong})) as one:
        with pytest.raises(AgentUnreachable, match="model_temperature: must be less"):
            await one.agent.open()


async def test_a_prompt_that_is_not_there_is_unreachable() -> None:
    async with talk(Reply(), engine=RetellLlmEngine(type="retell-llm", llm_id="llm_2")) as one:
        with pytest.raises(AgentUnreachable, match="retell-llm llm_2 is not reachable: there is no such prompt"):
            await one.agent.open()


async def test_a_database_that_is_gone_ends_the_call_with_its_reason() -> None:
    async def find(llm_id: str, version: int | None) -> RetellLlm | None:
        raise StoreError("the database is gone")

    async with talk(Reply()) as one:
        agent = replace(one.shared, find=find).agent(ENGINE, one.about, one.events.append)
        with pytest.raises(AgentUnreachable, match="the database is gone"):
            await agent.open()


END_CALL = {"type": "end_call", "name": "hang_up"}
REFER = {
    "type": "transfer_call",
    "name": "to_sales",
    "transfer_destination": {"type": "predefined", "number": "{{sales}}"},
    "transfer_option": {"type": "warm_transfer", "show_transferee_as_caller": True},
}
INFERRED = {
    "type": "transfer_call",
    "name": "to_person",
    "transfer_destination": {"type": "inferred", "prompt": "the number of whom the user wants"},
    "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
}
PRESS = {"type": "press_digit", "name": "press", "delay_ms": 0}


async def test_the_tools_that_end_an_answer_come_with_its_end() -> None:
    tools = [END_CALL, REFER, INFERRED, PRESS]
    async with talk(
        Reply(["Bye."], [("hang_up", "{}")]),
        Reply(calls=[("to_sales", "{}")]),
        Reply(calls=[("to_person", '{"number": "+14155550123"}')]),
        Reply(calls=[("press", '{"digit": "12"}')]),
        general_tools=tools,
        variables={"sales": "+14155550100"},
    ) as one:
        await one.agent.open()
        await one.end(0)
        one.server.asked.clear()
        assert (await one.asks(1)).action == EndCall()
        assert one.said(1) == "Bye."
        warm = (await one.asks(2)).action
        assert isinstance(warm, TransferTo)
        assert warm.request
        assert (warm.request.mode, warm.request.to) == ("warm", "+14155550100")
        cold = (await one.asks(3)).action
        assert isinstance(cold, TransferTo)
        assert cold.request
        assert (cold.request.mode, cold.request.to) == ("sip_refer", "+14155550123")
        assert (await one.asks(4)).action == PressDigits("12")
        assert not one.of(LlmToolInvocation), "the conversation notes these itself"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (("to_person", '{"number": "x;rm -rf"}'), "not allowed in a destination"),
        (("to_person", "{}"), "destination"),
        (("to_person", "[1, 2"), "no JSON object"),
        (("press", "{}"), "digits: must match"),
        (("press", json.dumps({"digit": "1" * 60_000})), "digits: must match"),
        (("no_such_tool", "{}"), "there is no tool 'no_such_tool' now"),
    ],
)
async def test_a_tool_that_is_called_wrongly_is_told_to_the_model(call: tuple[str, str], why: str) -> None:
    async with talk(Reply(calls=[call]), Reply(["Sorry."]), begin_message="", general_tools=[INFERRED, PRESS]) as one:
        await one.agent.open()
        assert (await one.asks()).action is None
        assert one.said(1) == "Sorry."
        told = one.server.asked[1]["messages"][-1]
        assert told["role"] == "tool"
        assert told["content"].startswith("Error: ")
        assert why in told["content"]
        assert one.of(LlmToolResult)[0].successful is False


async def test_states_have_their_own_prompts_and_tools_and_edges_keep_what_was_found() -> None:
    about = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "number"}}}
    states = [
        {
            "name": "greet",
            "state_prompt": "Ask for the name.",
            "edges": [{"description": "known", "destination_state_name": "help", "parameters": about}],
        },
        {"name": "help", "state_prompt": "Help {{name}}, {{age}}; was {{previous_agent_state}}.", "tools": [END_CALL]},
    ]
    async with talk(
        Reply(calls=[("transition_to_help", '{"name": "Ada", "age": 36}')]),
        Reply(["Hello Ada."]),
        begin_message="",
        general_prompt="Be kind.",
        states=states,
        starting_state="greet",
    ) as one:
        await one.agent.open()
        await one.asks()
        first, second = one.server.asked
        assert [tool["function"]["name"] for tool in first["tools"]] == ["transition_to_help"]
        assert one.prompt(0).startswith("Be kind.\n\nAsk for the name.")
        assert one.prompt(1).startswith("Be kind.\n\nHelp Ada, 36; was greet.")
        assert [tool["function"]["name"] for tool in second["tools"]] == ["hang_up"]
        assert second["messages"][-1]["content"] == "now in state help"


async def test_variables_are_extracted() -> None:
    variables = [
        {"type": "string", "name": "city", "description": "where"},
        {"type": "enum", "name": "mood", "description": "how", "choices": ["good", "bad"]},
    ]
    tool = {"type": "extract_dynamic_variable", "name": "note", "description": "note it", "variables": variables}
    async with talk(
        Reply(calls=[("note", '{"city": "Rome", "mood": "good", "user_number": "+1"}')]),
        Reply(["Noted."]),
        begin_message="",
        general_prompt="{{city}} {{mood}} {{user_number}}",
        general_tools=[tool],
    ) as one:
        await one.agent.open()
        await one.asks()
        assert one.prompt(1).startswith("Rome good {{user_number}}"), "what is not asked for is not kept"


async def test_a_custom_function_is_asked_signed_and_its_answer_is_the_models(shop: tuple[Shop, str]) -> None:
    server, url = shop
    tool = custom(
        url,
        headers={"X-Shop": "{{shop}}"},
        query_params={"q": "1"},
        response_variables={"left": "stock[0].left", "no": "x.y"},
        speak_during_execution=True,
        execution_message_type="static_text",
        execution_message_description="One moment, {{shop}}.",
    )
    async with talk(
        Reply(calls=[("stock", '{"item": "cup"}')]),
        Reply(["Three."]),
        begin_message="",
        general_prompt="left: {{left}}",
        general_tools=[tool],
        variables={"shop": "rome/../x"},
    ) as one:
        await one.agent.open()
        await one.asks()
        (request, body) = server.asked[0]
        assert request.path_qs == "/stock/rome%2F..%2Fx?q=1"
        assert request.headers["X-Shop"] == "rome/../x"
        assert json.loads(body) == {"name": "stock", "call": {"call_id": "call_1"}, "args": {"item": "cup"}}
        assert signature.verify(body, "key", request.headers[signature.HEADER], NOW_MS)
        assert one.said(1) == "One moment, rome/../x. Three."
        assert one.of(LlmToolInvocation) == [
            LlmToolInvocation(tool_call_id="call_1_0", name="stock", arguments='{"item": "cup"}')
        ]
        assert one.of(LlmToolResult)[0].content == '{"stock": [{"left": 3}]}'
        assert one.prompt(1).startswith("left: 3")
        messages = one.server.asked[1]["messages"]
        assert messages[-1] == {"role": "tool", "tool_call_id": "call_1_0", "content": '{"stock": [{"left": 3}]}'}
        assert messages[-2]["tool_calls"][0]["function"]["name"] == "stock"


async def test_a_function_that_fails_is_tried_again_and_then_told_to_the_model(shop: tuple[Shop, str]) -> None:
    server, url = shop
    server.answers = [lambda: web.Response(status=500), lambda: web.Response(text="fine")]
    async with talk(
        Reply(calls=[("stock", "{}")]), Reply(["Ok."]), begin_message="", general_tools=[custom(url, max_retry=1)]
    ) as one:
        await one.agent.open()
        await one.asks()
        assert [len(server.asked), one.of(LlmToolResult)[0].content] == [2, "fine"]
    server.answers = [lambda: web.Response(status=302, headers={"Location": f"{url}/elsewhere"})]
    async with talk(
        Reply(calls=[("stock", "{}")]), Reply(["No."]), begin_message="", general_tools=[custom(url)]
    ) as one:
        await one.agent.open()
        await one.asks()
        result = one.of(LlmToolResult)[0]
        assert (result.successful, result.content) == (False, "Error: the server answered 302: ")
        assert len(server.asked) == 3, "no redirect is followed"


async def test_a_function_that_runs_is_not_begun_twice_by_another_question(shop: tuple[Shop, str]) -> None:
    server, url = shop
    server.holds.clear()
    async with talk(
        Reply(calls=[("stock", "{}")]), Reply(["Three."]), begin_message="", general_tools=[custom(url)]
    ) as one:
        await one.agent.open()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(server.asked))
        one.agent.ask(2, USER, [*USER, {"role": "user", "content": "Are you there?"}])
        await asyncio.sleep(0.05)
        server.holds.set()
        await one.end(2)
        assert len(server.asked) == 1
        assert one.said(2) == "Three."
        assert [message["role"] for message in one.server.asked[-1]["messages"]] == [
            "system",
            "user",
            "user",
            "assistant",
            "tool",
        ]


async def test_a_new_question_takes_the_place_of_the_one_before() -> None:
    async with talk(Reply(["One"] * 50, between_s=0.1), Reply(["Two."]), begin_message="") as one:
        await one.agent.open()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(one.said(1)))
        await one.asks(2)
        assert one.said(2) == "Two."
        said = one.said(1)
        await asyncio.sleep(0.3)
        assert one.said(1) == said


async def test_a_model_that_calls_tools_for_ever_is_not_asked_for_ever() -> None:
    variables = [{"type": "string", "name": "city", "description": "where"}]
    tool = {"type": "extract_dynamic_variable", "name": "note", "description": "note it", "variables": variables}
    async with talk(Reply(calls=[("note", "{}")]), begin_message="", general_tools=[tool]) as one:
        await one.agent.open()
        await one.asks()
        assert len(one.server.asked) == MAX_REQUESTS


async def test_a_model_that_fails_ends_the_conversation_with_its_reason() -> None:
    async with talk(Reply(status=400), begin_message="") as one:
        await one.agent.open()
        one.agent.ask(1, USER, USER)
        await until(lambda: bool(one.of(LlmDisconnected)))
        (lost,) = one.of(LlmDisconnected)
        assert isinstance(lost.error, ModelFailed)


async def test_a_message_that_the_model_writes_is_said_while_a_tool_runs() -> None:
    tool = END_CALL | {"speak_during_execution": True, "execution_message_description": "A farewell."}
    async with talk(
        Reply(calls=[("hang_up", '{"execution_message": "Farewell!"}')]), begin_message="", general_tools=[tool]
    ) as one:
        await one.agent.open()
        assert (await one.asks()).action == EndCall()
        assert one.said(1) == "Farewell! "
        properties = one.server.asked[0]["tools"][0]["function"]["parameters"]["properties"]
        assert properties["execution_message"]["description"] == "A farewell."


@pytest.mark.parametrize(
    ("settings", "is_spoken", "count"),
    [({"s2s_model": "gpt-realtime"}, True, 1), ({"s2s_model": "gpt-realtime"}, False, 0), ({}, True, 0)],
)
async def test_a_model_that_speaks_and_is_not_set_up_is_told_of_once_a_call(
    settings: dict[str, Any], is_spoken: bool, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with talk(is_spoken=is_spoken, begin_message="Hi.", **settings) as one:
        await one.agent.open()
        await one.agent.open()
    told = [record for record in caplog.records if "s2s_model gpt-realtime" in record.getMessage()]
    assert [vars(record)["call_id"] for record in told] == ["call_1"] * count


async def test_in_a_call_that_goes_on_the_model_is_told_what_was_said_and_is_in_its_state() -> None:
    states = [
        {"name": "greet", "state_prompt": "Greet.", "edges": [{"destination_state_name": "book", "description": "on"}]},
        {"name": "book", "state_prompt": "Book a table for {{guest}}."},
    ]
    call = {"role": "tool_call_invocation", "tool_call_id": "t1", "name": "transition_to_book", "arguments": "{}"}
    failed = {"role": "tool_call_result", "tool_call_id": "t1", "content": "no", "successful": False}
    said = {"role": "agent", "content": "Hello.", "words": []}
    for result, prompt in ((failed, "Greet."), ({**failed, "successful": True}, "Book a table for Ada.")):
        async with talk(Reply(["Where were we?"]), begin_message="Hi.", states=states, starting_state="greet") as one:
            about = replace(one.about, after=[said, call, result], found={"guest": "Ada"})
            agent = one.shared.agent(ENGINE, about, one.events.append)
            await agent.open()
            await one.end(0)
            assert one.said(0) == "Where were we?"
            assert prompt in one.prompt()
            messages = one.server.asked[0]["messages"]
            assert messages[1] == {"role": "assistant", "content": "Hello."}
            assert messages[-1] == {"role": "user", "content": RESUMED}
            await agent.close()
