from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.nods import EVERYWHERE, NODS
from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turn_words import Completeness, turn_words, words_of

COMPLETE, UNKNOWN, HANGING = Completeness.COMPLETE, Completeness.UNKNOWN, Completeness.HANGING


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", COMPLETE),
        ("...", COMPLETE),
        ("I want a flight.", COMPLETE),
        ('He said "no."', COMPLETE),
        ("Really?!", COMPLETE),
        ("yes", COMPLETE),
        ("No thanks", COMPLETE),
        ("transfer me", UNKNOWN),
        ("no I want", UNKNOWN),
        ("a flight to", HANGING),
        ("I want a flight, ", HANGING),
        ("well...", HANGING),
        ("I'd like, um.", HANGING),
        ("five five five", HANGING),
        ("my number is 5 5 5", HANGING),
        ("it is 555", HANGING),
        ("it is 555.", COMPLETE),
        ("two", UNKNOWN),
        # Recognizers that write punctuation end nearly every utterance with a full stop.
        ("I would like to order a pizza and.", HANGING),
        ("My name is.", HANGING),
        ("I want to go to,", HANGING),
        ("Because.", HANGING),
        ("Where to?", COMPLETE),
        ("Yes, it is.", COMPLETE),
        ("Turn it on.", COMPLETE),
        ("Five, five, five.", HANGING),
        ("My number is 5 5 5.", HANGING),
        ("Yeah,", UNKNOWN),
        ("No,", UNKNOWN),
        ("Um,", HANGING),
    ],
)
def test_how_done_english_looks(text: str, expected: Completeness) -> None:
    assert turn_words("en-US").completeness(text) is expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de-DE", "ich möchte nach", UNKNOWN),
        ("de-DE", "ich möchte einen Flug und", HANGING),
        ("de-DE", "Ich möchte einen Flug und.", HANGING),
        ("de-DE", "Ich möchte.", HANGING),
        ("es-419", "Quiero un vuelo de.", HANGING),
        ("fr-FR", "Je voudrais une.", HANGING),
        ("es-419", "quiero un vuelo a", HANGING),
        ("fr-FR", "d'accord", COMPLETE),
        ("ja-JP", "はい。", COMPLETE),
        ("hi-IN", "हाँ।", COMPLETE),
        ("ar-SA", "نعم؟", COMPLETE),
        ("pt-BR", "sim", UNKNOWN),
        ("multi", "yes", UNKNOWN),
    ],
)
def test_other_languages_have_words_or_at_least_punctuation(language: str, text: str, expected: Completeness) -> None:
    assert turn_words(language).completeness(text) is expected


@pytest.mark.parametrize(
    ("text", "own", "stop"),
    [
        ("uh huh", 0, False),
        ("Uh-huh.", 0, False),
        ("Mm-hmm.", 0, False),
        ("Mm-mm.", 0, False),
        ("Okay.", 0, False),
        ("Yeah,", 0, False),
        ("Aha.", 0, False),
        ("Ah-ha!", 0, False),
        ("Yes, yes.", 0, False),
        ("Yes, okay.", 0, False),
        ("Stop.", 1, True),
        ("Wait a moment.", 3, True),
        ("Okay, stop.", 1, True),
        ("Yeah, okay, I see.", 0, False),
        ("yeah but", 1, False),
        ("No!", 1, True),
        ("hang on a minute", 4, True),
        ("I know", 2, False),
        ("", 0, False),
        ("Mmmmm, hmmm.", 0, False),
        ("Mmhmm, yeah", 0, False),
    ],
)
def test_a_nod_is_told_from_words_of_ones_own_and_from_a_stop(text: str, own: int, stop: bool) -> None:
    words = turn_words("en")
    assert words.own_words(text) == own
    assert words.is_stop(text) is stop


@pytest.mark.parametrize("language", NODS)
def test_every_nod_of_every_language_is_one(language: str) -> None:
    for phrase in (*EVERYWHERE.split(","), *NODS[language].split(",")):
        nod = phrase.strip()
        assert " ".join(words_of(nod)) == nod
        assert turn_words(f"{language}-XX").own_words(f"{nod.capitalize()}, {nod}.") == 0
        assert turn_words("multi").own_words(nod) == (nod == "no")


@pytest.mark.parametrize(
    ("language", "text", "own"),
    [
        ("zh-CN", "嗯，好的好的。", 0),  # noqa: RUF001
        ("zh-CN", "嗯我想订票", 1),
        ("ja-JP", "はいはいそうですね", 0),
        ("th-TH", "ครับครับ", 0),
        ("hi-IN", "है", 1),  # begins like हाँ
        ("es-ES", "yasí", 1),
        ("multi", "No.", 1),
        ("xx-XX", "Uh-huh, okay.", 0),
        ("xx-XX", "ja", 1),
    ],
)
def test_nods_in_other_scripts_and_in_unknown_languages(language: str, text: str, own: int) -> None:
    assert turn_words(language).own_words(text) == own


@given(st.text(max_size=60), st.text(max_size=8))
def test_any_text_in_any_language_is_something(text: str, language: str) -> None:
    words = turn_words(language)
    assert isinstance(words.completeness(text), Completeness)
    assert words.own_words(text) >= 0
    assert words.is_stop(text) in {True, False}


@given(st.floats(0, 1), st.floats(0, 1), st.text(max_size=20))
def test_a_more_responsive_agent_never_waits_longer_nor_a_more_sensitive_one_for_more(
    one: float, other: float, text: str
) -> None:
    low, high = sorted((one, other))
    slow, fast = TurnSettings(responsiveness=low), TurnSettings(responsiveness=high)
    assert 300 <= fast.silence_ms <= slow.silence_ms <= 1000
    assert fast.silence_ms <= fast.wait_ms(text) <= slow.wait_ms(text) <= 2400
    deaf, keen = TurnSettings(interruption_sensitivity=low), TurnSettings(interruption_sensitivity=high)
    assert 160 <= keen.min_voice_ms <= deaf.min_voice_ms <= 800
    assert keen.min_words <= deaf.min_words
    assert keen.needs_words <= deaf.needs_words
    assert keen.nod_ms <= deaf.nod_ms
