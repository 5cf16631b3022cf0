"""Registered calls over the audio websocket: real server, real store, front ends and agents on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.server import build_api
from ari_agent.asterisk.ari import Ari
from ari_agent.calls import web_media
from ari_agent.calls.concurrency import Slots
from ari_agent.calls.reception import Reception
from ari_agent.calls.record_keeper import RecordKeeper
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.session import SessionServices
from ari_agent.calls.switchboard import Switchboard
from ari_agent.calls.web_entrance import WebEntrance
from ari_agent.contract.call_control import HangupRequest
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook
from tests.api.conftest import API_KEY, Api, Json, random_call_id
from tests.fakes.agent_server import Agent, AgentServer, Refusal, echo
from tests.fakes.sound import level_dbfs, silence, tone, ulaw_decode, ulaw_encode
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd

NOW_MS = 1_760_000_000_000
WEB = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 24000}
TWILIO = {"audio_websocket_protocol": "twilio", "audio_encoding": "mulaw", "sample_rate": 8000}


@dataclass(slots=True)
class House:
    """A server with agents behind it. now_ms: its clock, which stands still."""

    api: Api
    agents: AgentServer
    store: Store
    registrar: Registrar
    switchboard: Switchboard
    slots: Slots
    clock: dict[str, int] = field(default_factory=dict)

    async def agent_id(self, agent: Agent, **settings: Any) -> str:
        response = await self.api.post("/create-agent", json={"response_engine": agent.engine, **settings})
        return str((await response.json())["agent_id"])

    async def post(self, path: str, body: Json, *, expect: int = 201) -> Json:
        response = await self.api.post(path, json=body)
        answer: Json = await response.json()
        assert response.status == expect, answer
        return answer

    async def register(self, agent: Agent, audio: Json = WEB, **body: Any) -> str:
        agent_id = await self.agent_id(agent)
        return str((await self.post("/register-call", {"agent_id": agent_id, **audio, **body}))["call_id"])

    def url(self, call_id: str, query: str = "") -> str:
        return str(self.api.make_url(f"/audio-websocket/{call_id}")).replace("http", "ws") + query

    async def call(self, call_id: str) -> Json:
        answer: Json = await (await self.api.get(f"/v2/get-call/{call_id}")).json()
        return answer

    async def ended(self, call_id: str) -> Json:
        for _ in range(1000):
            if "disconnection_reason" in (call := await self.call(call_id)):
                return call
            await asyncio.sleep(0.01)
        raise TimeoutError(call_id)


@pytest.fixture
async def house(store: Store) -> AsyncIterator[House]:
    clock = {"now_ms": NOW_MS}

    def now_ms() -> int:
        return clock["now_ms"]

    ari = Ari(url="http://127.0.0.1:9/ari", username="nobody", password="none", app="ari_agent")
    registrar = Registrar(store, new_call_id=random_call_id, now_ms=now_ms)
    slots = Slots(20)
    services = SessionServices(
        ari=ari,
        app="ari_agent",
        records=RecordKeeper(store, account_webhook_url=None),
        slots=slots,
        rtp=RtpPorts("127.0.0.1", first=0, last=0),
        wheel=Wheel(),
        account_webhook_url=None,
        now_ms=now_ms,
    )
    client: Api
    async with AgentServer() as agents, ClientSession() as session:
        reception = Reception(
            ari=ari,
            store=store,
            inbound_webhook=InboundWebhook(session, API_KEY),
            registrar=registrar,
            dice=lambda: 0.0,
            now_ms=now_ms,
        )
        switchboard = Switchboard(services, reception, new_call_id=random_call_id)
        dependencies = ApiDependencies(
            store=store,
            switchboard=switchboard,
            api_key=API_KEY,
            now_ms=now_ms,
            registrar=registrar,
            audio_websockets=WebEntrance(registrar, switchboard),
        )
        client = TestClient(TestServer(build_api(dependencies)), headers={"Authorization": f"Bearer {API_KEY}"})
        await client.start_server()
        yield House(client, agents, store, registrar, switchboard, slots, clock)
        await switchboard.close()
        await client.close()
        await ari.close()


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


@pytest.mark.parametrize(
    ("front", "encoding", "back"),
    [(8000, "mulaw", 8000), (48000, "s16le", 8000), (8000, "s16le", 48000), (44100, "s16le", 16000)],
)
async def test_every_format_meets_every_other(house: House, front: int, encoding: str, back: int) -> None:
    agent = house.agents.agent(protocol="web", encoding=encoding, rate_hz=back)
    call_id = await house.register(agent, {**WEB, "sample_rate": front})
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await browser.say(tone(440, 1.0, rate_hz=front), samples=front // 4)  # the longest documented message
        await call.heard_pieces(50)
        assert len(call.sound()) == pytest.approx(back, rel=0.001)
        assert level_dbfs(call.sound()[back // 10 :]) == pytest.approx(-10, abs=0.7)
        await call.say(tone(440, 1.0, rate_hz=back))
        await browser.until(lambda: len(browser.sound()) >= front * 0.999)
        assert level_dbfs(browser.sound()[front // 10 :]) == pytest.approx(-10, abs=0.7)


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


async def test_transcripts_come_to_those_who_asked(house: House) -> None:
    agent = house.agents.agent(protocol="web")
    update = {"event_type": "update", "transcript": [{"role": "agent", "content": "Hello"}]}
    metadata = {"event_type": "metadata", "metadata": {"page": 2}}
    for query, expected in (("?enable_update=true", [update, metadata]), ("", [metadata])):
        call_id = await house.register(agent)
        async with WebFrontEnd(house.url(call_id, query)) as browser:
            call = await agent.call(index=len(agent.calls) if agent.calls and agent.calls[-1].closed.is_set() else 0)
            await call.send(update)
            await call.send(metadata)
            await browser.messages_come(len(expected))
            assert browser.messages == expected
        await house.ended(call_id)


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


@pytest.mark.parametrize("junk", ["hello", '{"event":"media"}', "pingping", "\0"])
async def test_a_browser_that_talks_nonsense_ends_its_call(house: House, junk: str) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await browser.connection.send(junk)
        assert await browser.gone() == (1003, "error_frontend_corrupted_payload")
        await call.gone()
    record = await house.ended(call_id)
    assert (record["call_status"], record["disconnection_reason"]) == ("error", "error_frontend_corrupted_payload")


@pytest.mark.parametrize("junk", [b"audio", "no json", '{"event":"media","media":{"payload":"?"}}', "[]"])
async def test_a_twilio_that_talks_nonsense_ends_its_call(house: House, junk: str | bytes) -> None:
    call_id = await house.register(house.agents.agent(), TWILIO)
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        await twilio.connection.send(junk)
        assert (await twilio.gone())[0] == 1003
    assert (await house.ended(call_id))["disconnection_reason"] == "error_frontend_corrupted_payload"


async def test_an_agent_that_hangs_up_is_heard_to_the_end(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await call.say(tone(440, 0.5, rate_hz=24000))
        await call.hang_up()
        assert await browser.gone() == (1000, "agent_hangup")
        assert len(browser.sound()) == 12000
    assert (await house.ended(call_id))["disconnection_reason"] == "agent_hangup"


async def test_an_agent_that_cannot_be_reached_fails_the_call(house: House) -> None:
    call_id = await house.register(house.agents.agent(refusal=Refusal(503)))
    async with WebFrontEnd(house.url(call_id)) as browser:
        assert await browser.gone() == (1011, "error_llm_websocket_open")
    assert (await house.ended(call_id))["call_status"] == "error"


async def test_the_api_stops_a_web_call(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        await agent.call()
        response = await house.api.post(f"/v2/send-dtmf/{call_id}", json={"digits": "1"})
        assert (response.status, "web call" in (await response.json())["message"]) == (400, True)
        assert (await house.post(f"/v2/transfer-call/{call_id}", {"to": "+15551234"}, expect=200))["status"] == "failed"
        await house.switchboard.stop_call(call_id, HangupRequest())
        assert await browser.gone() == (1000, "manual_stopped")
    assert (await house.ended(call_id))["disconnection_reason"] == "manual_stopped"


async def test_without_a_slot_the_call_fails_at_once(house: House) -> None:
    call_id = await house.register(house.agents.agent())
    house.slots.limit = 0
    async with WebFrontEnd(house.url(call_id)) as browser:
        assert await browser.gone() == (1013, "concurrency_limit_reached")
    house.slots.limit = 20
    assert (await house.ended(call_id))["disconnection_reason"] == "concurrency_limit_reached"


async def test_a_front_end_that_sends_no_audio_fails_the_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_media, "NO_AUDIO_AFTER_S", 0.5)
    call_id = await house.register(house.agents.agent())
    async with WebFrontEnd(house.url(call_id)) as browser:
        await browser.ping()
        assert await browser.gone() == (1011, "error_no_audio_received")


async def test_silence_ends_the_call_after_what_the_registration_says(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, end_call_after_silence_ms=10_000)
    async with WebFrontEnd(house.url(call_id)) as browser:
        await agent.call()
        await browser.say(silence(1.0, rate_hz=24000))
        assert await browser.gone(15.0) == (1000, "inactivity")


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


async def test_calls_that_nobody_takes_are_ended(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    phone = (await house.post("/v2/register-phone-call", {"agent_id": agent_id}))["call_id"]
    ticket = await house.post("/v3/create-web-call", {"agent_id": agent_id})
    assert ticket["transport"] == "gateway"
    assert ticket["ice_servers"] == []
    assert ticket["expires_at"] == NOW_MS + 30_000
    expiring = asyncio.create_task(house.registrar.run())
    house.clock["now_ms"] = NOW_MS + 30_000
    async with WebFrontEnd(house.url(ticket["call_id"])) as late:
        assert (await late.gone())[0] == 1008
    assert (await house.ended(ticket["call_id"]))["disconnection_reason"] == "error_user_not_joined"
    assert (await house.call(phone))["call_status"] == "registered"
    house.clock["now_ms"] = NOW_MS + 300_000
    record = await house.ended(phone)
    assert (record["call_status"], record["disconnection_reason"]) == ("error", "registered_call_timeout")
    expiring.cancel()
    await asyncio.gather(expiring, return_exceptions=True)


async def test_registered_calls_outlive_a_restart(house: House) -> None:
    call_id = await house.register(house.agents.agent())
    assert await RecordKeeper(house.store, account_webhook_url=None).close_abandoned(NOW_MS) == 0
    assert (await house.call(call_id))["call_status"] == "registered"


@pytest.mark.parametrize(
    "wrong",
    [
        {"audio_websocket_protocol": "sip"},
        {"audio_encoding": "opus"},
        {"sample_rate": 7999},
        {"sample_rate": 48001},
        {"sample_rate": "8000"},
        {"audio_encoding": "mulaw", "sample_rate": 16000},
        {"end_call_after_silence_ms": 9999},
        {"direction": "sideways"},
        {"metadata": "text"},
        {"retell_llm_dynamic_variables": {"a": 1}},
        {"from_number": 5},
    ],
)
async def test_a_wrong_registration_is_refused(house: House, wrong: Json) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    answer = await house.post("/register-call", {"agent_id": agent_id, **WEB, **wrong}, expect=400)
    assert next(iter(wrong)) in answer["message"] or "sample_rate" in answer["message"]


async def test_a_registration_for_an_unknown_agent_is_refused(house: House) -> None:
    for path, body in (
        ("/register-call", WEB),
        ("/v2/register-phone-call", {}),
        ("/v2/create-web-call", {}),
        ("/v3/create-web-call", {"agent_version": 7}),
    ):
        await house.post(path, {"agent_id": "agent_unknown", **body}, expect=422)


async def test_a_registration_answers_all_of_itself(house: House) -> None:
    agent_id = await house.agent_id(house.agents.agent())
    asked: Json = {
        "agent_id": agent_id,
        **TWILIO,
        "end_call_after_silence_ms": 20_000,
        "from_number": "a",
        "to_number": "b",
        "direction": "inbound",
        "metadata": {"a": [1]},
        "retell_llm_dynamic_variables": {"name": "Bob"},
    }
    answer = await house.post("/register-call", {**asked, "end_after_silence_ms": 5, "unknown": None})
    call_id = answer.pop("call_id")
    assert answer == {
        **asked,
        "call_status": "registered",
        "drop_call_if_machine_detected": False,
        "opt_out_sensitive_data_storage": False,
    }
    record = await house.call(call_id)
    assert {name: record[name] for name in asked} == asked
    assert record["call_type"] == "phone_call"


async def test_an_override_holds_for_its_call_alone(house: House) -> None:
    first, second = house.agents.agent(), house.agents.agent()
    agent_id = await house.agent_id(first)
    override = {"agent": {"response_engine": second.engine}}
    made = await house.post("/v2/create-web-call", {"agent_id": agent_id, "agent_override": override})
    async with WebFrontEnd(house.url(made["call_id"])):
        await second.call()
    assert first.attempts == 0
    await house.post(
        "/v2/register-phone-call",
        {"agent_id": agent_id, "agent_override": {"agent": {"stt_mode": "custom"}}},
        expect=400,
    )
