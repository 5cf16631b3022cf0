"""What an agent's settings mean for a call."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.calls.dialogue.agent_settings import (
    UnknownPronunciation,
    UnknownVoice,
    check_voice,
    dialogue_settings,
    listening_options,
    voice,
)
from ari_agent.contract.agent import Agent
from ari_agent.contract.agent_options import UserDtmfOptions
from ari_agent.speech.pronunciation import Pronunciation
from ari_agent.speech.providers import SpeechSettings, voices
from tests.contract.samples import CUSTOM_LLM


def agent(**settings: Any) -> Agent:
    made = {"agent_id": "agent_1", "version": 0, "is_published": False, "last_modification_timestamp": 0}
    return Agent.model_validate({"response_engine": CUSTOM_LLM, "voice_id": "flite-slt", **made, **settings})


def test_how_it_takes_its_turns() -> None:
    usual = dialogue_settings(agent())
    assert usual.turns.responsiveness == usual.turns.interruption_sensitivity == 1
    assert usual.normalized_for is None
    assert (usual.turns.language, usual.dtmf, usual.allow_dtmf_interruption) == ("en-US", None, False)
    patient = dialogue_settings(
        agent(
            responsiveness=0.5,
            interruption_sensitivity=0,
            reminder_trigger_ms=3000,
            reminder_max_count=4,
            begin_message_delay_ms=1500,
            language=["de-DE", "fr-FR"],
            user_dtmf_options={"digit_limit": 4},
            allow_dtmf_interruption=True,
            normalize_for_speech=True,
        )
    )
    turns = patient.turns
    assert (turns.responsiveness, turns.interruption_sensitivity) == (0.5, 0)
    assert (turns.reminder_trigger_ms, turns.reminder_max_count, turns.begin_message_delay_ms) == (3000, 4, 1500)
    assert turns.language == patient.normalized_for == "de-DE"
    assert patient.dtmf == UserDtmfOptions(digit_limit=4)
    assert patient.allow_dtmf_interruption


def test_how_its_callers_are_understood() -> None:
    usual = listening_options(agent(), "call_1")
    assert (usual.call_id, usual.keywords, usual.endpointing_ms) == ("call_1", (), None)
    custom = {"provider": "deepgram", "endpointing_ms": 400}
    special = listening_options(agent(boosted_keywords=["Ada"], stt_mode="custom", custom_stt_config=custom), "call_1")
    assert (special.keywords, special.endpointing_ms) == (("Ada",), 400)
    assert listening_options(agent(stt_mode="fast", custom_stt_config=custom), "call_1").endpointing_ms is None


def test_what_is_pronounced_as_its_dictionary_says() -> None:
    entry = {"word": "tomato", "alphabet": "cmu", "phoneme": "T AH0 M AA1 T OW0"}
    assert voice(agent(pronunciation_dictionary=[entry])).pronunciations == (
        Pronunciation("tomato", "cmu", "T AH0 M AA1 T OW0"),
    )
    assert voice(agent(pronunciation_dictionary=None)).pronunciations == ()


def test_what_cannot_be_spoken_here_is_refused() -> None:
    flite = voices(SpeechSettings(text_to_speech="flite"))
    check_voice(flite, agent())
    with pytest.raises(UnknownVoice, match="flite has no voice 'openai-Alloy'"):
        check_voice(flite, agent(voice_id="openai-Alloy"))
    with pytest.raises(UnknownPronunciation, match="'ni' is in pinyin; here it must be in ipa or cmu"):
        check_voice(flite, agent(pronunciation_dictionary=[{"word": "ni", "alphabet": "pinyin", "phoneme": "ni3"}]))


def test_who_speaks_for_it() -> None:
    speaks = voice(agent(voice_speed=1.5, volume=0.5, fallback_voice_ids=["flite-rms"]))
    assert (speaks.voice_id, speaks.speed, speaks.volume) == ("flite-slt", 1.5, 0.5)
    assert speaks.fallback_voice_ids == ("flite-rms",)
    assert voice(agent(fallback_voice_ids=["flite-rms"]), fallback="flite-awb").fallback_voice_ids == (
        "flite-rms",
        "flite-awb",
    )
