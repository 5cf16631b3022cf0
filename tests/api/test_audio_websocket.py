"""Registered calls over the audio websocket: real server, real store, front ends and agents on loopback."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.api.conftest import random_call_id
from tests.api.web_house import TWILIO, WEB, House, Json
from tests.fakes.agent_server import echo
from tests.fakes.sound import level_dbfs, tone, ulaw_decode, ulaw_encode
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd

pytestmark = pytest.mark.slow


async def test_a_browser_hears_its_agent_and_is_heard(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=16000)
    call_id = await house.register(agent, metadata={"a": 1}, retell_llm_dynamic_variables={"name": "Bob"})
    assert (await house.call(call_id))["call_status"] == "registered"
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        assert call.about["call_id"] == call_id
        assert call.about["metadata"] == {"a": 1}
        assert call.variables == {"name": "Bob"}
        assert (await house.call(call_id))["call_status"] == "ongoing"
        assert house.slots.in_use == 1
        said = tone(440, 1.0, rate_hz=24000)
        await browser.say(said)
        await call.heard_pieces(50)
        assert len(call.sound()) == 16000
        assert level_dbfs(call.sound()[1600:]) == pytest.approx(level_dbfs(said), abs=0.5)
        await browser.ping()
        await call.say(tone(600, 1.0, rate_hz=16000), chunk_ms=100)
        await browser.until(lambda: len(browser.sound()) == 24000)
        assert level_dbfs(browser.sound()[2400:]) == pytest.approx(level_dbfs(said), abs=0.5)
    record = await house.ended(call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert record["call_status"] == "ended"
    assert await call.gone() == 1000
    assert house.slots.in_use == 0


async def test_twilio_hears_its_agent_and_is_heard(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, TWILIO, from_number="+15550001", to_number="+15550002", direction="outbound")
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        call = await agent.call()
        assert (call.about["from"], call.about["to"], call.about["direction"]) == ("+15550001", "+15550002", "outbound")
        said = tone(440, 1.0)
        await twilio.say(said)
        await call.heard_pieces(50)
        assert np.array_equal(call.sound(), twilio_quantised(said))
        await twilio.press("5")
        await call.event("dtmf")
        assert call.digits == "5"
        await call.say(tone(600, 1.0), chunk_ms=20)
        await twilio.until(lambda: len(twilio.sound()) == 8000)
        assert np.array_equal(twilio.sound(), twilio_quantised(tone(600, 1.0)))
        await twilio.stop()
        assert (await house.ended(call_id))["disconnection_reason"] == "user_hangup"


def twilio_quantised(pcm: Any) -> Any:
    return ulaw_decode(ulaw_encode(pcm))


async def test_the_agents_clear_reaches_the_browser_and_its_marks_come_back(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=16000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await call.mark("at once")
        await call.event("mark")
        await call.say(tone(440, 30.0, rate_hz=16000), chunk_ms=1000)
        await call.mark("after half a minute")
        await browser.until(lambda: len(browser.sound()) == 30 * 24000)
        assert call.marks == ["at once"]
        await call.clear()
        await browser.until(lambda: "clear" in browser.words)
        await call.event("mark", index=1)
        assert call.marks == ["at once", "after half a minute"]


async def test_twilio_tells_when_a_mark_was_heard(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, TWILIO)
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        call = await agent.call()
        await call.say(tone(440, 1.0))
        await call.mark("said")
        await twilio.until(lambda: twilio.events("mark"))
        assert twilio.events("mark") == [{"event": "mark", "streamSid": twilio.stream_sid, "mark": {"name": "said"}}]
        assert call.marks == []
        await twilio.return_mark("said")
        await call.event("mark")
        await twilio.return_mark("never sent")
        await call.clear()
        await twilio.until(lambda: twilio.events("clear"))
        assert call.marks == ["said"]


async def test_aligned_audio_comes_as_json(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id, "?enable_audio_alignment=true")) as browser:
        await (await agent.call()).send(b"\x01\x02")
        await browser.until(lambda: browser.messages)
        assert browser.messages == [{"audio": "AQI=", "text": ""}]


async def test_what_was_registered_holds_from_the_first_message_on(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=16000)
    call_id = await house.register(agent, {**WEB, "sample_rate": 8000})
    async with WebFrontEnd(house.url(call_id, "?sample_rate=48000")) as browser:
        await browser.ping()
        await (await agent.call()).say(tone(440, 1.0, rate_hz=16000))
        await browser.until(lambda: len(browser.sound()) == 8000)


async def test_the_first_subprotocol_is_echoed(house: House) -> None:
    call_id = await house.register(house.agents.agent())
    names = [Subprotocol("audio.jambonz.org"), Subprotocol("other")]
    async with WebFrontEnd(house.url(call_id), subprotocols=names) as gateway:
        assert gateway.connection.subprotocol == "audio.jambonz.org"


async def test_a_call_is_joined_once(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent)
    fronts = [WebFrontEnd(house.url(call_id)) for _ in range(10)]
    await asyncio.gather(*(front.__aenter__() for front in fronts))
    done = [asyncio.create_task(front.closed.wait()) for front in fronts]
    while sum(task.done() for task in done) < 9:
        await asyncio.wait([task for task in done if not task.done()], return_when=asyncio.FIRST_COMPLETED)
    await agent.call()
    assert sorted(front.ending[0] or 0 for front in fronts) == [0] + 9 * [1008]
    for front in fronts:
        await front.__aexit__()
    await asyncio.gather(*done)
    await house.ended(call_id)
    assert agent.attempts == 1
    async with WebFrontEnd(house.url(call_id)) as late:
        assert await late.gone() == (1008, "the call has ended: user_hangup")


async def test_an_unknown_call_is_not_joined(house: House) -> None:
    for call_id in (random_call_id(), "x", "%00"):
        async with WebFrontEnd(house.url(call_id)) as browser:
            assert (await browser.gone())[0] == 1008


async def test_a_plain_request_is_told_what_this_is(house: House) -> None:
    response = await house.api.get("/audio-websocket/call_1")
    assert response.status == 400
    assert "websocket" in (await response.json())["message"]
    with pytest.raises(InvalidStatus):
        await connect(house.url("call_1", "?sample_rate=7999"))


async def test_a_registered_phone_call_may_come_from_twilio_or_from_the_web(house: House) -> None:
    agent = house.agents.agent(echo)
    agent_id = await house.agent_id(agent)
    ids = [(await house.post("/v2/register-phone-call", {"agent_id": agent_id}))["call_id"] for _ in range(2)]
    async with TwilioFrontEnd(house.url(ids[0], "?access_token=whatever")) as twilio:
        await twilio.begin()
        await agent.call()
        await twilio.say(tone(440, 0.2))
        await twilio.until(lambda: len(twilio.sound()) == 1600)
    async with WebFrontEnd(house.url(ids[1], "?sample_rate=16000")) as browser:
        await agent.call(index=1)
        await browser.say(tone(440, 0.2, rate_hz=16000))
        await browser.until(lambda: len(browser.sound()) == 3200)


async def test_a_web_call_is_joined_with_its_token_or_none(house: House) -> None:
    agent = house.agents.agent()
    agent_id = await house.agent_id(agent)
    made = await house.post("/v2/create-web-call", {"agent_id": agent_id})
    assert (made["call_type"], made["call_status"]) == ("web_call", "registered")
    async with WebFrontEnd(house.url(made["call_id"], "?access_token=wrong")) as thief:
        assert (await thief.gone())[0] == 1008
    async with WebFrontEnd(house.url(made["call_id"], f"?access_token={made['access_token']}")):
        await agent.call()


UPDATE = {
    "event_type": "update",
    "transcript": [{"role": "agent", "content": "Hello"}, {"role": "user", "content": "Hi Zo\u00eb"}],
    "turntaking": "agent_turn",
}
METADATA = {"event_type": "metadata", "metadata": {"page": 2}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?enable_update=true", [UPDATE, METADATA]),
        ("?enable_update=1", [UPDATE, METADATA]),
        ("?enable_update=false", [METADATA]),
        ("", [METADATA]),
    ],
)
async def test_transcripts_come_to_those_who_asked(house: House, query: str, expected: list[Json]) -> None:
    agent = house.agents.agent(protocol="web")
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id, query)) as browser:
        call = await agent.call()
        await call.send(UPDATE)
        await call.send(METADATA)
        await browser.messages_come(len(expected))
        assert browser.messages == expected
    record = await house.ended(call_id)
    assert record["transcript"] == "Agent: Hello\nUser: Hi Zo\u00eb\n"


async def test_twilio_is_told_of_no_transcripts(house: House) -> None:
    agent = house.agents.agent(protocol="web")
    call_id = await house.register(agent, TWILIO)
    async with TwilioFrontEnd(house.url(call_id, "?enable_update=true")) as twilio:
        await twilio.begin()
        call = await agent.call()
        await call.send(UPDATE)
        await call.send(METADATA)
        await call.mark("after them")
        await twilio.until(lambda: twilio.messages)
        assert [message["event"] for message in twilio.messages] == ["mark"]


@pytest.mark.parametrize("size_bytes", [1, 2, 3, 256, 4096, 100_001])
async def test_messages_of_any_size_are_one_stream(house: House, size_bytes: int) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    said = tone(440, 0.04, rate_hz=24000).astype("<i2").tobytes()
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        for start in range(0, len(said), size_bytes):
            await browser.connection.send(said[start : start + size_bytes])
        await call.heard_pieces(2)
        assert call.sound().astype("<i2").tobytes() == said


async def test_the_largest_message_is_taken_and_its_end_is_heard(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        last_piece = tone(440, 0.02, rate_hz=24000).astype("<i2").tobytes()
        whole_pieces = 1024 * 1024 // len(last_piece) * len(last_piece)
        await browser.connection.send(bytes(whole_pieces - len(last_piece)) + last_piece)
        await call.hears(seconds=0.02)
        await browser.connection.send(bytes(1024 * 1024))
        await browser.ping()
        assert (await house.call(call_id))["call_status"] == "ongoing"


async def test_a_mark_after_clear_does_not_wait_for_what_was_cleared(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=16000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)):
        call = await agent.call()
        await call.say(tone(440, 300.0, rate_hz=16000), chunk_ms=10_000)
        await call.mark("after five minutes")
        await call.clear()
        await call.say(tone(440, 0.1, rate_hz=16000))
        await call.mark("soon")
        await call.event("mark", index=1)
        assert call.marks == ["after five minutes", "soon"]


async def test_a_twilio_that_never_returns_a_mark_fails_no_agent(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, TWILIO)
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        call = await agent.call()
        for number in range(1001):
            await call.mark(str(number))
        await twilio.until(lambda: len(twilio.events("mark")) == 1001)
        await call.event("mark", index=999)
        assert call.marks == [str(number) for number in range(1000)]
        await twilio.return_mark("1000")
        await call.event("mark", index=1000)


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_keys_pressed_at_twilio_reach_agents_that_want_them(house: House, protocol: str) -> None:
    for allowed in (True, False):
        agent = house.agents.agent(protocol=protocol)
        agent_id = await house.agent_id(agent, allow_user_dtmf=allowed)
        call_id = (await house.post("/register-call", {"agent_id": agent_id, **TWILIO}))["call_id"]
        async with TwilioFrontEnd(house.url(call_id)) as twilio:
            await twilio.begin()
            call = await agent.call()
            for key in "19*#":
                await twilio.press(key)
            await twilio.say(tone(440, 0.1))
            await call.heard_pieces(5)
            assert call.digits == ("19*#" if allowed else "")


async def test_variables_of_the_system_are_filled_in_as_in_a_phone_call(house: House) -> None:
    agent = house.agents.agent()
    agent.engine["audio_websocket_url"] += (
        "?id={{call_id}}&type={{call_type}}&way={{direction}}&user={{user_number}}&agent={{agent_number}}"
        "&session={{session_type}}&so_far={{session_duration}}&ms={{session_duration_ms}}&who={{name}}"
    )
    agent.engine["audio_websocket_headers"] = {"X-Time": "{{current_time_UTC}}", "X-Hour": "{{current_hour}}"}
    agent_id = await house.agent_id(agent, timezone="Asia/Kolkata")
    told = {"from_number": "+15550001", "to_number": "+15550002", "direction": "outbound"}
    body = {"agent_id": agent_id, **TWILIO, **told, "retell_llm_dynamic_variables": {"name": "Ann & Bob"}}
    call_id = (await house.post("/register-call", body))["call_id"]
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        call = await agent.call()
    assert parse_qs(urlsplit(call.path).query) == {
        "id": [call_id],
        "type": ["phone_call"],
        "way": ["outbound"],
        "user": ["+15550002"],
        "agent": ["+15550001"],
        "session": ["voice"],
        "so_far": ["0 seconds"],
        "ms": ["0"],
        "who": ["Ann & Bob"],
    }
    assert call.headers["x-time"] == "Thursday, October 9, 2025 at 8:53:20 AM UTC"
    assert call.headers["x-hour"] == "14"


async def test_what_a_web_call_does_not_know_stays_as_it_is_written(house: House) -> None:
    agent = house.agents.agent()
    agent.engine["audio_websocket_headers"] = {"X-Call": "{{call_type}} {{direction}} {{user_number}}"}
    async with WebFrontEnd(house.url(await house.register(agent))):
        assert (await agent.call()).headers["x-call"] == "web_call {{direction}} {{user_number}}"


async def test_nothing_is_unpacked(house: House) -> None:
    """A client that offers to deflate is not taken up on it, and one that deflates all the same broke RFC 6455."""
    async with connect(house.url(await house.register(house.agents.agent()))) as browser:
        assert browser.protocol.extensions == []
        browser.transport.write(b"\xc2\x82" + bytes(6))  # RSV1: two bytes, deflated
        await browser.wait_closed()
    assert browser.close_code == 1002


@pytest.mark.parametrize("kind", ["pings", "empty messages"])
async def test_a_client_that_floods_with_what_has_no_payload_is_not_read_for_a_while(
    house: House, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("ari_agent.calls.web.front_end.BURST_BYTES", 1)
    monkeypatch.setattr("ari_agent.calls.web.front_end.BYTES_PER_S", 1)
    call_id = await house.register(house.agents.agent(protocol="web", rate_hz=16000))
    async with connect(house.url(call_id), ping_interval=None, close_timeout=0.1) as flood:
        for _ in range(5000):
            await (flood.ping() if kind == "pings" else flood.send(b""))
        await flood.send("ping")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while await flood.recv() != "pong":
                    pass
