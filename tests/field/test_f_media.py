"""What networks, telephones and gateways do with the audio of a call, and with the events that go with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio

from tests.fakes.agent_server import echo
from tests.fakes.rtcp_reporter import reporting
from tests.fakes.rtp_stream import packet
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import noise
from tests.integration.stage import Connected, Stage, staged
from tests.integration.test_outbound import trunk

COMFORT_NOISE = 13  # RFC 3551 table 4
NO_AUDIO_AFTER_S = 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A stage that soon gives up callers who send nothing, and whose ARI can be cut."""
    folder = tmp_path_factory.mktemp("media")
    async with staged(folder, through_relay=True, NO_AUDIO_AFTER_S=str(NO_AUDIO_AFTER_S), LOG_LEVEL="debug") as made:
        yield made


# A caller who sends no audio.


@asynccontextmanager
async def keys_by_info(caller: SipCaller) -> AsyncIterator[None]:
    await caller.info_digit("5")
    yield


@asynccontextmanager
async def a_short_hold(caller: SipCaller) -> AsyncIterator[None]:
    await caller.hold()
    await caller.resume()
    caller.audio.muted = True
    yield


@asynccontextmanager
async def comfort_noise_only(caller: SipCaller) -> AsyncIterator[None]:
    def quiet(index: int, _: bytes) -> Sequence[bytes]:
        return [] if index % 5 else [packet(COMFORT_NOISE, False, index, index * 160, 77, b"\x40")]

    caller.audio.impair = quiet
    caller.audio.muted = False
    yield


@pytest.mark.parametrize("sign", [keys_by_info, a_short_hold, comfort_noise_only, reporting])
async def test_a_caller_who_sends_no_audio_stays_with_any_sign_of_life(
    stage: Stage, sign: Callable[[SipCaller], AbstractAsyncContextManager[None]]
) -> None:
    async with stage.connected(echo, muted=True) as call:
        async with sign(call.caller):
            await logged_of(stage, call, "other signs of life")
        call.caller.audio.impair, call.caller.audio.muted = None, False
        await call.hears_itself()


async def test_a_caller_who_gives_no_sign_of_life_is_told_so_in_the_record(stage: Stage) -> None:
    async with stage.connected(muted=True) as call:
        await call.caller.bye()
        record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "error_no_audio_received"
    assert "neither audio nor any other sign of life" in " ".join(record["faults"])


# RTP from another address than the one that was announced.


async def test_audio_from_another_address_is_named_at_once_and_in_the_record(stage: Stage) -> None:
    assert stage.relay
    stage.relay.replaces = (b'UNICASTRTP_LOCAL_ADDRESS":"127.0.0.1"', b'UNICASTRTP_LOCAL_ADDRESS":"127.0.0.9"')
    try:
        async with stage.connected() as call:
            line = await logged_of(stage, call, "audio is dropped")
            assert "announced=127.0.0.9:" in line
            assert "actual=127.0.0.1:" in line
            record = await stage.controller.ended_call(call.call_id)
    finally:
        stage.relay.replaces = None
    assert record["disconnection_reason"] == "error_no_audio_received"
    assert "none of it has come to the controller" in " ".join(record["faults"])
    assert stage.controller.log_text().count("audio is dropped") == 1


# Hold that nobody told us of.


@asynccontextmanager
async def asterisk_away(stage: Stage) -> AsyncIterator[None]:
    """No ARI, neither events nor requests, until the end of the block."""
    assert stage.relay
    await stage.relay.cut()
    try:
        yield
    finally:
        await stage.relay.heal()
        await stage.controller.wait_for("/readyz", 200)


async def test_hold_is_read_again_when_asterisk_is_back(stage: Stage) -> None:
    async with stage.connected(echo) as resumes, stage.connected(echo) as holds:
        await resumes.caller.hold()
        await hears_silence(resumes)
        async with asterisk_away(stage):
            await asyncio.gather(resumes.caller.resume(), holds.caller.hold())
            await asyncio.sleep(2)
        await resumes.hears_itself()
        await logged_of(stage, holds, "holds the call")
        holds.caller.audio.muted = False  # the phone's own music
        await hears_silence(holds)
        await holds.caller.resume()
        await holds.hears_itself()


async def test_audio_that_comes_again_ends_the_hold_while_asterisk_is_away(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        await call.caller.hold()
        await asyncio.sleep(2)
        async with asterisk_away(stage):
            await call.caller.resume()
            await logged_of(stage, call, "audio comes again")
            await call.hears_itself()


async def test_an_answer_that_came_while_asterisk_was_away_begins_the_call(stage: Stage) -> None:
    async with trunk(stage, answers(ringing_ms=2000, talk_ms=4000)) as made:
        placed = await made.call()
        await made.far_end.heard("INVITE")
        async with asterisk_away(stage):
            await made.far_end.heard("ACK")
        assert "start_timestamp" in await stage.controller.ended_call(placed["call_id"])


async def test_the_phones_music_does_not_end_the_hold(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        await call.caller.hold()
        await asyncio.sleep(2)
        call.caller.audio.muted = False
        await asyncio.sleep(2)
        await hears_silence(call)


# Keys.


async def test_a_key_whose_ends_have_timestamps_of_their_own_is_one_key(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.audio.stamps_each_end = True
        call.caller.audio.press("5", duration_ms=160)
        await asyncio.sleep(1.5)
        call.caller.audio.stamps_each_end = False
        call.caller.audio.press("77", duration_ms=60)
        call.caller.audio.press("#")
        await call.agent.event("dtmf", index=3)
        assert call.agent.digits == "577#"


async def hears_silence(call: Connected) -> None:
    """The agent, although the caller's side makes a sound."""
    await asyncio.sleep(0.3)
    begun = len(call.agent.sound())
    call.caller.audio.say(noise(0.5))
    await call.caller.audio.said()
    await asyncio.sleep(0.3)
    assert not call.agent.sound()[begun:].any()


async def logged_of(stage: Stage, call: Connected, text: str, *, timeout_s: float = 10.0) -> str:
    """The line of this call that holds the text, once it is logged."""
    end_s = time.monotonic() + timeout_s
    while True:
        for line in stage.controller.log_text().splitlines():
            if text in line and call.call_id in line:
                return line
        if time.monotonic() > end_s:
            raise TimeoutError(f"{text!r} was not logged of the call in {timeout_s} s")
        await asyncio.sleep(0.05)
