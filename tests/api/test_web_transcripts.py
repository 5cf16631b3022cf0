"""What an agent tells of a web call: in its record, and on the user's screen, whichever protocols the two speak."""

from __future__ import annotations

import json

import pytest

from tests.api.web_house import TWILIO, House, Json
from tests.fakes.agent_server import Agent, listen
from tests.fakes.raw_agent import CLOSE, TEXT, RawAgent
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd

HELLO: Json = {"role": "agent", "content": "Hello."}
SHOWN: Json = {"event_type": "update", "transcript": [HELLO], "turntaking": "user_turn"}


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_a_transcript_is_shown_and_kept(house: House, protocol: str) -> None:
    agent = house.agents.agent(protocol=protocol)
    call_id = await house.register(agent)
    async with WebFrontEnd(house.url(call_id, "?enable_update=true")) as browser:
        call = await agent.call()
        await call.send({"event": "update", "update": {"transcript": [HELLO], "turntaking": "user_turn"}})
        await call.send({"event": "update", "update": {"transcript": "Hello."}})
        assert (await call.event("error"))["error"]["event"] == "update"
        await browser.messages_come(1)
        assert browser.messages == [SHOWN]
    record = await house.ended(call_id)
    assert record["transcript"] == "Agent: Hello.\n"
    assert record["transcript_with_tool_calls"] == record["transcript_object"] == [HELLO | {"words": []}]


async def test_the_keys_of_twilio_are_kept(house: House) -> None:
    agent = house.agents.agent()
    call_id = await house.register(agent, TWILIO)
    async with TwilioFrontEnd(house.url(call_id)) as twilio:
        await twilio.begin()
        call = await agent.call()
        await twilio.press("5")
        await call.event("dtmf")
        await twilio.stop()
        record = await house.ended(call_id)
    assert record["transcript_with_tool_calls"] == [{"role": "dtmf", "digit": "5"}]


async def test_an_agents_last_words_are_kept_that_it_tells_when_the_call_is_over(house: House) -> None:
    update = {"event": "update", "update": {"transcript": [HELLO]}}
    async with RawAgent() as raw:
        engine = house.agents.agent().engine | {"audio_websocket_url": raw.url}
        call_id = await house.register(Agent(raw.url, engine, listen))
        async with WebFrontEnd(house.url(call_id)):
            connection = await raw.connection()
            await connection.accept()
        while b'"event":"stop"' not in (await connection.read_frame())[1]:
            pass
        connection.frame(TEXT, json.dumps(update).encode())
        connection.frame(CLOSE, b"\x03\xe8")
        record = await house.ended(call_id)
    assert record["transcript"] == "Agent: Hello.\n"
