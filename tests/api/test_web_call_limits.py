"""What ends a web call by itself, with a clock that the tests turn: silence, duration, no audio at all."""

from __future__ import annotations

import asyncio

import pytest

from ari_agent.calls.media.call_media import NO_AUDIO_AFTER_S
from tests.api.web_house import TWILIO, WEB, House
from tests.fakes.sound import silence, tone
from tests.fakes.turned_loop import turn
from tests.fakes.web_client import FrontEnd, TwilioFrontEnd, WebFrontEnd

pytestmark = pytest.mark.slow

SPEECH = tone(440, 0.2, rate_hz=24_000)


async def seconds_pass(count: int) -> None:
    """So that what looks each second looks each second."""
    for _ in range(count):
        turn(1.0)
        await asyncio.sleep(0.01)


async def still_talks(house: House, call_id: str, front: FrontEnd) -> None:
    assert not front.closed.is_set()
    assert (await house.call(call_id))["call_status"] == "ongoing"


@pytest.mark.parametrize("audio", [WEB, TWILIO], ids=["web", "twilio"])
async def test_a_front_end_that_sends_no_audio_fails_the_call(house: House, audio: dict[str, object]) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, audio)
    async with (TwilioFrontEnd if audio is TWILIO else WebFrontEnd)(house.url(call_id)) as front:
        if isinstance(front, TwilioFrontEnd):
            await front.begin()
            await front.press("1")
        else:
            await front.ping()
        call = await agent.call()
        await seconds_pass(int(NO_AUDIO_AFTER_S) - 2)
        await still_talks(house, call_id, front)
        await seconds_pass(3)
        assert await front.gone() == (1011, "error_no_audio_received")
        assert await call.gone() == 1000
    record = await house.ended(call_id)
    assert (record["call_status"], record["disconnection_reason"]) == ("error", "error_no_audio_received")


async def test_silence_is_audio(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        await (await agent.call()).heard_pieces(0)
        await browser.say(silence(0.1, rate_hz=24_000))
        await (await agent.call()).heard_pieces(1)
        await seconds_pass(int(NO_AUDIO_AFTER_S) + 2)
        await still_talks(house, call_id, browser)


async def test_silence_ends_the_call_after_what_the_registration_says(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24_000)
    call_id = await house.register(agent, end_call_after_silence_ms=10_000)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await seconds_pass(8)
        await browser.say(SPEECH)  # it begins anew when the user speaks
        await call.heard_pieces(10)
        await seconds_pass(8)
        await call.say(tone(440, 5.0, rate_hz=24_000))  # and when the agent has been heard
        await browser.until(lambda: len(browser.sound()) == 5 * 24_000)
        await browser.say(silence(0.2, rate_hz=24_000))
        await seconds_pass(13)
        await still_talks(house, call_id, browser)
        await seconds_pass(4)
        assert await browser.gone() == (1000, "inactivity")
    record = await house.ended(call_id)
    assert (record["call_status"], record["disconnection_reason"]) == ("ended", "inactivity")


async def test_without_a_word_of_the_registration_the_agents_silence_counts(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent(), end_call_after_silence_ms=20_000)
    call_id = (await house.post("/register-call", {"agent_id": agent_id, **WEB}))["call_id"]
    async with WebFrontEnd(house.url(call_id)) as browser:
        await browser.say(SPEECH)
        await seconds_pass(15)
        await still_talks(house, call_id, browser)
        await seconds_pass(7)
        assert await browser.gone() == (1000, "inactivity")


async def test_a_call_lasts_as_long_as_its_agent_may_talk(house: House) -> None:
    agent = house.agents.agent()
    agent_id = await house.agent_id(agent, max_call_duration_ms=60_000)
    call_id = (await house.post("/register-call", {"agent_id": agent_id, **WEB}))["call_id"]
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await browser.say(SPEECH)
        await call.heard_pieces(10)
        await seconds_pass(55)
        await still_talks(house, call_id, browser)
        await seconds_pass(10)
        assert await browser.gone() == (1000, "max_duration_reached")
        assert await call.gone() == 1000
    record = await house.ended(call_id)
    assert (record["call_status"], record["disconnection_reason"]) == ("ended", "max_duration_reached")


async def test_a_client_that_answers_no_pings_is_gone(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await browser.say(SPEECH)
        await call.heard_pieces(10)
        browser.connection.transport.pause_reading()
        await seconds_pass(40)
        await call.gone()
        browser.connection.transport.resume_reading()
    assert (await house.ended(call_id))["disconnection_reason"] == "user_hangup"
