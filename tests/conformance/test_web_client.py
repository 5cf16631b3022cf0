"""Retell's browser client 1.3.3, unmodified, in conversation with an agent over the audio websocket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.clients import Unavailable, run_node
from tests.fakes.agent_server import AgentCall, Script, echo
from tests.fakes.sound import tone
from tests.integration.stage import Stage

SAMPLE_RATE = 24_000


async def converse(stage: Stage, call_id: str, *, talk_s: float) -> dict[str, Any]:
    """What the client saw."""
    endpoint = stage.controller.url.replace("http://", "ws://") + "/audio-websocket/"
    world = {"endpoint": endpoint, "call_id": call_id, "sample_rate": SAMPLE_RATE, "talk_s": talk_s}
    try:
        seen: dict[str, Any] = await asyncio.to_thread(run_node, "web_client.js", world)
    except Unavailable as why:
        pytest.skip(str(why))
    return seen


async def register(stage: Stage, script: Script) -> str:
    """A call as a web site's server registers it; its call_id."""
    agent_id = await stage.create_agent(stage.agents.agent(script, protocol="web"))
    audio = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": SAMPLE_RATE}
    reply = await stage.controller.post("/register-call", {"agent_id": agent_id, **audio}, expect=201)
    return str(reply.json["call_id"])


async def test_a_conversation_is_heard_both_ways_and_ends_when_the_user_leaves(stage: Stage) -> None:
    call_id = await register(stage, echo)
    seen = await converse(stage, call_id, talk_s=7.0)
    assert seen["events"][:2] == ["conversationStarted", "agentStartTalking"]
    assert not {"error", "disconnect"} & set(seen["events"]), "its pings, the first after 5 s, were answered"
    assert seen["level_dbfs"] > -20
    assert seen["ended"]["code"] == 1000
    record = await stage.controller.ended_call(call_id)
    assert (record["call_type"], record["disconnection_reason"]) == ("web_call", "user_hangup")


async def test_an_agent_that_leaves_ends_the_conversation(stage: Stage) -> None:
    async def goodbye(call: AgentCall) -> None:
        await asyncio.sleep(0.5)
        await call.hang_up()

    call_id = await register(stage, goodbye)
    seen = await converse(stage, call_id, talk_s=20)
    assert seen["ended"]["code"] == 1000
    record = await stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "agent_hangup"


async def test_transcripts_metadata_and_interruptions_reach_the_client(stage: Stage) -> None:
    update = {
        "event_type": "update",
        "transcript": [{"role": "agent", "content": "Hello"}],
        "turntaking": "agent_turn",
    }
    metadata = {"event_type": "metadata", "metadata": {"page": 2}}

    async def greet(call: AgentCall) -> None:
        await call.say(tone(440, 10.0, rate_hz=16_000))
        await call.send(update)
        await call.hears(seconds=0.5)
        await call.clear()
        await call.send(metadata)
        await call.hears_on(0.5)
        await call.hang_up()

    call_id = await register(stage, greet)
    seen = await converse(stage, call_id, talk_s=20)
    assert seen["told"] == [update, metadata]
    assert seen["ended"] == {"code": 1000, "reason": "agent_hangup"}
    assert {"agentStartTalking", "agentStopTalking"} <= set(seen["events"])
    record = await stage.controller.ended_call(call_id)
    assert record["transcript_object"][0]["content"] == "Hello"


async def test_a_call_that_nobody_registered_is_refused_with_a_reason(stage: Stage) -> None:
    seen = await converse(stage, "call_unknown", talk_s=20)
    assert seen["ended"]["code"] == 1008
    assert seen["ended"]["reason"]


async def test_a_call_is_joined_once(stage: Stage) -> None:
    call_id = await register(stage, echo)
    await converse(stage, call_id, talk_s=0.5)
    seen = await converse(stage, call_id, talk_s=20)
    assert seen["ended"]["code"] == 1008
