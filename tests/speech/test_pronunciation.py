"""Words with a pronunciation of their own, found in a text, and refused where the voice cannot speak them so."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.pronunciation import Pronunciation, marked
from ari_agent.speech.providers import SpeechSettings, TextToSpeech, voices
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.voices import Voices

WORDS = (
    Pronunciation("Polish", "ipa", "one"),
    Pronunciation("polish", "ipa", "two"),
    Pronunciation("polish", "ipa", "never"),
    Pronunciation("New York", "ipa", "three"),
    Pronunciation("York", "ipa", ""),
)


def tagged(text: str) -> str:
    return marked(text, WORDS, lambda entry: f'ph="{entry.phoneme}"' if entry.phoneme else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Polish", '<phoneme ph="one">Polish</phoneme>'),
        ("polish, POLISH!", '<phoneme ph="two">polish</phoneme>, <phoneme ph="two">POLISH</phoneme>!'),
        ("polished unpolish polish_", "polished unpolish polish_"),
        ("in New York", 'in <phoneme ph="three">New York</phoneme>'),
        ("in York", "in York"),
        ("a <b> & c", "a  b   and  c"),
        ("poli\u017fh", "poli\u017fh"),
    ],
)
def test_whole_words_are_marked(text: str, expected: str) -> None:
    assert tagged(text) == expected


@given(
    st.text(st.characters(exclude_categories=["C"]))
    | st.lists(st.sampled_from(["Polish", "polish", "<", "&", ">", "New", "York", "-"])).map(" ".join)
)
def test_any_text_stays_markup_that_can_be_read(text: str) -> None:
    kept = "".join(fromstring(f"<speak>{tagged(text)}</speak>").itertext())
    assert kept == text.replace("<", " ").replace(">", " ").replace("&", " and ")


CMU, IPA = Pronunciation("tomato", "cmu", "T AH0 M AA1 T OW0"), Pronunciation("tomato", "ipa", "t\u0259m\u0251to\u028a")
FLASH = {"model": "eleven_flash_v2"}


@pytest.mark.parametrize(
    ("provider", "entry", "voice", "says"),
    [
        ("flite", CMU, {}, None),
        ("flite", IPA, {}, None),
        ("flite", Pronunciation("tomato", "cmu", "T QQ"), {}, "'tomato': 'QQ' is no symbol"),
        ("flite", Pronunciation("a<b", "cmu", "T"), {}, "word must be a word.*'a<b'"),
        ("flite", Pronunciation(" a", "cmu", "T"), {}, "word must be a word"),
        ("flite", Pronunciation("-", "cmu", "T"), {}, "word must be a word"),
        ("openai", CMU, {}, "OpenAI's API of speech takes no phonemes"),
        ("elevenlabs", CMU, FLASH, None),
        ("elevenlabs", IPA, FLASH, None),
        ("elevenlabs", IPA, {}, "model eleven_flash_v2_5 speaks no phonemes: .* eleven_flash_v2 or eleven_turbo_v2"),
        ("elevenlabs", IPA, {"model": "tts-1"}, "model eleven_flash_v2_5 speaks no phonemes"),
        ("elevenlabs", IPA, {**FLASH, "language": "de-DE"}, "in English alone; the agent's is de-DE"),
        ("elevenlabs", Pronunciation("ni", "pinyin", "ni3"), FLASH, "the entry of 'ni' is in pinyin"),
        ("elevenlabs", Pronunciation("ni", "ipa", '"'), FLASH, "the entry of 'ni' is in ipa"),
        ("elevenlabs", Pronunciation("ni", "ipa", " "), FLASH, "the entry of 'ni' is in ipa"),
        ("none", Pronunciation("ni", "pinyin", "ni3"), {}, None),
    ],
)
def test_what_a_voice_cannot_pronounce_is_refused(
    provider: TextToSpeech, entry: Pronunciation, voice: dict[str, Any], says: str | None
) -> None:
    made = voices(SpeechSettings(text_to_speech=provider))
    refusal = made.pronunciation_refusal(Voice(pronunciations=(entry,), **voice))
    assert made.pronunciation_refusal(Voice(**voice)) is None
    if says is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert re.match(f"pronunciation_dictionary: .*{says}", refusal)


def test_without_a_provider_any_pronunciation_may_be_stored() -> None:
    assert Voices().pronunciation_refusal(Voice(pronunciations=(CMU,))) is None


def test_the_settings_of_elevenlabs_name_the_model_of_voices_without_one() -> None:
    made = voices(SpeechSettings(text_to_speech="elevenlabs", elevenlabs_model="eleven_turbo_v2"))
    assert made.pronunciation_refusal(Voice(pronunciations=(IPA,))) is None
