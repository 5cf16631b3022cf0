"""Which voices can speak, by their ids."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.providers import SpeechSettings, TextToSpeech, voices
from ari_agent.speech.voices import Voices


@pytest.mark.parametrize(
    ("provider", "voice_ids", "says"),
    [
        ("flite", ["flite-slt"], None),
        ("flite", ["RMS"], None),
        ("flite", ["11labs-Adrian"], "flite has no voice '11labs-Adrian': .* one of flite-rms, flite-slt"),
        ("flite", ["11labs-Adrian", "openai-Alloy"], "11labs-Adrian"),
        ("flite", ["11labs-Adrian", "flite-slt"], None),
        ("openai", ["openai-Alloy"], None),
        ("openai", ["of-my-own-server"], None),
        ("openai", ["11labs-Adrian"], "is not OpenAI's"),
        ("elevenlabs", ["11labs-EXAVITQu4vr4xnSDxMaL"], None),
        ("elevenlabs", ["11labs-Adrian"], "voices by their ids"),
        ("none", ["11labs-Adrian"], None),
    ],
)
def test_a_voice_is_refused_that_the_provider_cannot_have(
    provider: TextToSpeech, voice_ids: Sequence[str], says: str | None
) -> None:
    refusal = voices(SpeechSettings(text_to_speech=provider)).refusal(voice_ids)
    if says is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert re.search(says, refusal)


def test_the_fallback_speaks_for_any_other_and_is_itself_one_of_the_providers() -> None:
    made = voices(SpeechSettings(text_to_speech="flite", fallback_voice="flite-slt"))
    assert made.fallback == "flite-slt"
    assert made.refusal(["11labs-Adrian"]) is None
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_FALLBACK_VOICE: flite has no voice 'openai-Alloy'"):
        voices(SpeechSettings(text_to_speech="flite", fallback_voice="openai-Alloy"))


def test_without_a_provider_any_voice_may_be_stored() -> None:
    assert Voices().refusal([None, "11labs-Adrian"]) is None
