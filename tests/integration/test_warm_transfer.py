"""Warm transfers on a real Asterisk: who hears whom and when, what the agent is told, how the caller comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_callee import SipCallee
from tests.fakes.sound import noise, silence, tone
from tests.fakes.tones import as_sent, first_ms, heard_ms, longest_silence_ms
from tests.integration.stage import Connected, Stage
from tests.integration.test_invite_transfer import TO, connected, hear_each_other

AGENT_HZ, SECOND_HZ, TARGET_HZ, CALLER_HZ = 1500, 1900, 2400, 2900
"""Who speaks; the music has nothing above 1000 Hz."""
CUE_HZ: Final = 880
THINKS_S: Final = 1.0
"""How long an agent takes for an answer; the caller hears music meanwhile."""
LONGEST_SILENCE_MS: Final = 200
MUSIC: Final = {"on_hold_music": "relaxing_sound"}
PRIVATE: Final = {"private_handoff_option": {"type": "prompt", "prompt": "{{name}} calls."}}
PUBLIC: Final = {"public_handoff_option": {"type": "prompt", "prompt": "Introduce them."}}
TELLS_ALL: Final = {
    "webhook_events": ["transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended", "call_ended"]
}
HELLO: Final = np.concatenate([silence(0.4), noise(0.5), silence(4)])
GREETING: Final = np.concatenate([silence(0.3), noise(5), silence(5)])


async def told(agent: AgentCall, status: str, *, timeout_s: float = 20.0) -> Mapping[str, Any]:
    """Until the agent was told that its transfer has come to this."""
    for index in range(20):
        message = await agent.transfer_result(index=index, timeout_s=timeout_s)
        if message["status"] == status:
            return message
    raise AssertionError(f"never told {status}: {agent.events('transfer')}")


def statuses(agent: AgentCall) -> list[str]:
    return [message["transfer"]["status"] for message in agent.events("transfer")]


def music_until(call: Connected, frequency_hz: float) -> np.ndarray[Any, Any]:
    """What was sent to the caller, from the first sound to the first moment of this tone."""
    heard = as_sent(call.caller.audio.heard)
    end_ms = first_ms(heard, frequency_hz)
    assert end_ms is not None, "the caller never heard it"
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 100)
    return heard[loud[0] : end_ms * 8]


async def transfer_webhooks(stage: Stage, call_id: str, last: str) -> list[str]:
    """Those of the call about its transfer, once this one has come."""
    await stage.events.event(last, call_id=call_id)
    return [name for name in stage.events.events(call_id=call_id) if name.startswith("transfer_")]


async def test_an_agent_hands_over_with_its_own_words(stage: Stage) -> None:
    async with connected(stage, agent=TELLS_ALL) as (call, target):
        agent = call.agent
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
        assert (await told(agent, "public_handoff"))["hears"] == "both"
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
        webhooks = await transfer_webhooks(stage, call.call_id, "transfer_bridged")
        assert webhooks == ["transfer_started", "transfer_bridged"]
    record = await stage.controller.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["transfer_destination"]) == ("call_transfer", TO)
    assert statuses(agent) == ["dialling", "ringing", "answered", "private_handoff", "public_handoff", "succeeded"]
    await stage.idle()


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


async def hangs_up_in_the_whisper(agent: AgentCall, target: SipCallee) -> None:
    await target.picks_up()
    await told(agent, "private_handoff")
    await agent.say(tone(SECOND_HZ, 5))
    await asyncio.sleep(0.5)
    await target.hang_up()


async def is_cancelled_while_it_rings(agent: AgentCall, target: SipCallee) -> None:
    await target.rings()
    await asyncio.sleep(0.5)
    await agent.send({"event": "transfer", "transfer": {"action": "cancel"}})
    await target.cancelled()


async def is_cancelled_in_the_whisper(agent: AgentCall, target: SipCallee) -> None:
    await target.picks_up()
    await told(agent, "private_handoff")
    await agent.say(tone(SECOND_HZ, 5))
    await asyncio.sleep(0.3)
    await agent.send({"event": "transfer", "transfer": {"action": "cancel"}})
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
    async with connected(stage, agent=TELLS_ALL) as (call, target):
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
        webhooks = await transfer_webhooks(stage, call.call_id, "transfer_cancelled")
        assert webhooks == ["transfer_started", "transfer_cancelled"]
        assert statuses(call.agent).count("failed") == 1
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert failing.told["message"] in record["call_analysis"]["call_summary"]
    await stage.idle()
