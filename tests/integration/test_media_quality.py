"""The quality of a call's audio in its record: what the network did to each direction, whoever ends the call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ari_agent.calls.quality_watch import LOOK_EACH_S
from tests.fakes.lossy_link import LossyLink, Weather, lossy_link, missing
from tests.fakes.rtcp_reporter import reporting
from tests.fakes.sip_caller import media_address
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import noise, ulaw_encode
from tests.integration.stage import Connected, Stage, staged
from tests.integration.target import TO, connected_with_target
from tests.integration.test_outbound import trunk

PERFECT = 4.41
BAD_DAYS = {
    "caller_to_agent": Weather(delay_ms=30, inward_loss_percent=5, seed=2),
    "agent_to_caller": Weather(delay_ms=30, loss_percent=5, inward_loss_percent=0, seed=2),
}

Found = dict[str, Any]
Calls = dict[str, tuple[Found, Found, LossyLink]]


async def call_over(weather: Weather, folder: Path) -> tuple[Found, Found, LossyLink]:
    """A call over a bad network between phone and Asterisk: its quality after 10 s, at its end, and the link."""
    with lossy_link(weather) as link:
        async with staged(folder, pbx_options={"bind": link.near, "callers": (f"{link.far}/32",)}) as stage:
            agent = stage.agents.agent()
            number = await stage.import_number(await stage.create_agent(agent))
            async with stage.caller(address=link.far, open_socket=link.open_udp) as caller:
                await caller.call(number, timeout_s=20)
                call_id = str((await agent.call()).about["call_id"])
                _, rtp_port = media_address(caller.sent[0].body)
                async with reporting(caller, lambda _: link.open_socket(socket.SOCK_DGRAM, rtp_port + 1)):
                    await asyncio.sleep(LOOK_EACH_S + 1)
                    meanwhile = await stage.controller.call(call_id)
                    await caller.hang_up(timeout_s=10)
            record = await stage.controller.ended_call(call_id, timeout_s=20)
    return meanwhile["media_quality"], record["media_quality"], link


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bad_days(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Calls]:
    """Both calls at the same time, for the first attempt of each test."""
    calls = [call_over(weather, tmp_path_factory.mktemp(way)) for way, weather in BAD_DAYS.items()]
    yield dict(zip(BAD_DAYS, await asyncio.gather(*calls), strict=True))


@pytest.mark.skipif(bool(what := missing()), reason=f"a lossy link needs {what}")
@pytest.mark.parametrize("way", BAD_DAYS)
async def test_a_record_says_how_much_was_lost_on_which_way(bad_days: Calls, way: str, tmp_path: Path) -> None:
    meanwhile, quality, link = bad_days.pop(way) if way in bad_days else await call_over(BAD_DAYS[way], tmp_path)
    (clean_way,) = BAD_DAYS.keys() - {way}
    bad, clean = quality[way], quality[clean_way]
    on_the_way = (link.inward if way == "caller_to_agent" else link.outward).lost
    assert on_the_way - 5 <= bad["lost"] <= on_the_way  # of which a few are no audio
    assert 2 < bad["loss_percent"] < 9
    assert 3.4 < bad["mos"] < 4.2
    assert (clean["lost"], clean["mos"]) == (0, PERFECT)
    assert quality["codec"] == "ulaw"
    assert 55 < quality["round_trip_ms"] < 200
    assert 0 < meanwhile[way]["packets"] < bad["packets"]


async def of_call(stage: Stage, call: Connected) -> Found:
    found: Found = (await stage.controller.ended_call(call.call_id))["media_quality"]
    return found


async def talk(call: Connected) -> None:
    """Two seconds, of which the caller's network loses every twentieth packet."""
    call.caller.audio.impair = lambda index, datagram: () if index % 20 == 7 else (datagram,)
    call.caller.audio.say(noise(2.0))
    async with reporting(call.caller):
        await call.caller.audio.said()


async def counted(stage: Stage, before: dict[str, float]) -> None:
    """Until both directions of another call are in the histograms: by then it has given back all that it held."""
    names = [f'ari_agent_call_mos_count{{direction="{direction}"}}' for direction in BAD_DAYS]
    for _ in range(100):
        after = await stage.controller.metrics()
        if all(after[name] > before[name] for name in names):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not counted: {[(name, before[name], after[name]) for name in names]}")


@pytest.mark.parametrize("who", ["caller", "agent", "api"])
async def test_whoever_hangs_up_the_record_has_all_that_was_counted(stage: Stage, who: str) -> None:
    before = await stage.controller.metrics()
    async with stage.connected() as call:
        await talk(call)
        heard = len(call.caller.audio.heard)
        if who == "caller":
            await call.caller.hang_up()
        elif who == "agent":
            await call.agent.hang_up()
            await call.caller.bye()
        else:
            await stage.controller.post(f"/v2/stop-call/{call.call_id}", expect=204)
            await call.caller.bye()
    quality = await of_call(stage, call)
    assert (await stage.events.event("call_ended", call_id=call.call_id)).call["media_quality"] == quality
    await counted(stage, before)
    heard_from, heard_to = quality["caller_to_agent"], quality["agent_to_caller"]
    assert 4 <= heard_from["lost"] <= 8
    assert heard_from["mos"] < PERFECT
    assert heard_from["concealed_ms"] >= 20 * heard_from["lost"]
    assert heard_to["packets"] >= heard
    assert (heard_to["lost"], heard_to["jitter_ms"], heard_to["mos"]) == (0, 3.0, PERFECT)


async def test_a_phone_without_rtcp_leaves_open_what_it_hears(stage: Stage) -> None:
    async with stage.connected() as call:
        await asyncio.sleep(0.5)
        await call.caller.hang_up()
    quality = await of_call(stage, call)
    assert quality["agent_to_caller"].keys() == {"packets"}
    assert quality["caller_to_agent"]["mos"] == PERFECT


async def test_what_caller_and_target_hear_of_each_other_does_not_count(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target):
        await call.agent.transfer(TO, mode="sip_invite")
        await target.picks_up()
        await call.agent.gone()
        before = len(call.caller.audio.heard)
        await asyncio.sleep(2)
        await call.caller.hang_up()
    quality = await of_call(stage, call)
    assert quality["agent_to_caller"]["packets"] < before + 50


async def test_a_call_that_we_place_has_the_quality_of_both_directions_too(stage: Stage) -> None:
    (stage.pbx.work_path / "words.ulaw").write_bytes(ulaw_encode(noise(5)))
    async with trunk(stage, answers(talk_ms=1000, sound="words.ulaw")) as line:
        quality = (await line.ended())["media_quality"]
        await line.far_end.done()
    assert quality["codec"] == "ulaw"
    assert quality["caller_to_agent"]["packets"] > 20
    assert quality["caller_to_agent"]["mos"] == PERFECT
    assert quality["agent_to_caller"]["packets"] > 20


@pytest.mark.parametrize(("duration_ms", "ends_stamped"), [(60, False), (160, False), (160, True)])
async def test_a_key_is_no_loss(stage: Stage, duration_ms: int, ends_stamped: bool) -> None:
    async with stage.connected() as call:
        call.caller.audio.stamps_each_end = ends_stamped
        for digits in ("5", "67"):
            call.caller.audio.press(digits, duration_ms=duration_ms)
            await call.caller.audio.said()
            await asyncio.sleep(0.7 if ends_stamped else 0.3)
        await call.caller.hang_up()
    heard = (await of_call(stage, call))["caller_to_agent"]
    assert (heard["lost"], heard["mos"]) == (0, PERFECT)


async def test_what_is_lost_beside_a_key_is_counted(stage: Stage) -> None:
    """Six packets far from it, two right before it, and three right behind."""
    lost: list[int] = []

    def lossy(index: int, datagram: bytes) -> tuple[bytes, ...]:
        is_audio = datagram[1] & 0x7F == 0
        far, beside = index - begun in range(5, 35, 5), index - begun in (48, 49, 58, 59, 60)
        if is_audio and (far or beside):
            lost.append(index)
            return ()
        return (datagram,)

    async with stage.connected() as call:
        audio = call.caller.audio
        begun = audio.frames_sent
        audio.impair = lossy
        audio.say(noise(1.0))
        await audio.said()
        audio.press("5", duration_ms=160)
        await audio.said()
        audio.say(noise(0.6))
        await audio.said()
        await call.caller.hang_up()
    heard = (await of_call(stage, call))["caller_to_agent"]
    assert len(lost) >= 8
    assert abs(heard["lost"] - len(lost)) <= 1
