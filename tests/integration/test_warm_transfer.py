"""Warm transfers on a real Asterisk: who hears whom and when, what the agent is told, how the caller comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from ari_agent.calls.transfer.warm_transfer import MUSIC_GOES_ON_S
from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import noise, silence, tone
from tests.fakes.tones import as_sent, heard_ms, longest_silence_ms
from tests.integration.stage import Stage
from tests.integration.target import (
    BRIDGE,
    CANCEL,
    TO,
    connected_with_target,
    hear_each_other,
    music_until,
    transfer_events,
)

AGENT_HZ, SECOND_HZ, TARGET_HZ, CALLER_HZ = 1500, 1900, 2400, 2900
"""Who speaks; the music has nothing above 1000 Hz."""
CUE_HZ: Final = 880
THINKS_S: Final = 1.0
"""How long an agent takes for an answer; the caller hears music meanwhile."""
LONGEST_SILENCE_MS: Final = 200
MUSIC: Final = {"on_hold_music": "relaxing_sound"}
PRIVATE: Final = {"private_handoff_option": {"type": "prompt", "prompt": "{{name}} calls."}}
PUBLIC: Final = {"public_handoff_option": {"type": "static_message", "message": "I leave you two alone now."}}
"""No text to speech is set up here, so the agent says it."""
HELLO: Final = np.concatenate([silence(0.4), noise(0.5), silence(4)])
GREETING: Final = np.concatenate([silence(0.3), noise(5), silence(5)])


async def told(agent: AgentCall, status: str, *, timeout_s: float = 20.0) -> Mapping[str, Any]:
    """Until the agent was told that its transfer has come to this."""
    for index in range(20):
        message = await agent.transfer_result(index=index, timeout_s=timeout_s)
        if message["status"] == status:
            return message
    raise AssertionError(f"never told {status}: {agent.events('transfer')}")


def transcript(*said: tuple[str, str]) -> dict[str, Any]:
    """What an agent tells of what was said so far."""
    return {"event": "update", "update": {"transcript": [{"role": role, "content": text} for role, text in said]}}


def statuses(agent: AgentCall) -> list[str]:
    return [message["transfer"]["status"] for message in agent.events("transfer")]


async def test_an_agent_hands_over_with_its_own_words(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        agent = call.agent
        await agent.send(transcript(("user", "Help.")))
        await agent.transfer(TO, mode="warm", **MUSIC, **PRIVATE, **PUBLIC)
        await target.rings()
        await told(agent, "ringing")
        await call.caller.audio.hears()
        await target.picks_up()
        target.audio.say(HELLO)
        assert (await told(agent, "answered"))["hears"] == "target"
        await agent.hears()
        private = await told(agent, "private_handoff")
        assert private == {
            "status": "private_handoff",
            "hears": "target",
            "prompt": "{{name}} calls.",
            "spoken_by": "agent",
        }
        await agent.say(tone(AGENT_HZ, 1))
        await asyncio.sleep(1)
        target.audio.say(tone(TARGET_HZ, 0.5))
        await agent.send(transcript(("user", "Help."), ("agent", "Ada calls."), ("user", "Put her through.")))
        assert await told(agent, "public_handoff") == {
            "status": "public_handoff",
            "hears": "both",
            "message": "I leave you two alone now.",
            "spoken_by": "agent",
        }
        await asyncio.sleep(THINKS_S)
        await agent.say(tone(SECOND_HZ, 0.8))
        assert await told(agent, "succeeded") == {"status": "succeeded", "sip_status": 200}
        await agent.gone()
        await hear_each_other(call, target)
        before = music_until(call, SECOND_HZ)
        assert longest_silence_ms(before) <= LONGEST_SILENCE_MS
        assert heard_ms(before, AGENT_HZ) == 0, "the private words are the target's alone"
        heard = as_sent(target.audio.heard)
        assert heard_ms(heard, AGENT_HZ) == pytest.approx(1000, abs=100)
        for listener in (call.caller, target):
            assert heard_ms(as_sent(listener.audio.heard), SECOND_HZ) == pytest.approx(800, abs=100)
            assert heard_ms(as_sent(listener.audio.heard), CUE_HZ) >= 80
        assert heard_ms(agent.sound(), TARGET_HZ) == pytest.approx(500, abs=100)
        assert heard_ms(before, TARGET_HZ) == 0
    record = await stage.controller.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["transfer_destination"]) == ("call_transfer", TO)
    assert await transfer_events(stage, call.call_id) == ["transfer_bridged", "transfer_ended", "transfer_started"]
    assert record["transcript"] == "User: Help.\nAgent: Ada calls.\nTransfer Target: Put her through.\n"
    assert statuses(agent) == ["dialling", "ringing", "answered", "private_handoff", "public_handoff", "succeeded"]
    await stage.idle()


async def whispers(agent: AgentCall, target: SipCallee) -> None:
    """Until the target is told something that takes a while."""
    await target.picks_up()
    await told(agent, "private_handoff")
    await agent.say(tone(SECOND_HZ, 5))
    await asyncio.sleep(0.3)


async def rings(_: AgentCall, target: SipCallee) -> None:
    await target.rings()


@dataclass(frozen=True, slots=True)
class Failing:
    """A warm transfer that fails. happens: what makes it fail, from the INVITE on. told: what the agent is told."""

    happens: Callable[[AgentCall, SipCallee], Coroutine[Any, Any, None]]
    told: Mapping[str, Any]
    options: Mapping[str, Any]


async def is_busy(_: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await asyncio.sleep(0.5)
    await target.refuses(486)


async def declines(_: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await asyncio.sleep(0.5)
    await target.refuses(603)


async def never_answers(_: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await target.cancelled()


async def is_machine(_: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await target.picks_up()
    target.audio.say(GREETING)
    await target.bye()


async def says_nothing(_: AgentCall, target: SipCallee) -> None:
    await target.picks_up()
    await target.bye()


async def hangs_up_before_it_is_known(_: AgentCall, target: SipCallee) -> None:
    await target.picks_up()
    await asyncio.sleep(0.5)
    await target.hang_up()


async def hangs_up_in_the_whisper(agent: AgentCall, target: SipCallee) -> None:
    await whispers(agent, target)
    await target.hang_up()


async def is_cancelled_while_it_rings(agent: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await asyncio.sleep(0.5)
    await agent.send(CANCEL)
    await target.cancelled()


async def is_cancelled_in_the_whisper(agent: AgentCall, target: SipCallee) -> None:
    await whispers(agent, target)
    await agent.send(CANCEL)
    await target.bye()


HUMAN: Final = {"opt_out_human_detection": True, **PRIVATE}
FAILURES: Final = {
    "busy": Failing(is_busy, {"sip_status": 486, "message": "the destination is busy"}, {}),
    "declined": Failing(declines, {"sip_status": 603, "message": "the destination declined the call"}, {}),
    "not answered": Failing(
        never_answers,
        {"sip_status": 480, "message": "the destination does not answer"},
        {"transfer_ring_duration_ms": 5000},
    ),
    "a machine": Failing(is_machine, {"message": "an answering machine took the call"}, {}),
    "no human in time": Failing(
        says_nothing, {"message": "no human was heard in time"}, {"agent_detection_timeout_ms": 1000}
    ),
    "hung up before it is known": Failing(
        hangs_up_before_it_is_known, {"message": "the target hung up"}, {"enable_bridge_audio_cue": False}
    ),
    "hung up in the whisper": Failing(hangs_up_in_the_whisper, {"message": "the target hung up"}, HUMAN),
    "cancelled while it rings": Failing(
        is_cancelled_while_it_rings, {"message": "the agent cancelled the transfer"}, {}
    ),
    "cancelled in the whisper": Failing(
        is_cancelled_in_the_whisper, {"message": "the agent cancelled the transfer"}, HUMAN
    ),
}


@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES.keys())
async def test_a_failure_brings_the_caller_back_without_a_silence(stage: Stage, failing: Failing) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC, **failing.options)
        happening = asyncio.create_task(failing.happens(call.agent, target))
        assert await told(call.agent, "failed") == {"status": "failed", **failing.told}
        await asyncio.sleep(THINKS_S)
        await call.agent.say(tone(AGENT_HZ, 1))
        await happening
        await asyncio.sleep(1)
        call.caller.audio.say(tone(CALLER_HZ, 0.5))
        await call.caller.audio.said()
        await call.agent.hears_on(0.5)
        before = music_until(call, AGENT_HZ)
        assert longest_silence_ms(before) <= LONGEST_SILENCE_MS
        assert len(before) > 400, "the caller heard music"
        heard = as_sent(call.caller.audio.heard)
        assert heard_ms(heard, AGENT_HZ) >= 900
        assert heard_ms(heard, SECOND_HZ) == 0, "what was whispered is the target's alone"
        assert heard_ms(call.agent.sound(), CALLER_HZ) == pytest.approx(500, abs=100)
        assert statuses(call.agent).count("failed") == 1
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert failing.told["message"] in " ".join(record["faults"])
    assert await transfer_events(stage, call.call_id) == ["transfer_cancelled", "transfer_started"]
    await stage.idle()


@pytest.mark.parametrize("until", [rings, whispers])
@pytest.mark.parametrize("stops", [False, True], ids=["the caller hangs up", "the call is stopped"])
async def test_a_call_that_ends_meanwhile_leaves_nobody(
    stage: Stage, until: Callable[[AgentCall, SipCallee], Coroutine[Any, Any, None]], stops: bool
) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC, **HUMAN)
        await until(call.agent, target)
        if stops:
            await stage.controller.post(f"/v2/stop-call/{call.call_id}", {}, expect=204)
            await call.caller.bye()
        else:
            await call.caller.hang_up()
        await (target.cancelled() if until is rings else target.bye())
        await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == ("manual_stopped" if stops else "user_hangup")
    assert await transfer_events(stage, call.call_id) == ["transfer_cancelled", "transfer_started"]
    await stage.idle()
    assert "consult" not in await stage.pbx.cli("bridge show all")


@pytest.mark.parametrize("cancels", [False, True], ids=["the target hangs up", "the agent cancels"])
async def test_a_transfer_that_fails_among_three_leaves_caller_and_agent(stage: Stage, cancels: bool) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC, opt_out_human_detection=True, **PUBLIC)
        await target.picks_up()
        assert (await told(call.agent, "public_handoff"))["hears"] == "both"
        await call.agent.say(tone(SECOND_HZ, 5))
        await asyncio.sleep(0.5)
        if cancels:
            await call.agent.send(CANCEL)
            await target.bye()
        else:
            await target.hang_up()
        why = "the agent cancelled the transfer" if cancels else "the target hung up"
        assert await told(call.agent, "failed") == {"status": "failed", "message": why}
        await call.agent.say(tone(AGENT_HZ, 0.5))
        await asyncio.sleep(0.8)
        call.caller.audio.say(tone(CALLER_HZ, 0.5))
        await call.caller.audio.said()
        await call.agent.hears_on(0.5)
        heard = as_sent(call.caller.audio.heard)
        assert 300 <= heard_ms(heard, SECOND_HZ) < 3000, "the rest of it was dropped"
        assert heard_ms(heard, AGENT_HZ) == pytest.approx(500, abs=100)
        assert heard_ms(call.agent.sound(), CALLER_HZ) == pytest.approx(500, abs=100)
    await stage.controller.ended_call(call.call_id)
    assert await transfer_events(stage, call.call_id) == ["transfer_cancelled", "transfer_started"]
    await stage.idle()


async def test_an_agent_ends_a_step_once_its_words_are_heard(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC, **HUMAN)
        await target.rings()
        await call.agent.send(BRIDGE)  # too early
        await target.picks_up()
        await told(call.agent, "private_handoff")
        await call.agent.say(tone(AGENT_HZ, 1))
        await call.agent.send(BRIDGE)
        await told(call.agent, "succeeded")
        assert heard_ms(as_sent(target.audio.heard), AGENT_HZ) == pytest.approx(1000, abs=100)
        assert heard_ms(as_sent(call.caller.audio.heard), AGENT_HZ) == 0
    await stage.controller.ended_call(call.call_id)
    await stage.idle()


async def test_the_rest_is_done_without_an_agent_that_leaves(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC, **HUMAN, **PUBLIC)
        await target.rings()
        await call.agent.close()
        await asyncio.sleep(0.5)
        await target.picks_up()
        await stage.controller.logged(f"call bridged call_id={call.call_id}")
        await hear_each_other(call, target)
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    await stage.idle()


async def test_music_of_a_transfer_that_follows_at_once_goes_on(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", **MUSIC)
        await target.rings()
        await target.refuses(486)
        await told(call.agent, "failed")
        await call.agent.transfer(TO, mode="warm", **MUSIC)
        await target.rings()
        await asyncio.sleep(MUSIC_GOES_ON_S + 0.5)
        await call.agent.send(CANCEL)
        await target.cancelled()
        heard = as_sent(call.caller.audio.heard)
        assert longest_silence_ms(heard[-8 * 4000 :]) <= LONGEST_SILENCE_MS


async def test_whoever_answers_is_a_human_where_the_dialplan_has_no_detection(stage: Stage) -> None:
    await stage.pbx.cli("dialplan remove context ari-agent-amd")
    try:
        async with connected_with_target(stage) as (call, target):
            await call.agent.transfer(TO, mode="warm", **PRIVATE)
            await target.picks_up()
            await told(call.agent, "private_handoff", timeout_s=5)
    finally:
        await stage.pbx.cli("dialplan reload")
    await stage.idle()


async def test_there_is_nothing_to_decide_without_a_warm_transfer(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, _):
        await call.agent.send(BRIDGE)
        refused = await told(call.agent, "failed")
        assert "no warm transfer is on its way" in refused["message"]
        await call.agent.transfer(TO, mode="warm", on_hold_music="jazz", private_handoff_option={"type": "song"})
        assert "private_handoff_option" in (await call.agent.transfer_result(index=1))["message"]


async def test_music_that_is_not_there_is_ringing(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="warm", on_hold_music="jazz", **HUMAN)
        await target.rings()
        await stage.controller.logged("ringing instead of music: musiconhold.conf has no class jazz")
        await call.caller.audio.hears()
        assert heard_ms(as_sent(call.caller.audio.heard), 440) > 0, "the ringing tone of the US is 440 and 480 Hz"
