"""Web calls whose audio agent is lost in mid-call: the user hears nothing until it is there again."""

from __future__ import annotations

import numpy as np
import pytest

from tests.api.web_house import TWILIO, WEB, House
from tests.fakes.sound import level_dbfs, tone
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd

pytestmark = pytest.mark.slow


async def test_a_web_call_goes_on_when_its_agent_is_there_again(house: House) -> None:
    agent = house.agents.agent(protocol="web", redial_ms=8000)
    call_id = await house.register(agent, WEB)
    async with WebFrontEnd(house.url(call_id)) as front:
        first = await agent.call()
        await first.send(b"\x01")  # half a sample
        await first.mark("of the first")
        await first.close(1012)
        second = await agent.call(index=1)
        assert second.about == {**first.about, "reconnected": True}
        await front.say(tone(400, 0.3, rate_hz=24000))
        await second.hears(seconds=0.1)
        await second.send(np.full(8000, 256, np.int16).tobytes())  # a byte off, it would be 1
        await second.mark("of the second")
        await second.event("mark")
        assert second.marks == ["of the second"]
        assert level_dbfs(front.sound()) > -50
    record = await house.ended(call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert "close code 1012" in record["faults"][0]


async def test_marks_that_a_twilio_front_end_returns_late_are_not_told_to_the_next_connection(house: House) -> None:
    agent = house.agents.agent(redial_ms=8000)
    call_id = await house.register(agent, TWILIO)
    async with TwilioFrontEnd(house.url(call_id)) as front:
        await front.begin()
        first = await agent.call()
        await first.say(tone(400, 0.2))
        await first.mark("of the first")
        await front.until(lambda: front.events("mark"))
        first.abort()
        second = await agent.call(index=1)
        await second.say(tone(400, 0.2))
        await second.mark("of the second")
        await front.until(lambda: len(front.events("mark")) == 2)
        await front.return_mark("of the first")
        await front.return_mark("of the second")
        await second.event("mark")
        assert second.marks == ["of the second"]
