"""Agents that refuse, hang, die or talk nonsense: the caller is never left in silence, the record says why."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from ari_agent.agents.bad_messages import BURST
from tests.fakes.agent_server import CONNECT_ONLY, Agent, AgentCall, Refusal, echo, listen
from tests.fakes.sip_message import first
from tests.integration.stage import Stage


async def outcome(stage: Stage, agent: Agent, *, timeout_s: float = 20.0) -> dict[str, Any]:
    """Call this agent and stay on the line until the call is over for the controller; returns the record.

    What the dialplan says to the caller after that is not waited for.
    """
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        await caller.dial(number)
        ended = await stage.events.event("call_ended", to_number=number, timeout_s=timeout_s)
    return await stage.controller.call(ended.call["call_id"])


@pytest.mark.parametrize("status", [401, 404, 503])
@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_a_refusing_agent_is_error_llm_websocket_open(stage: Stage, protocol: str, status: int) -> None:
    agent = stage.agents.agent(protocol=protocol, refusal=Refusal(status))
    record = await outcome(stage, agent)
    assert record["disconnection_reason"] == "error_llm_websocket_open"
    assert record["call_status"] == "error"
    assert str(status) in " ".join(record["faults"])


async def test_an_agent_that_nobody_runs_is_error_llm_websocket_open(stage: Stage) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        agent = stage.agents.agent()
        agent.engine["audio_websocket_url"] = f"ws://127.0.0.1:{closed.getsockname()[1]}/"
        record = await outcome(stage, agent)
    assert record["disconnection_reason"] == "error_llm_websocket_open"


async def test_an_agent_that_takes_no_calls_fails_like_one_that_refuses(stage: Stage) -> None:
    own_events = stage.webhooks.hook()
    settings = {"response_engine": {"type": "retell-llm", "llm_id": "llm_1"}, "voice_id": "voice", "agent_name": "Ada"}
    agent_id = await stage.create_agent(stage.agents.agent())
    taking_none, refusing = await stage.import_number(agent_id), stage.agents.agent(refusal=Refusal(503))
    body = {**settings, "webhook_url": own_events.url}  # later: such an agent cannot be bound
    assert (await stage.controller.request("PATCH", f"/update-agent/{agent_id}", body)).status == 200
    heard: dict[str, int | None] = {}
    for number in (taking_none, await stage.import_number(await stage.create_agent(refusing))):
        async with stage.caller() as caller:
            await caller.dial(number)
            heard[number] = (await caller.refused(timeout_s=30)).status  # once the dialplan has said what is wrong
    ended = await own_events.event("call_ended", to_number=taking_none)
    assert len(set(heard.values())) == 1
    assert (ended.call["disconnection_reason"], ended.call["call_status"]) == ("error_llm_websocket_open", "error")
    assert (ended.call["agent_id"], ended.call["agent_name"]) == (agent_id, "Ada")
    why = f"agent {agent_id} has a response_engine of type retell-llm, which takes no calls; set ARI_AGENT_SPEECH_TO"
    assert f"call refused: {why}" in stage.controller.log_text()


async def test_an_agent_that_never_answers_the_handshake_ends_the_ringing(stage: Stage) -> None:
    record = await outcome(stage, stage.agents.agent(refusal=CONNECT_ONLY), timeout_s=30)
    assert record["disconnection_reason"] == "error_llm_websocket_open"


async def test_a_caller_may_give_up_while_the_agent_does_not_answer(stage: Stage) -> None:
    agent = stage.agents.agent(refusal=CONNECT_ONLY)
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        await caller.dial(number)
        await agent.attempted()
        await caller.cancel()
    ended = await stage.events.event("call_ended", to_number=number)
    assert ended.call["disconnection_reason"] == "user_hangup"
    assert "call_started" not in stage.events.events(to_number=number)


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_a_lost_connection_is_error_llm_websocket_lost_connection(stage: Stage, protocol: str) -> None:
    async def die(call: AgentCall) -> None:
        await asyncio.sleep(0.3)
        call.abort()

    record = await outcome(stage, stage.agents.agent(die, protocol=protocol, redial_ms=0))
    assert record["disconnection_reason"] == "error_llm_websocket_lost_connection"


@pytest.mark.parametrize("code", [1002, 1008, 1011, 4000])
async def test_a_close_code_that_means_failure_is_a_lost_connection(stage: Stage, code: int) -> None:
    async def fail(call: AgentCall) -> None:
        await asyncio.sleep(0.3)
        await call.close(code)

    record = await outcome(stage, stage.agents.agent(fail, redial_ms=0))
    assert record["disconnection_reason"] == "error_llm_websocket_lost_connection"


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_normal_close_is_the_agent_hanging_up(stage: Stage, code: int) -> None:
    async def leave(call: AgentCall) -> None:
        await asyncio.sleep(0.3)
        await call.close(code)

    record = await outcome(stage, stage.agents.agent(leave, redial_ms=0))
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["call_status"] == "ended"


@pytest.mark.parametrize(
    ("protocol", "garbage"),
    [
        ("twilio", "not json"),
        ("twilio", '{"no":"event"}'),
        ("twilio", '{"event":"media","media":{"payload":"***"}}'),
        ("twilio", b"\x00\x01binary"),
        ("web", "not json"),
        ("web", "[]"),
    ],
)
async def test_nonsense_is_ignored_and_told_and_the_call_goes_on(
    stage: Stage, protocol: str, garbage: str | bytes
) -> None:
    async with stage.connected(echo, protocol=protocol) as call:
        await call.agent.send(garbage)
        assert (await call.agent.event("error"))["error"]["message"]
        await call.hears_itself()
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
        ignored = [line for line in stage.controller.log_text().splitlines() if "is ignored" in line]
        assert sum(call.call_id in line for line in ignored) == 1


async def test_endless_garbage_is_error_llm_websocket_corrupt_payload(stage: Stage) -> None:
    async def babble(call: AgentCall) -> None:
        for _ in range(2 * BURST):
            await call.send("not json")

    record = await outcome(stage, stage.agents.agent(babble))
    assert record["disconnection_reason"] == "error_llm_websocket_corrupt_payload"


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_an_unknown_event_is_ignored(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await call.agent.send({"event": "something new", "data": [1, 2, 3]})
        await call.agent.hears_on(0.5)
        record = await stage.controller.call(call.call_id)
    assert record["call_status"] == "ongoing"


async def test_the_caller_of_an_agent_that_refuses_hears_a_sentence_not_dead_air(stage: Stage) -> None:
    """The dialplan says it, as early media: nobody pays for a call that reached nobody."""
    number = await stage.import_number(await stage.create_agent(stage.agents.agent(refusal=Refusal(503))))
    async with stage.caller() as caller:
        await caller.dial(number)
        response = await caller.refused(timeout_s=20)
        early = first(caller.received, method="INVITE", status=183)
        assert early is not None and early.body
        assert response.status == 503


async def test_the_caller_of_an_agent_that_dies_hears_a_sentence_not_dead_air(stage: Stage) -> None:
    async def die(call: AgentCall) -> None:
        await call.hears_on(0.3)
        call.abort()

    number = await stage.import_number(await stage.create_agent(stage.agents.agent(die, redial_ms=0)))
    async with stage.caller() as caller:
        await caller.call(number)
        await caller.bye(timeout_s=20)
        said_s = len(caller.audio.loud_packets()) * 0.02
    assert said_s > 1.0


async def test_handshake_headers_are_sent(stage: Stage) -> None:
    agent = stage.agents.agent(listen, headers={"Authorization": "Bearer for-the-agent", "X-Tenant": "7"})
    number = await stage.import_number(await stage.create_agent(agent))
    async with stage.caller() as caller:
        await caller.call(number)
        call = await agent.call()
    assert call.headers["authorization"] == "Bearer for-the-agent"
    assert call.headers["x-tenant"] == "7"


async def test_what_an_agent_is_told_in_twilios_protocol(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.hears_on(0.3)
        call_id, agent = call.call_id, call.agent
    await agent.gone()
    assert agent.events("connected") == [{"event": "connected", "protocol": "Call", "version": "1.0.0"}]
    (start,) = agent.events("start")
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert start["start"]["tracks"] == ["inbound"]
    (stop,) = agent.events("stop")
    assert stop["stop"]["callSid"] == start["start"]["callSid"] == call_id
    assert agent.messages[-1] == stop
