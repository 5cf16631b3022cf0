"""The messages of a warm transfer as speech: in the agent's voice where it has one here, whole, with its pauses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.transfer.handoff_speech import handoff_voice, synthesized
from ari_agent.contract.agent import Agent
from ari_agent.errors import SpeechFailed
from ari_agent.speech.synthesizer import Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused
from ari_agent.speech.voices import Voices


class SpellsOut:
    """A synthesizer that says each sentence as two bytes, and cannot say a swear word."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Voice]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        self.said.append((text, voice))
        if "damn" in text:
            raise SpeechFailed("no such word")
        yield Spoken(b"\x01\x01")


def speech(synthesizer: SpellsOut, voices: Voices) -> Speech:
    unused: Any = None
    return Speech(unused, synthesizer, unused, unused, lambda: 0, voices=voices)


def agent(voice_id: str, **settings: Any) -> Agent:
    engine = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example/llm"}
    fields = {"agent_id": "agent_1", "version": 0, "last_modification_timestamp": 1, "language": "de-DE"}
    return Agent.model_validate({**fields, "voice_id": voice_id, "response_engine": engine, **settings})


def only_slt(voice_id: str | None) -> str:
    if voice_id not in (None, "slt"):
        raise VoiceRefused("there is slt")
    return "slt"


@pytest.mark.parametrize(
    ("voice_id", "fallback", "voice_ids"),
    [("slt", None, ("slt",)), ("retell-Anna", "slt", ("retell-Anna", "slt")), ("retell-Anna", None, (None,))],
)
def test_a_voice_of_elsewhere_is_replaced(voice_id: str, fallback: str | None, voice_ids: tuple[str | None]) -> None:
    found = handoff_voice(speech(SpellsOut(), Voices(only_slt, fallback)), agent(voice_id))
    assert (found.voice_id, *found.fallback_voice_ids) == voice_ids
    assert found.language == "de-DE"


async def test_a_message_is_spoken_whole_with_its_pauses() -> None:
    synthesizer = SpellsOut()
    text = 'A caller is on the line. <break time="1s"/> The name is Bob.'
    usage = SpeechUsage()
    pcm = await synthesized(speech(synthesizer, Voices()), agent("slt"), text, usage)
    assert [said.strip() for said, _ in synthesizer.said] == ["A caller is on the line.", "The name is Bob."]
    assert pcm == b"\x01\x01" + bytes(32 * 1000) + b"\x01\x01"
    assert usage.characters == sum(len(said) for said, _ in synthesizer.said)


async def test_its_numbers_are_words_for_an_agent_that_wants_them() -> None:
    synthesizer = SpellsOut()
    wants = agent("slt", normalize_for_speech=True, language="en-US")
    await synthesized(speech(synthesizer, Voices()), wants, "He owes $5.", SpeechUsage())
    assert [said for said, _ in synthesizer.said] == ["He owes five dollars."]


@pytest.mark.parametrize("text", ["Well. damn it.", "", "   ", "\N{WAVING HAND SIGN}"])
async def test_what_cannot_be_spoken_is_none(text: str) -> None:
    assert await synthesized(speech(SpellsOut(), Voices()), agent("slt"), text, SpeechUsage()) is None
