"""Keys: from the caller to the agent, and from the agent and the API to the caller."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.beside import beside
from tests.integration.stage import Stage


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_the_callers_keys_reach_the_agent(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        call.caller.audio.press("1590*#")
        await call.agent.event("dtmf", index=5)
        assert call.agent.digits == "1590*#"


async def test_keys_as_sip_info_reach_the_agent(stage: Stage) -> None:
    async with stage.connected() as call:
        for digit in "8#":
            await call.caller.info_digit(digit)
        await call.agent.event("dtmf", index=1)
        assert call.agent.digits == "8#"


async def test_the_keys_of_sipp_reach_the_agent(stage: Stage) -> None:
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent))
    async with beside(stage.sipp.run("dtmf", number, values={"DIGITS": "42"})) as run:
        call = await agent.call()
        await call.event("dtmf", index=1)
        assert call.digits == "42"
        await stage.controller.post(f"/v2/stop-call/{call.about['call_id']}", expect=204)
        (await run).check()


async def test_keys_do_not_disturb_the_agents_timeline(stage: Stage) -> None:
    """While a key is down there is no audio from the caller: the agent hears silence of the same length."""
    async with stage.connected() as call:
        await call.agent.hears_on(0.5)
        call.caller.audio.press("123", duration_ms=400)
        await call.agent.event("dtmf", index=2)
        await call.agent.hears_on(3.0)
        first, last = call.agent.heard[0], call.agent.heard[-1]
        said_s = sum(len(piece.pcm) for piece in call.agent.heard[:-1]) / 8000
    assert said_s == pytest.approx(last.time_s - first.time_s, abs=0.08)


async def test_an_agent_that_wants_no_keys_gets_none(stage: Stage) -> None:
    async with stage.connected(agent={"allow_user_dtmf": False}) as call:
        call.caller.audio.press("12")
        await call.caller.audio.said()
        await asyncio.sleep(0.5)
        assert call.agent.digits == ""


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_the_agents_keys_reach_the_caller(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await call.agent.press("12#")
        await _digits(call.caller.audio, "12#")


async def test_the_apis_keys_reach_the_caller(stage: Stage) -> None:
    async with stage.connected() as call:
        reply = await stage.controller.post(f"/v2/send-dtmf/{call.call_id}", {"digits": "90*"})
        assert reply.status in (200, 204), reply.text
        await _digits(call.caller.audio, "90*")


@pytest.mark.parametrize("digits", ["", "abc!", "1" * 65, "1;2", 7])
async def test_wrong_keys_are_refused_and_the_call_goes_on(stage: Stage, digits: object) -> None:
    async with stage.connected() as call:
        reply = await stage.controller.post(f"/v2/send-dtmf/{call.call_id}", {"digits": digits})
        assert reply.status == 400
        assert "digits" in reply.json["message"]
        await call.agent.send({"event": "dtmf", "dtmf": {"digits": digits}})
        refusal = await call.agent.event("error")
        assert "digits" in refusal["error"]["message"]
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


async def _digits(audio: object, wanted: str) -> None:
    for _ in range(300):
        if (heard := getattr(audio, "digits", "")) == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"heard {heard!r}, wanted {wanted!r}")
