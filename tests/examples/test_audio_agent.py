"""examples/audio_agent.py in a call without Asterisk: Twilio's stream on one side, the product between."""

from __future__ import annotations

import numpy as np
import pytest

from ari_agent.store.store import Store
from tests.api.conftest import random_call_id
from tests.api.web_house import TWILIO, open_house
from tests.examples.running import example
from tests.fakes.sound import strongest_tone, tone
from tests.fakes.web_client import TwilioFrontEnd

GREETING_SAMPLES = 3200


async def test_it_greets_says_everything_back_and_obeys_its_keys(store: Store) -> None:
    async with example("audio_agent.py") as (port, printed), open_house(store, random_call_id) as house:
        engine = {"type": "audio-websocket", "audio_websocket_url": f"ws://127.0.0.1:{port}"}
        agent_id = (await house.post("/create-agent", {"response_engine": engine}))["agent_id"]
        variables = {"customer": "Bob"}
        call = {"agent_id": agent_id, "retell_llm_dynamic_variables": variables, **TWILIO}
        call_id = (await house.post("/register-call", call))["call_id"]
        async with TwilioFrontEnd(house.url(call_id)) as caller:
            await caller.begin()
            await caller.until(lambda: len(caller.sound()) >= GREETING_SAMPLES)
            assert strongest_tone(caller.sound()[:GREETING_SAMPLES]).frequency_hz == pytest.approx(523, abs=3)
            said = tone(800, 0.4)
            await caller.say(said)
            await caller.until(lambda: len(caller.sound()) >= GREETING_SAMPLES + len(said))
            heard = caller.sound()[GREETING_SAMPLES : GREETING_SAMPLES + len(said)]
            assert np.abs(heard.astype(int) - said).max() < 1000
            await caller.press("1")
            await caller.until(lambda: caller.events("clear"))
            await caller.press("9")
            assert "a call with" in (first := (await printed.readline()).decode())
            assert "'customer': 'Bob'" in first
            assert "transfer {'status': 'failed'" in (await printed.readline()).decode()  # it needs a phone line
            await caller.press("0")
            assert (await house.ended(call_id))["disconnection_reason"] == "agent_hangup"
