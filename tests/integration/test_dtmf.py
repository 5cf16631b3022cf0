"""Keys: from the caller to the agent, and from the agent and the API to the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.fakes.beside import beside
from tests.fakes.rtp_stream import TELEPHONE_EVENT
from tests.integration.stage import Connected, Stage


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_the_callers_keys_reach_the_agent(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        call.caller.audio.press("1590*#")
        await call.agent.event("dtmf", index=5)
        assert call.agent.digits == "1590*#"


@pytest.mark.parametrize("duration_ms", [250, None], ids=["dtmf-relay", "dtmf"])
async def test_keys_as_sip_info_reach_the_agent(stage: Stage, duration_ms: int | None) -> None:
    async with stage.connected() as call:
        for digit in "88#":
            await call.caller.info_digit(digit, duration_ms=duration_ms)
        await call.agent.event("dtmf", index=2)
        assert call.agent.digits == "88#"


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


@dataclass(frozen=True)
class Habit:
    """How a caller's side sends keys. lost: whether a datagram is lost; i: of the frame."""

    keys: str
    duration_ms: int = 100
    own_timestamps: bool = False
    lost: Callable[[int, bytes], bool] = lambda _index, _datagram: False


def is_event(datagram: bytes, *, end: bool) -> bool:
    return datagram[1] & 0x7F == 101 and bool(datagram[13] & 0x80) == end


HABITS = {
    "as the RFC says": Habit("5#"),
    "as short as can be": Habit("12", duration_ms=40),
    "held for a second": Habit("7", duration_ms=1000),
    "the same key twice": Habit("11"),
    "all that there are": Habit("0123456789*#ABCD", duration_ms=60),
    "a timestamp for each end": Habit("5", duration_ms=160, own_timestamps=True),
    "only one end arrives": Habit("58", lost=lambda i, sent: is_event(sent, end=True) and sent[3] % 3 != 0),
    "no end arrives": Habit("58", duration_ms=160, lost=lambda _, sent: is_event(sent, end=True)),
    "nothing but the ends arrives": Habit("58", lost=lambda _, sent: is_event(sent, end=False)),
    "every other packet is lost": Habit("58", duration_ms=200, lost=lambda _, sent: sent[3] % 2 == 0),
}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS.keys())
async def test_one_press_is_one_key_however_it_is_sent(stage: Stage, habit: Habit) -> None:
    async with stage.connected() as call:
        audio = call.caller.audio
        audio.stamps_each_end = habit.own_timestamps
        audio.impair = lambda index, datagram: () if habit.lost(index, datagram) else (datagram,)
        audio.press(habit.keys, duration_ms=habit.duration_ms)
        await audio.said()
        audio.impair = None
        await call.agent.event("dtmf", index=len(habit.keys) - 1)
        await asyncio.sleep(0.6)  # for one too many
        assert call.agent.digits == habit.keys


async def test_pauses_between_the_agents_keys_are_heard_as_pauses(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.press("1w2W3")
        await _digits(call.caller.audio, "123")
        began_s = {
            p.timestamp: p.time_s for p in reversed(call.caller.audio.heard) if p.payload_type == TELEPHONE_EVENT
        }
        first_s, second_s, third_s = sorted(began_s.values())
        assert second_s - first_s > 0.5
        assert third_s - second_s > 1.0


async def by_transfer(stage: Stage, call: Connected) -> None:
    await call.agent.transfer("+14155559999")
    await call.caller.refer()


async def by_stop_call(stage: Stage, call: Connected) -> None:
    await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)


@pytest.mark.parametrize("leave", [by_transfer, by_stop_call])
async def test_nobody_waits_for_keys_that_wait(
    stage: Stage, leave: Callable[[Stage, Connected], Awaitable[None]]
) -> None:
    async with stage.connected() as call:
        await call.agent.press("1" * 64)
        await leave(stage, call)
        await call.caller.bye()
        assert len(call.caller.audio.digits) < 64
    await stage.idle()


async def _digits(audio: object, wanted: str) -> None:
    for _ in range(300):
        if (heard := getattr(audio, "digits", "")) == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"heard {heard!r}, wanted {wanted!r}")
