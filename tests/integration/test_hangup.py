"""Every side may end a call; the wire says with which cause, the record says why."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.beside import beside
from tests.fakes.sip_message import first
from tests.fakes.sound import find, noise
from tests.integration.stage import Stage


async def test_the_callers_bye_ends_everything_at_once(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.caller.hang_up()
        assert await call.agent.gone() == 1000
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert record["call_status"] == "ended"
    assert record["end_timestamp"] >= record["start_timestamp"]
    assert record["duration_ms"] == record["end_timestamp"] - record["start_timestamp"]
    await stage.idle()


async def test_a_callers_bye_with_a_cause_is_a_hang_up_too(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    run = await stage.sipp.run("call", number, bye_headers=[("Reason", "Q.850;cause=31")], values={"TALK_MS": "400"})
    run.check()
    ended = await stage.events.event("call_ended", to_number=number)
    assert ended.call["disconnection_reason"] == "user_hangup"


@pytest.mark.parametrize("cause", [None, 17, 31, 34])
async def test_stop_call_sends_bye_with_the_chosen_cause(stage: Stage, cause: int | None) -> None:
    async with stage.connected() as call:
        body = None if cause is None else {"q850_cause": cause}
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", body, expect=204)
        bye = await call.caller.bye()
        await call.agent.gone()
        record = await stage.controller.ended_call(call.call_id)
    assert f"cause={cause or 16}" in bye.need("Reason").replace(" ", "")
    assert record["disconnection_reason"] == "manual_stopped"


async def test_the_bye_cause_on_the_wire_of_sipp(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with beside(stage.sipp.run("call_until_bye", number)) as run:
        call = await agent.call()
        await call.hears_on(0.2)
        await stage.controller.post(f"/v2/stop-call/{call.about['call_id']}", {"q850_cause": 42}, expect=204)
        bye = first((await run).check().received, method="BYE")
    assert bye is not None
    assert "Q.850" in bye.need("Reason") and "cause=42" in bye.need("Reason")


@pytest.mark.parametrize("cause", [0, 128, -1, "busy", 1.5])
async def test_an_impossible_cause_is_refused_and_the_call_goes_on(stage: Stage, cause: object) -> None:
    async with stage.connected() as call:
        reply = await stage.controller.post(f"/v2/stop-call/{call.call_id}", {"q850_cause": cause})
        assert reply.status == 400
        assert "q850_cause" in reply.json["message"]
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


async def test_stopping_twice_or_an_unknown_call_is_a_clear_error(stage: Stage) -> None:
    async with stage.connected() as call:
        await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
        await call.caller.bye()
        await stage.controller.ended_call(call.call_id)
        again = await stage.controller.post(f"/v2/stop-call/{call.call_id}")
    unknown = await stage.controller.post("/v2/stop-call/call_unknown")
    assert again.status == 400
    assert unknown.status == 422
    assert unknown.json["status"] == "error" and "call_unknown" in unknown.json["message"]


@pytest.mark.parametrize("protocol", ["twilio", "web"])
@pytest.mark.parametrize("cause", [None, 21])
async def test_the_agent_hangs_up(stage: Stage, protocol: str, cause: int | None) -> None:
    async with stage.connected(protocol=protocol) as call:
        await call.agent.hang_up(**({} if cause is None else {"q850_cause": cause}))
        bye = await call.caller.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "agent_hangup"
    if cause is not None:
        assert f"cause={cause}" in bye.need("Reason")


async def test_the_agents_last_words_are_played_before_it_hangs_up(stage: Stage) -> None:
    last_words = noise(1.0)

    async def leave(call: AgentCall) -> None:
        await call.say(last_words)
        await call.hang_up()

    async with stage.connected(leave) as call:
        await call.caller.bye()
        heard = call.caller.audio.sound()
    assert find(last_words, heard).similarity > 0.99


async def test_the_dialplan_goes_on_after_the_agent_and_knows_how_it_ended(stage: Stage) -> None:
    async def leave(call: AgentCall) -> None:
        await call.hears_on(0.2)
        await call.hang_up()

    agent = stage.agents.agent(leave)
    agent_id = await stage.create_agent(agent)
    async with stage.caller() as caller:
        await caller.call("see-after", headers=[("X-Agent-Id", agent_id)])
        bye = await caller.bye()
        call = await agent.call()
    assert "cause=17" in bye.need("Reason")  # the dialplan's own Hangup(17)
    shown = await stage.pbx.cli("dialplan show globals")
    assert f"SEEN_AFTER={call.about['call_id']}/agent_hangup/SUCCESS" in shown


async def test_nothing_of_a_call_is_left_a_second_after_it(stage: Stage) -> None:
    """In each of the ways that it can end: sockets and files of the process, channels and bridges."""
    async with stage.connected() as call:
        await call.caller.hang_up()  # connections to server and database are open from here on
    await stage.idle()
    await asyncio.sleep(1.0)
    before = stage.controller.open_files()
    for ending in ("caller", "api", "agent", "agent dies"):
        async with stage.connected(redial_ms=0) as call:
            await call.agent.hears_on(0.2)
            if ending == "caller":
                await call.caller.hang_up()
            elif ending == "api":
                await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
            elif ending == "agent":
                await call.agent.hang_up()
            else:
                call.agent.abort()
            await stage.controller.ended_call(call.call_id)
            ended_s = time.monotonic()
    await asyncio.sleep(max(0.0, 1.0 - (time.monotonic() - ended_s)))
    assert stage.controller.udp_sockets() == 0
    assert stage.controller.open_files() <= before
    await stage.idle(timeout_s=15)
    assert "ari_agent-bridge" not in await stage.pbx.cli("bridge show all")
