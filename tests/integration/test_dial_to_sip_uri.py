"""A registered phone call is dialled by its id, from a real caller through a real Asterisk."""

from __future__ import annotations

import asyncio

from tests.fakes.web_client import WebFrontEnd
from tests.integration.stage import CALLER_NUMBER, Stage


async def test_an_invite_to_the_call_id_becomes_the_registered_call(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    body = {
        "agent_id": agent_id,
        "direction": "outbound",
        "to_number": "+15550002",
        "metadata": {"ticket": 7},
        "retell_llm_dynamic_variables": {"name": "Bob", "x-plan": "gold"},
    }
    registered = (await stage.controller.post("/v2/register-phone-call", body, expect=201)).json
    call_id = registered["call_id"]
    assert (registered["call_status"], registered["call_type"]) == ("registered", "phone_call")
    assert (registered["from_number"], registered["to_number"]) == ("", "+15550002")
    async with stage.caller() as caller:
        await caller.call(call_id, headers=[("X-Plan", "silver"), ("X-Shop", "north")])
        call = await agent.call()
        assert call.about["call_id"] == call_id
        assert (call.about["from"], call.about["to"], call.about["direction"]) == (
            CALLER_NUMBER,
            "+15550002",
            "outbound",
        )
        assert (call.variables["name"], call.variables["x-plan"], call.variables["x-shop"]) == ("Bob", "gold", "north")
        await stage.begun(call_id)
        async with stage.caller() as second:
            await second.dial(call_id)
            assert (await second.refused()).status == 404
        assert (await stage.controller.call(call_id))["call_status"] == "ongoing"
    record = await stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert (record["direction"], record["from_number"], record["to_number"]) == ("outbound", CALLER_NUMBER, "+15550002")
    assert record["metadata"] == {"ticket": 7}
    assert agent.attempts == 1
    async with stage.caller() as late:
        await late.dial(call_id)
        assert (await late.refused()).status == 404
    assert await stage.controller.call(call_id) == record


async def test_an_id_that_nobody_registered_is_refused(stage: Stage) -> None:
    call_id = "call_" + "0" * 32
    async with stage.caller() as caller:
        await caller.dial(call_id)
        assert (await caller.refused()).status == 404
    assert (await stage.controller.get(f"/v2/get-call/{call_id}")).status == 422


async def test_a_registered_call_outlives_the_controller(stage: Stage) -> None:
    agent = stage.agents.agent()
    body = {"agent_id": await stage.create_agent(agent)}
    call_id = (await stage.controller.post("/v2/register-phone-call", body, expect=201)).json["call_id"]
    await stage.controller.kill()
    await stage.controller.start()
    async with stage.caller() as caller:
        await caller.call(call_id)
        assert (await agent.call()).about["call_id"] == call_id
    assert (await stage.controller.ended_call(call_id))["disconnection_reason"] == "user_hangup"


async def test_of_two_who_dial_at_once_one_has_the_call(stage: Stage) -> None:
    agent = stage.agents.agent()
    body = {"agent_id": await stage.create_agent(agent)}
    call_id = (await stage.controller.post("/v2/register-phone-call", body, expect=201)).json["call_id"]
    async with stage.caller() as first, stage.caller() as second:
        await asyncio.gather(first.dial(call_id), second.dial(call_id))
        await agent.call()
        outcomes = await asyncio.gather(first.refused(), second.refused(timeout_s=10), return_exceptions=True)
        assert [getattr(outcome, "status", "connected") for outcome in outcomes].count(404) == 1
    assert (await stage.controller.ended_call(call_id))["disconnection_reason"] == "user_hangup"
    assert agent.attempts == 1


async def test_the_websocket_and_an_invite_that_want_one_call_do_not_share_it(stage: Stage) -> None:
    agent = stage.agents.agent()
    body = {"agent_id": await stage.create_agent(agent)}
    call_id = (await stage.controller.post("/v2/register-phone-call", body, expect=201)).json["call_id"]
    url = stage.controller.url.replace("http", "ws", 1) + f"/audio-websocket/{call_id}"
    async with WebFrontEnd(url) as browser:
        await agent.call()
        async with stage.caller() as caller:
            await caller.dial(call_id)
            assert (await caller.refused()).status == 404
        await browser.ping()
    assert (await stage.controller.ended_call(call_id))["disconnection_reason"] == "user_hangup"
    assert agent.attempts == 1
