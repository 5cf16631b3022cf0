"""How much of a sentence was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.dialogue.spoken_sentence import SpokenSentence
from ari_agent.speech.sentences import Sentence
from ari_agent.speech.synthesizer import SpokenWord

TOLD = (SpokenWord("One", 0, 500), SpokenWord("two", 900, 1000), SpokenWord("three.", 1000, 1100))


def sentence(text: str, lasts_ms: float, *words: SpokenWord, whole: bool = True) -> SpokenSentence:
    made = SpokenSentence(1, 1, Sentence(text, 0))
    made.began_ms = 2000.0
    made.sound(lasts_ms, words)
    made.is_whole = whole
    return made


@pytest.mark.parametrize(("heard_ms", "text"), [(0, ""), (499, ""), (500, "One"), (999, "One"), (1000, "One two")])
def test_words_are_heard_by_the_times_of_the_provider(heard_ms: float, text: str) -> None:
    spoken = sentence("One two three.", 1200, *TOLD)
    spoken.heard_ms = heard_ms
    assert spoken.take_heard()[0] == text


@pytest.mark.parametrize(("heard_ms", "text"), [(0, ""), (200, ""), (215, "One"), (500, "One two"), (999, "One two")])
def test_or_by_their_share_of_the_characters(heard_ms: float, text: str) -> None:
    spoken = sentence("One two three.", 1000)
    spoken.heard_ms = heard_ms
    assert spoken.take_heard()[0] == text


def test_of_a_sentence_that_is_still_made_nothing_is_heard_too_early() -> None:
    spoken = sentence("One two three four five six seven eight nine ten.", 200, whole=False)
    spoken.heard_ms = 200
    assert spoken.take_heard()[0] == "One"
    spoken = sentence("One two three four five.", 600, TOLD[0], whole=False)
    spoken.heard_ms = 600
    assert spoken.take_heard()[0] == "One"


def test_the_markup_that_nobody_reads_aloud_stays_in_what_was_written() -> None:
    spoken = sentence("**One** two [three](https://x). ", 1000)
    spoken.heard_ms = 500
    assert spoken.take_heard()[0] == "**One** two"
    spoken.heard_ms = 1000
    text, words = spoken.take_heard()
    assert text == "[three](https://x)."
    assert [word.word for word in words] == ["three."]


def test_words_have_times_since_the_call_began() -> None:
    spoken = sentence("One two three.", 1200, *TOLD)
    spoken.heard_ms = 1200
    assert [(word.start, word.end) for word in spoken.take_heard()[1]] == [(2.0, 2.5), (2.9, 3.0), (3.0, 3.1)]


@given(st.text(max_size=60), st.floats(1, 5000), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_each_word_is_taken_once_and_in_the_end_all(text: str, lasts_ms: float, shares: list[float]) -> None:
    spoken = sentence(text, lasts_ms)
    taken = []
    for share in (*sorted(shares), 1.0, 1.0):
        spoken.heard_ms = share * lasts_ms
        heard, words = spoken.take_heard()
        assert heard in text
        taken += [word.word for word in words]
    assert taken == Sentence(text, 0).text.split()
    assert not spoken.take_heard()[1]
