"""Agents with a prompt on the phone: a caller who speaks and listens, a model behind its API, a real Asterisk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio

from tests.fakes.chat_model_server import Answer, ChatModelServer, Reply
from tests.fakes.flite import program as flite
from tests.fakes.llm_server import until
from tests.fakes.sip_caller import SipCaller
from tests.fakes.webhook_server import Answer as InboundAnswer
from tests.integration.stage import Stage, staged
from tests.integration.test_public_log import whole_log
from tests.integration.test_text_agent import GREETING, speech

PRICE = {"cents_per_million_input_tokens": 1_000_000, "cents_per_million_output_tokens": 500_000}
PREMIUM_RATE = "+19005550199"
END_CALL = {"type": "end_call", "name": "hang_up", "description": "when the user is done"}


@dataclass(slots=True)
class House:
    """A controller whose prompts are answered by a model that does as the test says."""

    stage: Stage
    server: ChatModelServer

    def answers(self, *script: Answer) -> None:
        """Have the model answer so from now on."""
        self.server.script[:] = script
        self.server.asked.clear()

    @asynccontextmanager
    async def call(
        self, fields: dict[str, Any] | None = None, of_number: dict[str, Any] | None = None, **settings: Any
    ) -> AsyncIterator[tuple[SipCaller, str]]:
        """A caller through to an agent with a prompt of these settings, and the id of the call."""
        prompt = {"begin_message": GREETING, "general_prompt": "Help {{user_number}}.", **settings}
        llm = (await self.stage.controller.post("/create-retell-llm", prompt, expect=201)).json
        engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
        body = {"response_engine": engine, "voice_id": "flite-slt", **(fields or {})}
        agent_id = (await self.stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
        number = await self.stage.import_number(agent_id, **(of_number or {}))
        async with self.stage.caller() as caller:
            await caller.call(number)
            started = await self.stage.events.event("call_started", to_number=number)
            yield caller, started.call["call_id"]

    async def asked(self, count: int = 1) -> dict[str, Any]:
        """The newest request to the model, once there were so many."""
        await until(lambda: len(self.server.asked) >= count)
        return self.server.asked[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: Any, go_before_others: None) -> AsyncIterator[House]:
    async with (
        ChatModelServer(Reply(["Yes?"])) as server,
        staged(
            tmp_path_factory.mktemp("prompts"),
            SPEECH_TO_TEXT="grammar",
            TEXT_TO_SPEECH="flite",
            FLITE=flite(),
            LLM_MODEL="small",
            LLM_URL=server.url,
            PRICES=json.dumps({"models": {"small": PRICE}}),
        ) as stage,
    ):
        yield House(stage, server)


async def spoken(house: House, call_id: str, text: str) -> None:
    """Until the agent is known to have said this."""
    for _ in range(600):
        if text in str((await house.stage.controller.call(call_id)).get("transcript", "")):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(text)


async def test_a_conversation_by_a_prompt(house: House) -> None:
    house.answers(Reply(["Very", " well. ", "Goodbye!"], [("hang_up", "{}")]))
    async with house.call(general_tools=[END_CALL]) as (caller, call_id):
        await caller.audio.hears()
        await spoken(house, call_id, GREETING)
        caller.audio.say(speech("rms_yes"))
        asked = await house.asked()
        await caller.bye(timeout_s=30)
    assert [message["content"] for message in asked["messages"][1:]] == [GREETING, "yes"]
    assert asked["messages"][0]["content"].startswith("Help +")
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: Very well. Goodbye!\n"
    assert record["transcript_with_tool_calls"][-1]["name"] == "end_call"


async def test_a_transfer_by_a_prompt(house: House) -> None:
    tool = {
        "type": "transfer_call",
        "name": "to_sales",
        "transfer_destination": {"type": "predefined", "number": "+14155550100"},
        "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
        "speak_during_execution": True,
        "execution_message_type": "static_text",
        "execution_message_description": "One moment please.",
    }
    house.answers(Reply(calls=[("to_sales", "{}")]))
    async with house.call(general_tools=[tool]) as (caller, call_id):
        await spoken(house, call_id, GREETING)
        caller.audio.say(speech("rms_yes"))
        refer = await caller.refer(timeout_s=30)
        assert "+14155550100" in (refer.header("Refer-To") or "")
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert "Agent: One moment please." in record["transcript"]


async def test_whom_nobody_may_dial_the_model_does_not_dial_either_and_the_call_keeps_what_it_has_cost(
    house: House,
) -> None:
    """The inbound webhook changes the beginning; the model finds a number that it must not, and is told so."""
    tool = {
        "type": "transfer_call",
        "name": "to_person",
        "transfer_destination": {"type": "inferred", "prompt": "whom the user wants"},
        "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
    }
    house.answers(
        Reply(calls=[("to_person", json.dumps({"number": PREMIUM_RATE}))]), Reply(["Sorry."], [("hang_up", "{}")])
    )
    override = {"retell_llm": {"begin_message": "Just for you.", "model_temperature": 0.5}}
    hook = house.stage.webhooks.hook(InboundAnswer.inbound(agent_override=override))
    async with house.call(general_tools=[END_CALL, tool], of_number={"inbound_webhook_url": hook.url}) as (
        caller,
        call_id,
    ):
        await spoken(house, call_id, "Just for you.")
        caller.audio.say(speech("rms_yes"))
        asked = await house.asked(2)
        await caller.bye(timeout_s=30)
    invocation, result = asked["messages"][-2:]
    assert invocation["tool_calls"][0]["function"]["name"] == "transfer_call"
    assert "premium" in result["content"]
    assert asked["temperature"] == 0.5
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["llm_token_usage"] == {"values": [10, 10], "average": 10, "num_requests": 2}
    assert record["call_cost"]["product_costs"] == [{"product": "small", "cost": 2 * 7 + 3}]
    assert record["latency"]["llm"]["num"] >= 1
    lines = [line for line in await whole_log(record["public_log_url"]) if line["event"] == "model"]
    assert [line["what"] for line in lines] == ["prompt", "asked", "answered", "asked", "answered"]
    assert lines[1]["content"] == {"role": "user", "content": "yes"}
    assert lines[4]["content"]["text"] == "Sorry."


async def test_a_model_that_fails_ends_the_call_with_its_reason(house: House) -> None:
    house.answers(Reply(status=400, body=json.dumps({"error": {"message": "no such model"}})))
    async with house.call() as (caller, call_id):
        await spoken(house, call_id, GREETING)
        caller.audio.say(speech("rms_yes"))
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "error_llm_websocket_runtime"
    assert "no such model" in " ".join(record["faults"])
