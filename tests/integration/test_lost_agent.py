"""An audio agent that is lost in mid-call: what its caller hears, and how the call goes on or ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np
import pytest

from tests.fakes.agent_server import Agent, AgentCall, Refusal
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sound import tone
from tests.fakes.tcp_relay import TcpRelay
from tests.fakes.tones import as_sent, first_ms, heard_ms, longest_silence_ms
from tests.integration.stage import Stage
from tests.integration.target import TARGET_ADDRESS

FIRST_HZ, SECOND_HZ = 1500, 2100
"""Who speaks; the music has nothing above 1000 Hz."""
LONGEST_PAUSE_MS: Final = 1200
"""Until the music: three looks at who listens, and a busy machine."""
AWAY: Final = 'ari_agent_agent_away_seconds_count{agent="audio"}'
LOST: Final = "error_llm_websocket_lost_connection"


async def behind(relay: TcpRelay, stage: Stage, *, redial_ms: int | None = None) -> tuple[Agent, str]:
    """A new agent behind a relay, and its id."""
    agent = stage.agents.agent(redial_ms=redial_ms)
    agent.engine["audio_websocket_url"] = agent.url.replace(agent.url.split("/")[2], f"127.0.0.1:{relay.port}")
    return agent, await stage.create_agent(agent)


@asynccontextmanager
async def called(
    stage: Stage, relay: TcpRelay, *, number: str = "", redial_ms: int | None = None
) -> AsyncIterator[tuple[SipCaller, Agent, AgentCall]]:
    """A caller through to an agent behind a relay. number: to dial instead of one of the agent's."""
    agent, agent_id = await behind(relay, stage, redial_ms=redial_ms)
    dialled = number or await stage.import_number(agent_id)
    async with stage.caller() as caller:
        await caller.call(dialled, headers=[("X-Agent-Id", agent_id)])
        call = await agent.call()
        await stage.begun(call.about["call_id"])
        yield caller, agent, call


@asynccontextmanager
async def relayed(stage: Stage) -> AsyncIterator[TcpRelay]:
    """A relay in front of all agents: cut, it is a server that was killed; healed, one that was started again."""
    port = int(stage.agents.agent().url.split(":")[2].split("/")[0])
    async with TcpRelay("127.0.0.1", port) as relay:
        yield relay


async def hears_music(caller: SipCaller, *, timeout_s: float = 10.0) -> None:
    """Until 0.6 s of sound that is no tone of an agent were heard at the end."""
    for _ in range(int(timeout_s / 0.1)):
        latest = as_sent(caller.audio.heard)[-6400:]
        is_music = not heard_ms(latest, FIRST_HZ) and longest_silence_ms(latest[-4800:]) <= 200
        if len(latest) == 6400 and is_music:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("no music")


async def test_the_caller_hears_the_agent_out_then_music_and_then_the_agent_again(stage: Stage) -> None:
    async with relayed(stage) as relay, called(stage, relay) as (caller, agent, first):
        before = (await stage.controller.metrics())[AWAY]
        await first.say(tone(FIRST_HZ, 1.0))
        await caller.audio.hears()
        await relay.cut()
        await hears_music(caller)
        await relay.heal()
        second = await agent.call(index=1)
        assert second.about == {**first.about, "reconnected": "true"}
        assert second.stream_sid != first.stream_sid
        await asyncio.sleep(0.2)
        await second.say(tone(SECOND_HZ, 0.6))
        await second.mark("said")
        await second.event("mark")
        await second.hears_on(0.8)
        heard = as_sent(caller.audio.heard)
        assert heard_ms(heard, FIRST_HZ) == pytest.approx(1000, abs=100)
        assert heard_ms(heard, SECOND_HZ) == pytest.approx(600, abs=100)
        until = first_ms(heard, SECOND_HZ)
        assert until is not None
        loud = np.flatnonzero(np.abs(heard.astype(int)) > 100)
        assert longest_silence_ms(heard[loud[0] : until * 8]) <= LONGEST_PAUSE_MS
        assert longest_silence_ms(heard[-4000:]) >= 400, "the music is over"
        assert (await stage.controller.metrics())[AWAY] == before + 1
        await caller.hang_up()
    record = await stage.controller.ended_call(first.about["call_id"])
    assert record["disconnection_reason"] == "user_hangup"
    [fault] = record["faults"]
    assert fault.startswith("The agent was lost, and there again after ")
    assert "close code 1006" in fault


async def test_an_agent_that_stays_away_ends_the_call_in_the_dialplan(stage: Stage) -> None:
    async with relayed(stage) as relay, called(stage, relay, number="see-after", redial_ms=2000) as (caller, _, first):
        await relay.cut()
        await hears_music(caller)
        await caller.bye(timeout_s=10)
    record = await stage.controller.ended_call(first.about["call_id"])
    assert record["disconnection_reason"] == LOST
    assert "not reached again within 2 s" in " ".join(record["faults"])
    seen = await stage.pbx.cli("dialplan show globals")
    assert f"SEEN_AFTER={first.about['call_id']}/{LOST}/" in seen
    await stage.idle()


@pytest.mark.parametrize("ends", ["caller", "api", "transfer"])
async def test_a_call_whose_agent_is_away_can_be_ended_as_ever(stage: Stage, ends: str) -> None:
    async with relayed(stage) as relay, called(stage, relay) as (caller, _, first):
        call_id = first.about["call_id"]
        await relay.cut()
        await hears_music(caller)
        if ends == "caller":
            await caller.hang_up()
        elif ends == "api":
            told = {"call_control": {"additional_context": "There is news."}}
            assert (await stage.controller.request("PATCH", f"/v2/update-live-call/{call_id}", told)).status == 400
            await stage.controller.post(f"/v2/send-dtmf/{call_id}", {"digits": "12"}, expect=204)
            await stage.controller.post(f"/v2/stop-call/{call_id}", expect=204)
            await caller.bye()
        else:
            answer = await stage.controller.post(f"/v2/transfer-call/{call_id}", {"to": "101"}, expect=200)
            assert answer.json["status"] == "succeeded"
            await caller.bye()
            assert time.monotonic() - caller.audio.heard[-1].time_s >= 0.5, "no music goes along"
        record = await stage.controller.ended_call(call_id)
    reasons = {"caller": "user_hangup", "api": "manual_stopped", "transfer": "call_transfer"}
    assert record["disconnection_reason"] == reasons[ends]
    await stage.idle()


async def test_an_agent_that_refuses_for_a_moment_is_reached_and_there_is_no_music_before_a_short_loss_ends(
    stage: Stage,
) -> None:
    async with stage.connected() as call:
        call.agent.abort()
        agent = next(each for each in stage.agents.known() if call.agent in each.calls)
        second = await agent.call(index=1)
        await second.hears_on(1.0)
        assert call.caller.audio.loud_packets() == []
        agent.refusal = Refusal(503)
        await second.close(1012)
        await hears_music(call.caller)
        agent.refusal = None
        await agent.call(index=2)


async def test_an_agent_that_is_lost_while_the_phone_rings_is_dialled_again_too(stage: Stage) -> None:
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    async with relayed(stage) as relay, SipCallee(pbx=pbx, address=TARGET_ADDRESS) as phone:
        agent, agent_id = await behind(relay, stage)
        trunk = {"termination_uri": phone.uri, "transport": "UDP"}
        bound = [{"agent_id": agent_id, "weight": 1}]
        number = await stage.import_number(None, outbound_agents=bound, **trunk)
        body = {"from_number": number, "to_number": "+14155550199"}
        call_id = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json["call_id"]
        await phone.rings()
        await agent.call()
        await relay.cut()
        await phone.picks_up()
        await hears_music(phone)
        await relay.heal()
        second = await agent.call(index=1)
        assert (second.about["call_id"], second.about["reconnected"]) == (call_id, "true")
        await phone.hang_up()
        assert (await stage.controller.ended_call(call_id))["disconnection_reason"] == "user_hangup"
