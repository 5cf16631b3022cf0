"""Agentic warm transfers on a real Asterisk: a second agent talks with the target, and decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.fakes.agent_server import Agent, AgentCall, Refusal
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sip_message import first
from tests.fakes.sound import tone
from tests.fakes.tones import as_sent, heard_ms, longest_silence_ms
from tests.integration.stage import Connected, Stage
from tests.integration.target import (
    BRIDGE,
    CANCEL,
    TO,
    connected_with_target,
    hear_each_other,
    music_until,
    nothing_is_left,
    transfer_events,
)

FIRST_HZ, SECOND_HZ, TARGET_HZ, CALLER_HZ = 1500, 1900, 2400, 2900
"""Who speaks; the music has nothing above 1000 Hz."""
CUE_HZ: Final = 880
LONGEST_SILENCE_MS: Final = 200
SAID: Final = {"event": "update", "update": {"transcript": [{"role": "user", "content": "Where is my parcel?"}]}}


@dataclass(frozen=True, slots=True)
class Three:
    """A call whose agent has asked for a transfer, its target, and the second agent."""

    stage: Stage
    call: Connected
    target: SipCallee
    second: Agent

    async def agent(self) -> AgentCall:
        """The second agent, once it is connected."""
        return await self.second.call()


@asynccontextmanager
async def asked(
    stage: Stage, *, refusal: Refusal | None = None, config: Mapping[str, Any] | None = None, **options: Any
) -> AsyncIterator[Three]:
    """An agentic transfer has been asked for. config: of the second agent's part. options: of the whole."""
    second = stage.agents.agent(protocol="web", encoding="mulaw", refusal=refusal)
    agent_id = await stage.create_agent(second, webhook_events=["call_started", "call_ended", "call_analyzed"])
    async with connected_with_target(stage) as (call, target):
        await call.agent.send(SAID)
        await call.agent.transfer(
            TO,
            mode="agentic_warm",
            on_hold_music="relaxing_sound",
            agentic_transfer_config={"transfer_agent": {"agent_id": agent_id}, **(config or {})},
            **options,
        )
        yield Three(stage, call, target, second)


async def outcome(agent: AgentCall) -> Mapping[str, Any]:
    """Until the first agent is told how its transfer ended."""
    for index in range(5):
        message = await agent.transfer_result(index=index, timeout_s=20)
        if message["status"] in ("failed", "succeeded"):
            return message
    raise AssertionError(f"never told: {agent.events('transfer')}")


async def says_hello(three: Three) -> AgentCall:
    """The target picks up, and it and the second agent are heard by each other."""
    second = await three.agent()
    await three.target.picks_up()
    three.target.audio.say(tone(TARGET_HZ, 0.5))
    await second.hears(seconds=0.4)
    return second


async def test_a_second_agent_talks_with_the_target_and_bridges(stage: Stage) -> None:
    async with asked(stage) as three:
        call, target = three.call, three.target
        await target.rings()
        second = await three.agent()
        await call.caller.audio.hears()
        await second.send(BRIDGE)  # too early
        assert (await stage.controller.metrics())["ari_agent_slots_in_use"] == 2
        await call.agent.send(BRIDGE)  # not for it to decide
        assert await says_hello(three) is second
        assert await second.transfer_result() == {"status": "answered", "hears": "target"}
        await second.transfer("+14155550000", mode="sip_invite")
        assert "can only decide" in (await second.transfer_result(index=1))["message"]
        await second.press("1")
        assert "can only decide" in (await second.event("error"))["error"]["message"]
        await second.say(tone(SECOND_HZ, 1))
        await second.send(BRIDGE)
        await second.close()  # it has decided, and may leave
        assert await outcome(call.agent) == {"status": "succeeded", "sip_status": 200}
        await call.agent.gone()
        await hear_each_other(call, target)
        assert heard_ms(second.sound(), TARGET_HZ) >= 400
        assert heard_ms(call.agent.sound(), TARGET_HZ) == heard_ms(call.agent.sound(), SECOND_HZ) == 0
        assert longest_silence_ms(music_until(call, CUE_HZ)) <= LONGEST_SILENCE_MS
        assert heard_ms(as_sent(call.caller.audio.heard), SECOND_HZ) == 0, "its words are the target's alone"
        assert heard_ms(as_sent(target.audio.heard), SECOND_HZ) == pytest.approx(1000, abs=100)
        for listener in (call.caller, target):
            assert heard_ms(as_sent(listener.audio.heard), CUE_HZ) >= 80
        assert (await stage.controller.metrics())["ari_agent_slots_in_use"] == 0
    told = [message["transfer"]["status"] for message in call.agent.events("transfer")]
    assert told == ["dialling", "ringing", "answered", "succeeded"]
    record = await stage.controller.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["transfer_destination"]) == ("call_transfer", TO)
    assert await transfer_events(stage, call.call_id) == ["transfer_bridged", "transfer_ended", "transfer_started"]
    await is_told_and_recorded(three, second)
    await nothing_is_left(stage)


async def is_told_and_recorded(three: Three, second: AgentCall) -> None:
    """The second agent was told of the first call; its own call has a record and webhooks."""
    original = {"call_id": three.call.call_id, "transcript": "User: Where is my parcel?\n"}
    assert second.about["metadata"]["original_call"] == original
    assert second.variables["original_call_id"] == three.call.call_id
    call_id = str(second.about["call_id"])
    record = await three.stage.controller.ended_call(call_id)
    assert record["disconnection_reason"] == "transfer_bridged"
    assert (record["direction"], record["from_number"], record["to_number"]) == ("outbound", three.call.number, TO)
    assert record["retell_llm_dynamic_variables"]["original_call_id"] == three.call.call_id
    assert record["duration_ms"] > 500
    assert "parcel" not in str(record), "what was said in the first call is told, and not stored twice"
    await three.stage.events.event("call_analyzed", call_id=call_id)
    assert sorted(three.stage.events.events(call_id=call_id)) == ["call_analyzed", "call_ended", "call_started"]


async def test_an_agent_that_does_not_decide_bridges_if_that_is_asked_for(stage: Stage) -> None:
    config = {"transfer_timeout_ms": 1000, "action_on_timeout": "bridge_transfer"}
    async with asked(stage, config=config, enable_bridge_audio_cue=False) as three:
        await says_hello(three)
        assert (await outcome(three.call.agent))["status"] == "succeeded"
        await hear_each_other(three.call, three.target)
    await nothing_is_left(stage)


@dataclass(frozen=True, slots=True)
class Failing:
    """An agentic transfer that fails. happens: what makes it fail, from the INVITE on. told: to the first agent.

    reason: on the second agent's record.
    """

    happens: Callable[[Three], Coroutine[Any, Any, None]]
    told: Mapping[str, Any]
    reason: str = "transfer_cancelled"
    config: Mapping[str, Any] = field(default_factory=dict)
    refusal: Refusal | None = None


async def is_busy(three: Three) -> None:
    await three.target.rings()
    await three.agent()
    await three.target.refuses(486)


async def target_hangs_up(three: Three) -> None:
    await says_hello(three)
    await three.target.hang_up()


async def is_unreachable(three: Three) -> None:
    await three.target.rings()
    await three.target.cancelled()


async def is_lost(three: Three) -> None:
    (await says_hello(three)).abort()
    await three.target.bye()


async def hangs_up(three: Three) -> None:
    await (await says_hello(three)).hang_up()
    await three.target.bye()


async def cancels(three: Three) -> None:
    second = await says_hello(three)
    await second.say(tone(SECOND_HZ, 3))
    await second.send(CANCEL)
    await three.target.bye()


async def first_cancels(three: Three) -> None:
    await says_hello(three)
    await three.call.agent.send(CANCEL)
    await three.target.bye()


async def does_not_decide(three: Three) -> None:
    await says_hello(three)
    await three.target.bye()


async def is_stopped(three: Three) -> None:
    second = await says_hello(three)
    await three.stage.controller.post(f"/v2/stop-call/{second.about['call_id']}", {}, expect=204)
    await three.target.bye()


ENDED: Final = "the transfer agent's call ended with "
FAILURES: Final = {
    "busy": Failing(is_busy, {"sip_status": 486, "message": "the destination is busy"}),
    "the target hangs up": Failing(target_hangs_up, {"message": "the target hung up"}),
    "unreachable": Failing(
        is_unreachable, {"message": f"{ENDED}error_llm_websocket_open"}, "error_llm_websocket_open", refusal=Refusal()
    ),
    "lost": Failing(
        is_lost, {"message": f"{ENDED}error_llm_websocket_lost_connection"}, "error_llm_websocket_lost_connection"
    ),
    "it hangs up": Failing(hangs_up, {"message": "the transfer agent hung up"}),
    "it cancels": Failing(cancels, {"message": "the transfer agent cancelled the transfer"}),
    "the first agent cancels": Failing(first_cancels, {"message": "the agent cancelled the transfer"}),
    "undecided": Failing(
        does_not_decide,
        {"message": "the transfer agent did not decide in time"},
        config={"transfer_timeout_ms": 1500},
    ),
    "stopped": Failing(is_stopped, {"message": f"{ENDED}manual_stopped"}, "manual_stopped"),
}


@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES.keys())
async def test_a_failure_brings_the_caller_back_without_a_silence(stage: Stage, failing: Failing) -> None:
    async with asked(stage, refusal=failing.refusal, config=failing.config) as three:
        call = three.call
        happening = asyncio.create_task(failing.happens(three))
        told = dict(await outcome(call.agent))
        assert str(told["message"]).startswith(failing.told["message"])
        assert told == {"status": "failed", **failing.told, "message": told["message"]}
        await happening
        await call.agent.say(tone(FIRST_HZ, 0.5))
        await asyncio.sleep(0.8)
        call.caller.audio.say(tone(CALLER_HZ, 0.5))
        await call.caller.audio.said()
        await call.agent.hears_on(0.5)
        assert longest_silence_ms(music_until(call, FIRST_HZ)) <= LONGEST_SILENCE_MS
        heard = as_sent(call.caller.audio.heard)
        assert heard_ms(heard, FIRST_HZ) == pytest.approx(500, abs=100)
        assert heard_ms(heard, SECOND_HZ) == heard_ms(heard, TARGET_HZ) == 0
        assert heard_ms(call.agent.sound(), CALLER_HZ) == pytest.approx(500, abs=100)
    record = await stage.controller.ended_call(call.call_id)
    assert failing.told["message"] in " ".join(record["faults"])
    assert await transfer_events(stage, call.call_id) == ["transfer_cancelled", "transfer_started"]
    own = await stage.controller.ended_call(await second_call_id(three))
    assert own["disconnection_reason"] == failing.reason
    assert (own["hangup"]["who"] == "agent") == (failing.happens in (cancels, hangs_up))
    await nothing_is_left(stage)


async def second_call_id(three: Three) -> str:
    """The id of the second agent's call, from its webhook."""
    deliveries = three.stage.events.about(to_number=TO)
    return str(next(each.call["call_id"] for each in reversed(deliveries) if each.call["direction"] == "outbound"))


@pytest.mark.parametrize("ends", ["caller", "stop-call", "stop", "kill"])
async def test_a_call_that_ends_meanwhile_leaves_nobody(stage: Stage, ends: str) -> None:
    async with asked(stage) as three:
        second = await says_hello(three)
        if ends == "caller":
            await three.call.caller.hang_up()
        elif ends == "stop-call":
            await stage.controller.post(f"/v2/stop-call/{three.call.call_id}", {}, expect=204)
            await three.call.caller.bye()
        else:
            await (stage.controller.kill if ends == "kill" else stage.controller.stop)()
            await stage.controller.start()
            if ends == "stop":
                await three.call.caller.bye()
            else:  # the call goes on, with its own agent
                await stage.events.event("transfer_cancelled", call_id=three.call.call_id, timeout_s=20)
                await three.call.caller.hang_up()
        await three.target.bye()
        await second.gone()
    reasons = {
        "caller": ("user_hangup", "transfer_cancelled"),
        "stop-call": ("manual_stopped", "transfer_cancelled"),
        "stop": ("manual_stopped", "manual_stopped"),
        "kill": ("user_hangup", "error_retell"),
    }
    record = await stage.controller.ended_call(three.call.call_id)
    assert await transfer_events(stage, three.call.call_id) == ["transfer_cancelled", "transfer_started"]
    own = await stage.controller.ended_call(str(second.about["call_id"]))
    assert (record["disconnection_reason"], own["disconnection_reason"]) == reasons[ends]
    await nothing_is_left(stage)


async def test_what_cannot_be_is_refused_before_anybody_is_dialled(stage: Stage) -> None:
    engine = {"type": "custom-llm", "llm_websocket_url": "ws://127.0.0.1:9/llm"}
    reply = await stage.controller.post("/create-agent", {"response_engine": engine, "voice_id": "none"}, expect=201)
    cases = {
        "needs agentic_transfer_config": None,
        "agent agent_nobody not found": {"transfer_agent": {"agent_id": "agent_nobody"}},
        "is no transfer agent; use audio-websocket": {"transfer_agent": {"agent_id": reply.json["agent_id"]}},
    }
    audio = await stage.create_agent(stage.agents.agent())
    async with connected_with_target(stage) as (call, target):
        for index, (why, config) in enumerate(cases.items()):
            given = {"agentic_transfer_config": config} if config else {}
            await call.agent.transfer(TO, mode="agentic_warm", **given)
            assert why in (await call.agent.transfer_result(index=index))["message"]
        config = {"transfer_agent": {"agent_id": audio}}
        await call.agent.transfer("999", mode="agentic_warm", agentic_transfer_config=config)
        assert "no such extension" in (await call.agent.transfer_result(index=len(cases)))["message"]
        assert (await stage.controller.metrics())["ari_agent_slots_in_use"] == 1
        assert first(target.received, method="INVITE") is None
    assert await transfer_events(stage, call.call_id) == []
    await nothing_is_left(stage)
