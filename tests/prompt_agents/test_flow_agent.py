"""Agents that answer by a conversation flow: what they say and do in each node, and that no flow strands a caller."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from ari_agent.agents.llm import (
    EndCall,
    GoOn,
    LlmAgentConfig,
    LlmResponse,
    LlmToolInvocation,
    LlmToolResult,
    PressDigits,
    TransferTo,
)
from ari_agent.agents.llm_connection import LlmDisconnected
from ari_agent.contract.response_engine import ConversationFlowEngine
from ari_agent.contract.transcript import NodeTransition
from ari_agent.errors import AgentUnreachable
from ari_agent.prompt_agents.flow_state import FlowLoops
from ari_agent.prompt_agents.model import ModelFailed
from ari_agent.prompt_agents.model_answers import MAX_REQUESTS
from tests.fakes.chat_model_server import Answer, Reply
from tests.fakes.llm_server import until
from tests.prompt_agents.talk import FLOW, Shop, Talk, custom, shop, talk
from tests.prompt_agents.test_flow_state import GLOBAL, branch, edge, equals, say

__all__ = ["shop"]

TO_1 = "transition_1_to_"


def asks(node_id: str, *edges: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A conversation node in which the model speaks."""
    return {**say(node_id, *edges, **more), "instruction": {"type": "prompt", "text": f"Task of {node_id}."}}


def user(*words: str) -> list[dict[str, Any]]:
    """A transcript in which the user has said this, and the agent's first three answers were heard."""
    heard = [{"role": "agent", "content": "...", "metadata": {"response_id": number}} for number in range(3)]
    return [*heard, *({"role": "user", "content": each} for each in words)]


def flow(
    *script: Answer, nodes: list[dict[str, Any]], engine: ConversationFlowEngine = FLOW, **more: Any
) -> AbstractAsyncContextManager[Talk]:
    return talk(*script, engine=engine, nodes=nodes, **more)


def path(one: Talk) -> list[tuple[str, str, str | None]]:
    return [(move.former_node_id, move.new_node_id, move.transition_type) for move in one.of(NodeTransition)]


def tools(one: Talk, request: int = -1) -> list[str]:
    return [tool["function"]["name"] for tool in one.server.asked[request].get("tools", ())]


async def began(one: Talk) -> LlmResponse:
    await one.agent.open()
    return await one.end(0)


async def test_a_turn_in_a_node_asks_the_model_once_and_static_texts_ask_nobody() -> None:
    nodes = [say("hello", edge("help", "needs help"), edge("bye", "is done")), asks("help"), say("bye")]
    async with flow(
        Reply(["Yes, we are open."]),
        Reply(calls=[(f"{TO_1}help", "{}")]),
        Reply(["What is wrong?"]),
        nodes=nodes,
        global_prompt="You serve {{shop}}.",
        variables={"shop": "Miller's"},
    ) as one:
        assert (await began(one)).action is None
        assert (one.said(0), len(one.server.asked)) == ("hello", 0)
        await one.asks(1, user("Are you open?"))
        assert one.said(1) == "Yes, we are open."
        assert len(one.server.asked) == 1
        assert one.prompt().startswith("You serve Miller's.\n\nYou have said this, and now talk about it")
        assert tools(one) == ["transition_1_to_help", "transition_2_to_bye"]
        await one.asks(2, user("Are you open?", "My cake is wrong."))
        assert one.said(2) == "What is wrong?"
        assert one.prompt().startswith("You serve Miller's.\n\nTask of help.")
        assert tools(one) == [], "what has led to a node leads not out of it"
        assert path(one) == [("hello", "help", "normal")]
        steps = [step.facts for step in one.steps if step.what == "node_transition"]
        assert steps == [{"response_id": 2, "former_node": "hello", "node": "help", "by": "normal"}]


async def test_who_begins() -> None:
    nodes = [asks("first", edge("second", "so")), say("second")]
    async with flow(Reply(["Welcome."]), nodes=nodes) as one:
        await began(one)
        assert (one.said(0), tools(one)) == ("Welcome.", [])
    async with flow(Reply(["Hi."]), nodes=nodes, start_speaker="user", begin_after_user_silence_ms=2500) as one:
        await began(one)
        assert one.said(0) == ""
        assert one.of(LlmAgentConfig)[0] == LlmAgentConfig(reminder_trigger_ms=2500, reminder_max_count=1)
        await one.asks(1, [{"role": "user", "content": "Hello?"}])
        assert one.of(LlmAgentConfig)[-1] == LlmAgentConfig(reminder_trigger_ms=10_000, reminder_max_count=1)
        assert (one.said(1), tools(one)) == ("Hi.", ["transition_1_to_second"])
    override = FLOW.model_copy(update={"override": {"begin_message": "Just for you."}})
    async with flow(Reply(["Hi."]), nodes=nodes, engine=override) as one:
        assert (await began(one)).content == "Just for you."
    async with flow(Reply(["Hi."]), nodes=[branch("b", otherwise="c"), say("c")], engine=override) as one:
        assert (await began(one)).action == GoOn(), "the flow itself has not begun"


async def test_a_flow_that_is_not_there_is_unreachable_and_so_is_one_that_a_call_spoils() -> None:
    other = ConversationFlowEngine(type="conversation-flow", conversation_flow_id="flow_2")
    async with flow(Reply(), nodes=[say("a")], engine=other) as one:
        with pytest.raises(AgentUnreachable, match="conversation-flow flow_2 is not reachable: there is no such flow"):
            await one.agent.open()
    wrong = FLOW.model_copy(update={"override": {"model_temperature": 7}})
    async with flow(Reply(), nodes=[say("a")], engine=wrong) as one:
        with pytest.raises(AgentUnreachable, match=r"agent_override\.conversation_flow: .*model_temperature"):
            await one.agent.open()


async def test_equations_need_no_model_and_a_branch_no_word() -> None:
    nodes = [
        say("hello", equals("sorted", ("{{plan}}", "exists", None))),
        branch("sorted", equals("gold", ("{{plan}}", "==", "gold")), otherwise="rest"),
        say("gold"),
        say("rest"),
    ]
    async with flow(Reply(status=400), nodes=nodes, variables={"plan": "gold"}) as one:
        await began(one)
        await one.asks(1, user("Hi"))
        assert (one.said(1), len(one.server.asked)) == ("gold", 0)
        assert path(one) == [("hello", "sorted", "normal"), ("sorted", "gold", "normal")]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(calls=[(f"{TO_1}a", "{}")]), "a"),
        (Reply(calls=[("none_of_these", "{}")]), "b"),
        (Reply(["I would say a."]), "b"),
        (Reply(calls=[("transition_9_to_a", "[1, 2")]), "b"),
    ],
)
async def test_where_one_way_must_be_taken_the_models_words_are_for_nobody(reply: Reply, expected: str) -> None:
    """A branch, and a conversation with an else edge."""
    choosing = [
        branch("choose", edge("a", "so"), otherwise="b"),
        say("choose", edge("a", "so"), else_edge=edge("b", "Else")),
    ]
    for choose in choosing:
        async with flow(reply, nodes=[choose, say("a"), say("b")]) as one:
            await began(one)
            if choose["type"] == "conversation":
                await one.asks(1, user("Hi"))
            assert one.said(0) + one.said(1) in {expected, f"choose{expected}"}
            assert len(one.server.asked) == 1
            assert tools(one) == ["none_of_these", "transition_1_to_a"]


async def test_what_is_always_taken_and_what_waits_for_nobody() -> None:
    nodes = [
        say("notice", skip_response_edge=edge("ask", "Skip response")),
        say("ask", edge("never", "looked at"), always_edge=edge("thanks", "Always")),
        say("thanks"),
        say("never"),
    ]
    async with flow(Reply(status=400), nodes=nodes) as one:
        assert (await began(one)).action == GoOn()
        heard: list[dict[str, Any]] = [{"role": "agent", "content": "notice", "metadata": {"response_id": 0}}]
        assert (await one.asks(1, heard)).action is None
        heard.append({"role": "agent", "content": "ask", "metadata": {"response_id": 1}})
        await one.asks(2, [*heard, {"role": "user", "content": "I am ill."}])
        assert [one.said(number) for number in range(3)] == ["notice", "ask", "thanks"]
        assert one.server.asked == []


def function(*edges: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "look", "type": "function", "tool_id": "t", "edges": list(edges), "wait_for_result": True, **more}


async def test_a_function_runs_with_what_the_model_finds_and_its_answer_decides(shop: tuple[Shop, str]) -> None:
    server, url = shop
    tool = custom(url, tool_id="t", headers={"X-Key": "hunter22"}, response_variables={"left": "stock[0].left"})
    nodes = [
        say("hello", edge("look", "wants something")),
        function(
            equals("there", ("{{left}}", ">", "2")),
            else_edge=edge("gone", "Else"),
            speak_during_execution=True,
            instruction={"type": "static_text", "text": "One moment."},
        ),
        say("there"),
        say("gone"),
    ]
    async with flow(
        Reply(calls=[(f"{TO_1}look", "{}")]),
        Reply(["Sure,"], [("stock", '{"item": "cup"}')]),
        nodes=nodes,
        tools=[tool],
        variables={"shop": "rome"},
    ) as one:
        await began(one)
        await one.asks(1, user("Have you cups?"))
        assert one.said(1) == "One moment. there"
        assert json.loads(server.asked[0][1])["args"] == {"item": "cup"}
        assert (len(one.server.asked), tools(one)) == (2, ["stock"])
        assert one.collected == {"left": "3"}
        assert one.of(LlmToolInvocation)[0].name == "stock"
        assert one.of(LlmToolResult)[0].content == '{"stock": [{"left": 3}]}'
        assert [move[1] for move in path(one)] == ["look", "there"]
        assert one.steps[0].secrets == ("hunter22",)


async def test_a_function_without_arguments_asks_no_model_and_with_no_way_out_its_result_is_talked_about(
    shop: tuple[Shop, str],
) -> None:
    server, url = shop
    server.answers = [lambda: web.Response(status=500)]
    tool = {**custom(url, tool_id="t"), "parameters": None}
    nodes = [function(edge("end", "satisfied")), {"id": "end", "type": "end"}]
    async with flow(
        Reply(["It failed."]), Reply(calls=[(f"{TO_1}end", "{}")]), nodes=nodes, tools=[tool], variables={"shop": "x"}
    ) as one:
        await began(one)
        assert one.said(0) == "It failed."
        assert one.server.asked[0]["messages"][-1]["content"].startswith("Error: the server answered 500")
        assert (await one.asks(1, user("Thank you."))).action == EndCall()
        assert len(server.asked) == 1


async def test_a_function_that_nobody_waits_for_goes_on_behind_the_next_node_and_the_end(
    shop: tuple[Shop, str],
) -> None:
    server, url = shop
    server.holds.clear()
    tool = {**custom(url, tool_id="t"), "parameters": None}
    nodes = [function(wait_for_result=False, else_edge=edge("next", "Else")), say("next")]
    async with flow(Reply(status=400), nodes=nodes, tools=[tool], variables={"shop": "x"}) as one:
        await began(one)
        assert (one.said(0), one.of(LlmToolResult)) == ("next", [])
        await until(lambda: bool(server.asked))
        await one.agent.close()
        server.holds.set()
        await until(lambda: not one.shared.functions._behind)
        assert one.of(LlmToolResult) == [], "nothing is told once it is over"
        assert len(server.asked) == 1


async def test_a_question_that_comes_while_a_function_runs_is_answered_in_its_node(shop: tuple[Shop, str]) -> None:
    server, url = shop
    server.holds.clear()
    tool = {**custom(url, tool_id="t"), "parameters": None}
    nodes = [say("hello", always_edge=edge("look", "Always")), function(else_edge=edge("next", "Else")), say("next")]
    async with flow(Reply(["?"]), nodes=nodes, tools=[tool], variables={"shop": "x"}) as one:
        await began(one)
        one.agent.ask(1, user("Hi"), user("Hi"))
        await until(lambda: bool(server.asked))
        one.agent.ask(2, user("Hi", "Hello?"), user("Hi", "Hello?"))
        await asyncio.sleep(0.05)
        server.holds.set()
        await one.end(2)
        assert (one.said(2), len(server.asked)) == ("next", 1)
        assert [move[1] for move in path(one)] == ["look", "next"]


async def test_variables_are_extracted_for_later_nodes() -> None:
    about = [
        {"type": "string", "name": "city", "description": "where"},
        {"type": "number", "name": "guests", "description": "how many"},
    ]
    extract = {
        "id": "note",
        "type": "extract_dynamic_variables",
        "variables": about,
        "edges": [equals("many", ("{{guests}}", ">", "7"))],
        "else_edge": edge("few", "Else"),
    }
    many = {**say("many"), "instruction": {"type": "static_text", "text": "{{guests}} in {{city}}, {{user_number}}"}}
    nodes = [say("hello", always_edge=edge("note", "Always")), extract, many, say("few")]
    found = ("extract_dynamic_variables", '{"city": "Rome", "guests": 9, "user_number": "+1"}')
    async with flow(Reply(["Noted."], [found]), nodes=nodes) as one:
        await began(one)
        await one.asks(1, user("Nine of us, in Rome."))
        assert one.said(1) == "9 in Rome, {{user_number}}"
        assert one.collected == {"city": "Rome", "guests": "9"}
    async with flow(Reply(["I have no idea."]), nodes=nodes) as one:
        await began(one)
        await one.asks(1, user("What?"))
        assert (one.said(1), one.of(LlmToolResult)[0].successful) == ("few", False)


TRANSFER = {
    "id": "send",
    "type": "transfer_call",
    "transfer_destination": {"type": "predefined", "number": "{{sales}}"},
    "transfer_option": {"type": "warm_transfer"},
    "edge": edge("sorry", "Transfer failed"),
    "speak_during_execution": True,
    "instruction": {"type": "static_text", "text": "One moment, {{name}}."},
}
SENT = {"role": "tool_call_invocation", "tool_call_id": "transfer_call_1", "type": "transfer_call", "name": "t"}
FAILED = {"role": "tool_call_result", "tool_call_id": "transfer_call_1", "content": "busy", "successful": False}
INFERRED = {"type": "inferred", "prompt": "whom"}
SALES = {"sales": "+14155550100", "name": "Ada"}


async def test_a_transfer_that_fails_goes_on_in_the_flow() -> None:
    nodes = [say("hello", always_edge=edge("send", "Always")), TRANSFER, say("sorry")]
    async with flow(Reply(status=400), nodes=nodes, variables=SALES) as one:
        await began(one)
        action = (await one.asks(1, user("Sales!"))).action
        assert isinstance(action, TransferTo)
        assert action.request
        assert (action.request.mode, action.request.to, one.said(1)) == ("warm", "+14155550100", "One moment, Ada. ")
        going: list[dict[str, Any]] = [*user("Sales!"), {**SENT, "arguments": "{}"}]
        assert (await one.asks(2, [*going, {"role": "user", "content": "Hello?"}])).action is None
        assert one.said(2) == "", "it is on its way"
        await one.asks(3, [*going, FAILED])
        assert one.said(3) == "sorry"
        assert [move[1] for move in path(one)] == ["send", "sorry"]


async def test_an_action_that_the_user_cuts_off_has_not_happened() -> None:
    end = {
        "id": "end",
        "type": "end",
        "speak_during_execution": True,
        "instruction": {"type": "static_text", "text": "Bye."},
    }
    nodes = [asks("help", edge("send", "wants sales"), edge("end", "is done")), TRANSFER, end, say("sorry")]
    async with flow(
        Reply(["Hi."]),
        Reply(calls=[(f"{TO_1}send", "{}")]),
        Reply(calls=[("transition_2_to_end", "{}")]),
        Reply(["What else?"]),
        nodes=nodes,
        variables=SALES,
    ) as one:
        await began(one)
        await one.asks(1, user("Sales!"))
        assert (await one.asks(2, user("Sales!", "No, wait, I am done."))).action == EndCall()
        await one.asks(3, user("Sales!", "No, wait, I am done.", "One more thing."))
        assert one.said(3) == "What else?"
        assert path(one) == [
            ("help", "send", "normal"),
            ("send", "help", "interrupt_go_back"),
            ("help", "end", "normal"),
            ("end", "help", "interrupt_go_back"),
        ]


async def test_an_answer_of_which_nothing_was_heard_has_not_happened() -> None:
    nodes = [say("hello", edge("a", "wants a"), edge("b", "wants b")), say("a"), say("b")]
    async with flow(Reply(calls=[(f"{TO_1}a", "{}")]), Reply(calls=[("transition_2_to_b", "{}")]), nodes=nodes) as one:
        await began(one)
        greeted = [{"role": "agent", "content": "hello", "metadata": {"response_id": 0}}]
        await one.asks(1, [*greeted, {"role": "user", "content": "I would like"}])
        await one.asks(2, [*greeted, {"role": "user", "content": "I would like b."}])
        assert (one.said(1), one.said(2)) == ("a", "b")
        assert path(one)[1:] == [("a", "hello", "interrupt_go_back"), ("hello", "b", "normal")]


@pytest.mark.parametrize(
    ("destination", "reply", "why"),
    [
        (
            {"type": "inferred", "prompt": "whom"},
            Reply(calls=[("transfer_call", '{"number": "x;rm"}')]),
            "is no destination",
        ),
        ({"type": "inferred", "prompt": "whom"}, Reply(calls=[("transfer_call", "[1")]), "no JSON object"),
        ({"type": "inferred", "prompt": "whom"}, Reply(["Whom?"]), "no JSON object"),
        ({"type": "predefined", "number": "{{nobody}}"}, Reply(status=400), "destination"),
    ],
)
async def test_a_transfer_to_nobody_fails_at_once(destination: dict[str, Any], reply: Reply, why: str) -> None:
    node = {**TRANSFER, "transfer_destination": destination}
    async with flow(reply, nodes=[node, say("sorry")], variables={"name": "Ada"}) as one:
        assert (await began(one)).action is None
        assert one.said(0) == "sorry"
        assert why in one.of(LlmToolResult)[0].content


PRESS = {
    "id": "menu",
    "type": "press_digit",
    "instruction": {"type": "prompt", "text": "Reach sales."},
    "delay_ms": 0,
    "edges": [edge("human", "a human answers")],
}


async def test_keys_are_pressed_until_a_way_out_is_taken_and_the_agent_says_nothing() -> None:
    async with flow(
        Reply(calls=[("none_of_these", "{}")]),
        Reply(["Let me press."], [("press_digit", '{"digit": "x"}')]),
        Reply(calls=[("press_digit", '{"digit": "2#"}')]),
        Reply(calls=[(f"{TO_1}human", "{}")]),
        nodes=[PRESS, say("human")],
    ) as one:
        assert (await began(one)).action is None
        assert tools(one) == ["press_digit", "none_of_these"]
        assert (await one.asks(1, user("Sales: press two."))).action == PressDigits("2#")
        assert one.said(1) == ""
        assert tools(one) == ["press_digit", "none_of_these", "transition_1_to_human"]
        await one.asks(2, user("Sales: press two.", "Hello, this is Joe."))
        assert one.said(2) == "human"


async def test_an_end_with_words_of_the_model() -> None:
    end = {"id": "end", "type": "end", "speak_during_execution": True}
    async with flow(Reply(["Take care!"]), nodes=[end]) as one:
        assert (await began(one)).action == EndCall()
        assert one.said(0) == "Take care!"


async def test_a_node_may_have_its_own_way_of_listening() -> None:
    nodes = [
        say("a", always_edge=edge("b", "Always"), interruption_sensitivity=0.2, reminder_trigger_ms=4000),
        say("b"),
    ]
    async with flow(Reply(status=400), nodes=nodes) as one:
        await began(one)
        await one.asks(1, user("Hi"))
        first, back = one.of(LlmAgentConfig)
        assert first == LlmAgentConfig(interruption_sensitivity=0.2, reminder_trigger_ms=4000, reminder_max_count=1)
        assert back == LlmAgentConfig(reminder_trigger_ms=10_000, reminder_max_count=1)


async def test_chats_have_no_keys_and_no_transfers_and_go_on_after_a_restart() -> None:
    nodes = [say("hello", always_edge=edge("send", "Always")), TRANSFER, say("sorry", edge("hello", "again")), PRESS]
    async with flow(Reply(["We talk."]), nodes=[*nodes, say("human")], variables=SALES, is_spoken=False) as one:
        await began(one)
        await one.asks(1, [{"role": "user", "content": "Hi"}])
        assert one.said(1) == "sorry"
    told = [{"role": "node_transition", "new_node_id": "sorry"}, {"role": "user", "content": "And now?"}]
    async with flow(Reply(["We talk."]), nodes=[*nodes, say("human")], is_spoken=False) as one:
        await began(one)
        await one.asks(1, told)
        assert (one.said(1), tools(one)) == ("We talk.", ["transition_1_to_hello"])
    async with flow(Reply(["Reached."]), nodes=[PRESS, say("human")], is_spoken=False) as one:
        await began(one)
        assert (one.said(0), tools(one)) == ("Reached.", ["transition_1_to_human"])


async def test_a_chat_that_another_process_began_goes_on_in_its_first_node() -> None:
    nodes = [say("hello", always_edge=edge("next", "Always")), say("next")]
    async with flow(Reply(status=400), nodes=nodes, is_spoken=False) as one:
        await one.agent.open()
        greeted: list[dict[str, Any]] = [{"role": "agent", "content": "hello"}]
        await one.asks(1, [*greeted, {"role": "user", "content": "I am Ada."}])
        assert (one.said(0), one.said(1)) == ("", "next")


async def test_a_transfer_to_nobody_and_with_no_way_on_is_told_and_left_by_a_global_node() -> None:
    node = {**TRANSFER, "edge": edge(None, "Transfer failed")}
    nodes = [say("hello", always_edge=edge("send", "Always")), node, asks("angry", global_node_setting=GLOBAL)]
    async with flow(
        Reply(["Nobody is there."]), Reply(calls=[(f"{TO_1}angry", "{}")]), Reply(["I am sorry."]), nodes=nodes
    ) as one:
        await began(one)
        await one.asks(1, user("Sales!"))
        assert (one.said(1), tools(one)) == ("Nobody is there.", [])
        assert "Tell the user what has come of it" in one.prompt()
        await one.asks(2, user("Sales!", "This is bad!"))
        assert one.said(2) == "I am sorry."
        assert path(one) == [("hello", "send", "normal"), ("send", "angry", "global")]


async def test_of_two_ways_that_a_model_takes_at_once_it_goes_the_first() -> None:
    both = Reply(["Well."], [("transition_2_to_c", "{}"), (f"{TO_1}b", "{}"), ("end_call", "{}")])
    async with flow(both, nodes=[say("a", edge("b", "so"), edge("c", "or so")), say("b"), say("c")]) as one:
        await began(one)
        assert (await one.asks(1, user("Hi"))).action is None
        assert (one.said(1), path(one)) == ("Well. c", [("a", "c", "normal")])


async def test_blanks_are_no_words_of_a_model() -> None:
    async with flow(
        Reply([" "], [("no_such_tool", "{}")]), Reply(["Sorry."]), nodes=[asks("a", edge("b", "so")), say("b")]
    ) as one:
        await began(one)
        assert one.said(0).strip() == "Sorry."


async def test_what_is_said_while_a_function_runs_is_no_task_once_it_has_run(shop: tuple[Shop, str]) -> None:
    tool = {**custom(shop[1], tool_id="t"), "parameters": None}
    words = {"speak_during_execution": True, "instruction": {"type": "static_text", "text": "One moment."}}
    async with flow(Reply(["Three."]), nodes=[function(**words)], tools=[tool], variables={"shop": "x"}) as one:
        await began(one)
        assert one.said(0) == "One moment. Three."
        assert one.prompt().startswith("Tell the user what has come of it")


async def test_a_global_node_takes_the_user_out_of_any_node_and_back() -> None:
    nodes = [asks("help", edge("x", "so")), asks("x"), asks("angry", global_node_setting=GLOBAL)]
    async with flow(
        Reply(["Hi."]),
        Reply(["Oh."], [("transition_2_to_angry", "{}")]),
        Reply(["I am sorry."]),
        Reply(calls=[(f"{TO_1}help", "{}")]),
        Reply(["So, again."]),
        nodes=nodes,
    ) as one:
        await began(one)
        await one.asks(1, user("This is bad!"))
        assert one.said(1) == "Oh. I am sorry."
        await one.asks(2, user("This is bad!", "Fine."))
        assert one.said(2) == "So, again."
        assert path(one) == [("help", "angry", "global"), ("angry", "help", "global_go_back")]


async def test_a_flow_that_goes_round_for_ever_ends_the_conversation_with_its_path() -> None:
    async with flow(Reply(), nodes=[branch("a", otherwise="b"), branch("b", otherwise="a")]) as one:
        await one.agent.open()
        await until(lambda: bool(one.of(LlmDisconnected)))
        error = one.of(LlmDisconnected)[0].error
        assert isinstance(error, FlowLoops)
        assert "b -> a -> b" in str(error)


async def test_agents_that_speak_without_waiting_for_ever_end_too() -> None:
    nodes = [say("a", skip_response_edge=edge("b", "Skip")), say("b", skip_response_edge=edge("a", "Skip"))]
    async with flow(Reply(), nodes=nodes) as one:
        await began(one)
        for number in range(1, 60):
            heard = [{"role": "agent", "content": "..", "metadata": {"response_id": each}} for each in range(number)]
            one.agent.ask(number, heard, heard)
            await until(lambda number=number: bool(one.said(number) or one.of(LlmDisconnected)))  # type: ignore[misc]
            if one.of(LlmDisconnected):
                break
        assert isinstance(one.of(LlmDisconnected)[0].error, FlowLoops)


@pytest.mark.parametrize(
    "call", [("no_such_tool", "{}"), ("transition_7_to_b", "{}"), ("end_call", "{}"), ("hello" * 15, "[")]
)
async def test_a_model_that_calls_what_there_is_not_is_told_so_and_not_asked_for_ever(call: tuple[str, str]) -> None:
    async with flow(Reply(calls=[call]), Reply(["Sorry."]), nodes=[asks("a", edge("b", "so")), say("b")]) as one:
        await began(one)
        assert one.said(0) == "Sorry."
        assert one.server.asked[1]["messages"][-1]["content"].startswith("Error: there is no tool")
    async with flow(Reply(calls=[call]), nodes=[asks("a")]) as one:
        await one.agent.open()
        await until(lambda: bool(one.of(LlmDisconnected)))
        assert len(one.server.asked) == MAX_REQUESTS
        error = one.of(LlmDisconnected)[0].error
        assert isinstance(error, ModelFailed)
        assert "more than 8 requests" in str(error)


async def test_words_that_the_model_finds_are_heard_while_a_function_runs_that_nobody_waits_for(
    shop: tuple[Shop, str],
) -> None:
    server, url = shop
    tool = {**custom(url, tool_id="t"), "parameters": None}
    words = {"speak_during_execution": True, "instruction": {"type": "prompt", "text": "Say that you look."}}
    nodes = [function(wait_for_result=False, else_edge=edge("next", "Else"), **words), say("next")]
    call = ("stock", '{"execution_message": "I am looking."}')
    async with flow(Reply(calls=[call]), nodes=nodes, tools=[tool], variables={"shop": "x"}) as one:
        assert (await began(one)).action == GoOn()
        assert one.said(0) == "I am looking. "
        await until(lambda: bool(server.asked))
        await one.asks(1, user())
        assert one.said(1) == "next"


async def test_a_phone_menu_is_left_by_an_equation_or_where_no_key_fits() -> None:
    by_equation = {**PRESS, "edges": [equals("human", ("{{plan}}", "==", "gold"))]}
    otherwise = {**PRESS, "else_edge": edge("human", "Else")}
    for menu, asked in ((by_equation, 1), (otherwise, 2)):
        waits = Reply(calls=[("none_of_these", "{}")])
        async with flow(waits, nodes=[menu, say("human")], variables={"plan": "gold"}) as one:
            await began(one)
            await one.asks(1, user("Hello, this is Joe."))
            assert (one.said(1), len(one.server.asked)) == ("human", asked)


async def test_what_the_user_said_is_looked_at_once_and_a_reminder_takes_no_way_out() -> None:
    nodes = [say("hello", edge("next", "so")), say("next")]
    async with flow(Reply(["Well."]), nodes=nodes) as one:
        await began(one)
        await one.asks(1, user("Hm."))
        assert tools(one) == ["transition_1_to_next"]
        await one.asks(2, user("Hm."), reminds=True)
        assert tools(one) == []
