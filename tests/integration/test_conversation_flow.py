"""Conversation flows on the phone: callers who speak and listen, a model behind its API, a real Asterisk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio
from aiohttp import web

from tests.fakes.chat_model_server import ChatModelServer, Reply
from tests.fakes.flite import program as flite
from tests.fakes.sip_caller import SipCaller
from tests.integration.stage import staged
from tests.integration.test_prompt_agent import PREMIUM_RATE, House, spoken
from tests.integration.test_public_log import whole_log
from tests.integration.test_text_agent import GREETING, speech
from tests.prompt_agents.talk import custom, open_shop
from tests.prompt_agents.test_flow_state import branch, edge, equals, say


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: Any, go_before_others: None) -> AsyncIterator[House]:
    async with (
        ChatModelServer(Reply(["Yes?"])) as server,
        staged(
            tmp_path_factory.mktemp("flows"),
            SPEECH_TO_TEXT="grammar",
            TEXT_TO_SPEECH="flite",
            FLITE=flite(),
            LLM_MODEL="small",
            LLM_URL=server.url,
        ) as stage,
    ):
        yield House(stage, server)


@asynccontextmanager
async def flow_call(house: House, **settings: Any) -> AsyncIterator[tuple[SipCaller, str]]:
    """A caller through to an agent with this flow, who has heard the first words, and the id of the call."""
    controller = house.stage.controller
    flow = (await controller.post("/create-conversation-flow", settings, expect=201)).json
    engine = {"type": "conversation-flow", "conversation_flow_id": flow["conversation_flow_id"]}
    agent = (
        await controller.post("/create-agent", {"response_engine": engine, "voice_id": "flite-slt"}, expect=201)
    ).json
    number = await house.stage.import_number(agent["agent_id"])
    async with house.stage.caller() as caller:
        await caller.call(number)
        started = await house.stage.events.event("call_started", to_number=number)
        await spoken(house, started.call["call_id"], GREETING)
        yield caller, started.call["call_id"]


def greeting(*edges: Any, **more: Any) -> dict[str, Any]:
    return {**say("greeting", *edges, **more), "instruction": {"type": "static_text", "text": GREETING}}


def path(items: list[dict[str, Any]]) -> list[str]:
    return [item["new_node_id"] for item in items if item["role"] == "node_transition"]


async def test_a_call_goes_from_node_to_node_and_its_path_is_on_the_record_and_in_its_log(house: House) -> None:
    """Conversation, branch by an equation, function, words that nobody answers, end."""
    told = {"type": "static_text", "text": "There are {{left}} left."}
    nodes = [
        greeting(edge("sorted", "the user agrees")),
        branch("sorted", equals("look", ("{{user_number}}", "exists", None)), otherwise="end"),
        {"id": "look", "type": "function", "tool_id": "t", "edges": [equals("tell", ("{{left}}", ">", "2"))]},
        {**say("tell", skip_response_edge=edge("end", "Skip response")), "instruction": told},
        {
            "id": "end",
            "type": "end",
            "name": "The end",
            "speak_during_execution": True,
            "instruction": {"type": "static_text", "text": "Goodbye!"},
        },
    ]
    house.answers(Reply(calls=[("transition_1_to_sorted", "{}")]))
    async with open_shop() as (server, url):
        server.answers = [lambda: web.json_response({"left": 3})]
        tool = {**custom(url, tool_id="t", response_variables={"left": "left"}), "url": url, "parameters": None}
        async with flow_call(house, nodes=nodes, tools=[tool]) as (caller, call_id):
            caller.audio.say(speech("rms_yes"))
            await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: There are 3 left.\nAgent: Goodbye!\n"
    assert path(record["transcript_with_tool_calls"]) == ["sorted", "look", "tell", "end"]
    assert [item for item in record["transcript_with_tool_calls"] if item["role"] == "node_transition"][-1] == {
        "role": "node_transition",
        "former_node_id": "tell",
        "former_node_name": "tell",
        "new_node_id": "end",
        "new_node_name": "The end",
        "transition_type": "normal",
    }
    assert record["collected_dynamic_variables"] == {"left": "3"}
    assert json.loads(server.asked[0][1])["call"]["call_id"] == call_id
    assert len(house.server.asked) == 1
    lines = [line for line in await whole_log(record["public_log_url"]) if line["event"] == "model"]
    assert [line["node"] for line in lines if line["what"] == "node_transition"] == ["sorted", "look", "tell", "end"]


async def test_a_transfer_that_is_refused_goes_on_in_the_flow_and_one_that_is_allowed_is_made(
    house: House,
) -> None:
    def transfer(node_id: str, number: str, otherwise: str) -> dict[str, Any]:
        return {
            "id": node_id,
            "type": "transfer_call",
            "transfer_destination": {"type": "predefined", "number": number},
            "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
            "edge": edge(otherwise, "Transfer failed"),
        }

    nodes = [
        greeting(always_edge=edge("dear", "Always")),
        transfer("dear", PREMIUM_RATE, "cheap"),
        transfer("cheap", "+14155550100", "greeting"),
    ]
    house.answers(Reply(status=400))
    async with flow_call(house, nodes=nodes) as (caller, call_id):
        caller.audio.say(speech("rms_yes"))
        refer = await caller.refer(timeout_s=30)
        assert "+14155550100" in (refer.header("Refer-To") or "")
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert path(record["transcript_with_tool_calls"]) == ["dear", "cheap"]


async def test_a_flow_without_end_ends_the_call_as_a_model_that_fails_does(house: House) -> None:
    nodes = [greeting(always_edge=edge("a", "Always")), branch("a", otherwise="b"), branch("b", otherwise="a")]
    async with flow_call(house, nodes=nodes) as (caller, call_id):
        caller.audio.say(speech("rms_yes"))
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "error_llm_websocket_runtime"
    assert "without a word of the user" in " ".join(record["faults"])
