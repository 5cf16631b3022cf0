"""How web calls end: what the front end and the agent hear, what the record says, and which webhooks are owed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from websockets.asyncio.client import connect

from ari_agent.agents.bad_messages import BURST
from ari_agent.contract.call_control import HangupRequest
from tests.api.web_house import TWILIO, WEB, House
from tests.fakes.agent_server import AgentCall, Refusal
from tests.fakes.sound import silence, tone
from tests.fakes.web_client import FrontEnd, TwilioFrontEnd, WebFrontEnd

pytestmark = pytest.mark.slow

STARTED: Final = ["call_started", "call_ended", "call_analyzed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """What is done, and what comes of it. close: code and reason that the front end sees; None where it left itself.

    agent: the close code that the agent sees; None where that is its own.
    """

    do: Callable[[House, str, FrontEnd, AgentCall], Awaitable[object]]
    reason: str
    close: tuple[int, str] | None
    agent: int | None = 1000
    audio: dict[str, Any] = field(default_factory=lambda: WEB)

    @property
    def status(self) -> str:
        return "error" if self.reason.startswith("error") else "ended"


async def leave(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.close()


async def vanish(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    front.connection.transport.abort()


async def stop(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    assert isinstance(front, TwilioFrontEnd)
    await front.stop()


async def babble(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.send("no ping")


async def babble_in_binary(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.send(b"\0" * 160)


async def corrupt_media(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.send('{"event":"media","media":{"payload":"not base64"}}')


async def send_too_much(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.send(bytes(1024 * 1024 + 1))


async def break_utf8(_house: House, _call_id: str, front: FrontEnd, _call: AgentCall) -> None:
    await front.connection.send(b"\xff\xfe", text=True)


async def agent_hangs_up(_house: House, _call_id: str, _front: FrontEnd, call: AgentCall) -> None:
    await call.hang_up(q850_cause=17)


async def agent_closes(_house: House, _call_id: str, _front: FrontEnd, call: AgentCall) -> None:
    await call.close()


async def agent_dies(_house: House, _call_id: str, _front: FrontEnd, call: AgentCall) -> None:
    call.abort()


async def agent_fails(_house: House, _call_id: str, _front: FrontEnd, call: AgentCall) -> None:
    await call.close(1011)


async def agent_babbles(_house: House, _call_id: str, _front: FrontEnd, call: AgentCall) -> None:
    for _ in range(2 * BURST):
        await call.send("no word that it may say")


async def api_stops(house: House, call_id: str, _front: FrontEnd, _call: AgentCall) -> None:
    await house.switchboard.stop_call(call_id, HangupRequest())


async def server_stops(house: House, _call_id: str, _front: FrontEnd, _call: AgentCall) -> None:
    await house.switchboard.close()


CORRUPT: Final = "error_frontend_corrupted_payload"
LOST: Final = "error_llm_websocket_lost_connection"
BABBLE: Final = "error_llm_websocket_corrupt_payload"
ENDINGS: Final = {
    "the user leaves": Ending(leave, "user_hangup", None),
    "the user vanishes": Ending(vanish, "user_hangup", None),
    "twilio stops": Ending(stop, "user_hangup", (1000, "user_hangup"), audio=TWILIO),
    "a browser sends text": Ending(babble, CORRUPT, (1003, CORRUPT)),
    "a browser sends over 1 MiB": Ending(send_too_much, CORRUPT, (1009, "")),
    "a browser sends broken text": Ending(break_utf8, CORRUPT, (1007, "")),
    "twilio sends binary": Ending(babble_in_binary, CORRUPT, (1003, CORRUPT), audio=TWILIO),
    "twilio sends corrupt media": Ending(corrupt_media, CORRUPT, (1003, CORRUPT), audio=TWILIO),
    "the agent hangs up": Ending(agent_hangs_up, "agent_hangup", (1000, "agent_hangup")),
    "the agent closes": Ending(agent_closes, "agent_hangup", (1000, "agent_hangup")),
    "the agent dies": Ending(agent_dies, LOST, (1011, LOST), agent=1006),
    "the agent fails": Ending(agent_fails, LOST, (1011, LOST), agent=None),
    "the agent says nonsense without end": Ending(agent_babbles, BABBLE, (1011, BABBLE), agent=1008),
    "the API stops it": Ending(api_stops, "manual_stopped", (1000, "manual_stopped")),
    "the server stops": Ending(server_stops, "manual_stopped", (1000, "manual_stopped")),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
async def test_each_end_is_told_to_the_front_end_the_agent_the_record_and_the_webhooks(
    house: House, ending: Ending
) -> None:
    agent = house.agents.agent(protocol="web")
    call_id = await house.register(agent, ending.audio)
    client = TwilioFrontEnd if ending.audio is TWILIO else WebFrontEnd
    async with client(house.url(call_id)) as front:
        if isinstance(front, TwilioFrontEnd):
            await front.begin()
        call = await agent.call()
        house.clock["now_ms"] += 5000
        await ending.do(house, call_id, front, call)
        closed = await front.gone()
        if ending.close:
            assert (closed[0], closed[1] if ending.close[1] else "") == ending.close
        assert await call.gone() == ending.agent or ending.agent is None
    record = await house.ended(call_id)
    assert (record["call_status"], record["disconnection_reason"]) == (ending.status, ending.reason)
    assert record["duration_ms"] == 5000
    assert record["call_analysis"]["call_successful"] is (ending.status == "ended")
    assert await house.told(call_id) == STARTED
    assert house.slots.in_use == 0
    assert house.switchboard.live() == ()


@pytest.mark.parametrize("path", ["/register-call", "/v2/create-web-call"])
async def test_an_agent_that_cannot_be_reached_fails_the_call(house: House, path: str) -> None:
    for refusal in (Refusal(503), Refusal(404)):
        agent_id = await house.agent_id(house.agents.agent(refusal=refusal))
        call_id = (await house.post(path, {"agent_id": agent_id, **WEB}))["call_id"]
        async with WebFrontEnd(house.url(call_id)) as browser:
            assert await browser.gone() == (1011, "error_llm_websocket_open")
        record = await house.ended(call_id)
        assert (record["call_status"], record["disconnection_reason"]) == ("error", "error_llm_websocket_open")
        assert await house.told(call_id) == STARTED


async def test_an_agent_whose_url_cannot_be_made_fails_the_call(house: House) -> None:
    agent = house.agents.agent()
    agent.engine["audio_websocket_url"] = "{{agent_url}}"
    call_id = await house.register(agent, retell_llm_dynamic_variables={"agent_url": "no URL"})
    async with WebFrontEnd(house.url(call_id)) as browser:
        assert await browser.gone() == (1011, "error_llm_websocket_open")
    assert (await house.ended(call_id))["disconnection_reason"] == "error_llm_websocket_open"
    assert await house.told(call_id) == ["call_ended", "call_analyzed"]


async def test_without_a_slot_the_call_fails_at_once(house: House) -> None:
    call_id = await house.register(house.agents.agent())
    house.slots.limit = 0
    async with WebFrontEnd(house.url(call_id)) as browser:
        assert await browser.gone() == (1013, "concurrency_limit_reached")
    house.slots.limit = 20
    assert (await house.ended(call_id))["disconnection_reason"] == "concurrency_limit_reached"
    assert await house.told(call_id) == ["call_ended", "call_analyzed"]


async def test_an_agent_that_hangs_up_is_heard_to_the_end(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await call.say(tone(440, 0.5, rate_hz=24000))
        await call.hang_up()
        assert await browser.gone() == (1000, "agent_hangup")
        assert len(browser.sound()) == 12000


async def test_a_web_call_is_not_transferred_and_takes_no_keys_and_goes_on(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id)) as browser:
        call = await agent.call()
        await call.transfer("+14155551234")
        outcome = await call.transfer_result()
        assert (outcome["status"], "is a web call: it has no phone line" in outcome["message"]) == ("failed", True)
        await call.press("12#")
        refused = (await call.event("error"))["error"]
        assert (refused["event"], "it has no phone line" in refused["message"]) == ("dtmf", True)
        answer = await house.post(f"/v2/transfer-call/{call_id}", {"to": "+14155551234"}, expect=200)
        assert (answer["status"], "web call" in answer["message"]) == ("failed", True)
        assert "web call" in (await house.post(f"/v2/send-dtmf/{call_id}", {"digits": "1"}, expect=400))["message"]
        await browser.say(silence(0.1, rate_hz=24000))
        await call.heard_pieces(5)
        assert (await house.call(call_id))["call_status"] == "ongoing"
    assert (await house.ended(call_id))["disconnection_reason"] == "user_hangup"
    assert await house.told(call_id) == STARTED


async def test_a_front_end_that_does_not_read_keeps_no_call_from_ending(house: House) -> None:
    agent = house.agents.agent(protocol="web", rate_hz=24000)
    call_id = await house.register(agent)
    async with connect(house.url(call_id), max_queue=1) as deaf:
        call = await agent.call()
        for _ in range(24):  # more than the kernel holds
            await call.send(bytes(1024 * 1024))
        await call.mark("read up to here")
        await call.clear()
        await call.event("mark")
        await house.switchboard.stop_call(call_id, HangupRequest())
        assert (await house.ended(call_id))["disconnection_reason"] == "manual_stopped"
        assert house.slots.in_use == 0
        deaf.transport.abort()
