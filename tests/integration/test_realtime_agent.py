"""Models that hear and speak themselves, on the phone: a real Asterisk, and a server of the realtime API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest_asyncio

from tests.fakes.realtime_server import Answer, RealtimeServer, Session
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import Samples, find_pieces, noise, ulaw_encode
from tests.integration.stage import Stage, staged

KEY = "sk-secret-of-the-realtime-server"
PRICE = {"cents_per_million_input_tokens": 1_000_000, "cents_per_million_output_tokens": 500_000}
GREETING = "Hello, how can I help you?"
END = {"type": "end_call", "name": "hang_up", "description": "The caller is done."}
SALES = {
    "type": "transfer_call",
    "name": "to_sales",
    "transfer_destination": {"type": "predefined", "number": "+14155550100"},
    "transfer_option": {"type": "cold_transfer", "cold_transfer_mode": "sip_refer"},
}


@dataclass(slots=True)
class House:
    """A controller whose agents are models on a realtime server. No speech is set up here, and no model that writes."""

    stage: Stage
    server: RealtimeServer

    @asynccontextmanager
    async def call(self, *script: Answer, **settings: Any) -> AsyncIterator[tuple[SipCaller, Session, str]]:
        """A caller through to a model that answers so, its session, and the id of the call."""
        self.server.script[:] = script
        before, post = len(self.server.sessions), self.stage.controller.post
        prompt = {"s2s_model": "gpt-realtime", "general_prompt": "Help.", **settings}
        llm = (await post("/create-retell-llm", prompt, expect=201)).json
        engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
        body = {"response_engine": engine, "voice_id": "openai-Marin"}
        agent_id = (await post("/create-agent", body, expect=201)).json["agent_id"]
        number = await self.stage.import_number(agent_id)
        async with self.stage.caller() as caller:
            await caller.call(number)
            started = await self.stage.events.event("call_started", to_number=number)
            yield caller, await self.server.session(before), started.call["call_id"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: Any) -> AsyncIterator[House]:
    async with (
        RealtimeServer(key=KEY) as server,
        staged(
            tmp_path_factory.mktemp("realtime"),
            REALTIME_URL=server.url,
            REALTIME_API_KEY=KEY,
            PRICES=json.dumps({"models": {"gpt-realtime": PRICE}}),
        ) as stage,
    ):
        yield House(stage, server)


def sound(duration_s: float) -> tuple[Samples, bytes]:
    """Noise, and its mu-law."""
    made = noise(duration_s)
    return made, ulaw_encode(made)


async def hears(caller: SipCaller, said: Samples) -> None:
    """Until the caller has heard this; a stall of the machine may cost a piece or two of it."""
    for _ in range(200):
        pieces = find_pieces(said, caller.audio.sound()) if caller.audio.heard else []
        if pieces and sum(match.similarity > 0.99 for match in pieces) >= len(pieces) - 2:
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the caller hears something else")


async def test_a_conversation_with_a_speaking_model(house: House) -> None:
    """Greeting heard; the caller's mu-law arrives byte for byte; what is said, spent and done is on the record."""
    greeting, payload = sound(1.0)
    async with house.call(Answer(GREETING, payload), general_tools=[END]) as (caller, session, call_id):
        await hears(caller, greeting)
        said = noise(0.6)
        caller.audio.say(said)
        await caller.audio.said()
        ulaw = ulaw_encode(said)
        frames = [ulaw[start : start + 160] for start in range(0, len(ulaw), 160)]
        for _ in range(100):
            arrived = sum(frame in bytes(session.heard) for frame in frames)
            if arrived >= len(frames) - 2:
                break
            await asyncio.sleep(0.05)
        assert arrived >= len(frames) - 2  # a stall of this machine may cost a frame
        goodbye, payload = sound(0.8)
        await session.user_begins("item_u")
        await session.user_said("item_u", "That is all.", Answer("Goodbye!", payload, [("hang_up", "{}")]))
        await caller.bye(timeout_s=30)
        await hears(caller, goodbye)  # before the BYE
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: That is all.\nAgent: Goodbye!\n"
    assert record["transcript_with_tool_calls"][-1]["name"] == "hang_up"
    assert record["llm_token_usage"] == {"values": [30, 30], "average": 30, "num_requests": 2}
    assert record["call_cost"]["product_costs"] == [{"product": "gpt-realtime", "cost": 2 * (20 + 5)}]
    assert KEY not in json.dumps(record)


async def test_an_interruption_is_truncated_at_what_the_caller_heard(house: House) -> None:
    """Four seconds are sent at once. The server learns, to the tenth of a second, how much the caller has got."""
    story, payload = sound(4.0)
    async with house.call(Answer("A very long story", payload)) as (caller, session, call_id):
        await hears(caller, story[:8000])
        await session.user_begins("item_u")
        cut = await session.event("conversation.item.truncate")
        await asyncio.sleep(0.3)
        heard_ms = _heard_ms(caller, story)
        assert abs(cut["audio_end_ms"] - heard_ms) <= 150, (cut, heard_ms)  # 100 ms, and what a loaded machine adds
        await session.user_said("item_u", "Stop!")
        caller_gone = house.stage.controller.ended_call(call_id)
        await caller.hang_up()
        record = await caller_gone
    first, second = record["transcript"].splitlines()
    assert first in {"Agent: A", "Agent: A very"}
    assert second == "User: Stop!"


def _heard_ms(caller: SipCaller, story: Samples) -> float:
    """How much of the story has reached the caller: the last frame in which it still sounds."""
    levels = np.abs(caller.audio.sound().astype(float))
    loud = np.flatnonzero(levels > np.abs(story).max() / 20)
    return float(loud[-1] - loud[0]) / 8


async def test_a_transfer_by_a_speaking_model(house: House) -> None:
    _, payload = sound(0.5)
    speaks = Answer("One moment.", payload, [("to_sales", "{}")])
    async with house.call(speaks, general_tools=[SALES]) as (caller, _, call_id):
        refer = await caller.refer(timeout_s=30)
        assert "+14155550100" in (refer.header("Refer-To") or "")
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transcript"] == "Agent: One moment.\n"


async def test_a_server_that_is_lost_ends_the_call_with_its_reason(house: House) -> None:
    greeting, payload = sound(0.5)
    async with house.call(Answer(GREETING, payload)) as (caller, session, call_id):
        await hears(caller, greeting)
        await session.connection.close(1011, "out of service")
        await caller.bye(timeout_s=30)
    record = await house.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "error_llm_websocket_lost_connection"
    assert "out of service" in " ".join(record["faults"])
