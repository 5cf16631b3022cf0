"""What a voice that is set up here cannot say is refused when an agent is saved, and not at its first call."""

from __future__ import annotations

from typing import Any

from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.speech.providers import SpeechSettings, voices
from ari_agent.store.store import Store
from tests.api.conftest import random_call_id
from tests.api.web_house import open_house
from tests.contract.samples import CUSTOM_LLM

FINE = [{"word": "Asterisk", "alphabet": "cmu", "phoneme": "AE1 S T ER0 IH0 S K"}]
UNKNOWN = [{"word": "ni", "alphabet": "pinyin", "phoneme": "ni3"}]
AGENT = {"response_engine": CUSTOM_LLM, "voice_id": "flite-slt"}


def speech_by_flite() -> Speech:
    unused: Any = None
    return Speech(unused, unused, unused, unused, lambda: 0, voices=voices(SpeechSettings(text_to_speech="flite")))


async def test_a_pronunciation_that_nobody_here_can_speak_is_refused(store: Store) -> None:
    async with open_house(store, random_call_id, speech=speech_by_flite()) as house:
        refused = await house.post("/create-agent", {**AGENT, "pronunciation_dictionary": UNKNOWN}, expect=400)
        assert "the pronunciation of 'ni' is in pinyin; here it must be in ipa or cmu" in str(refused)
        made = await house.post("/create-agent", {**AGENT, "pronunciation_dictionary": FINE})
        path = f"/update-agent/{made['agent_id']}"
        assert (await house.api.patch(path, json={"pronunciation_dictionary": UNKNOWN})).status == 400
        assert (await house.api.patch(path, json={"pronunciation_dictionary": None})).status == 200
        assert (await house.api.patch(path, json={"voice_id": "openai-Alloy"})).status == 400


async def test_an_audio_agent_speaks_itself_so_that_none_is_refused(store: Store) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/audio"}
    async with open_house(store, random_call_id, speech=speech_by_flite()) as house:
        wanted = {"response_engine": engine, "pronunciation_dictionary": UNKNOWN}
        response = await house.api.post("/create-agent", json=wanted)
        assert response.status == 201
        assert "pronunciation_dictionary" in str(response.headers)
