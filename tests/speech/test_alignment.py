"""Times of characters as times of words."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.alignment import Alignment
from ari_agent.speech.synthesizer import SpokenWord


def told(text: str, *, start_ms: float = 0, each_ms: float = 50) -> dict[str, object]:
    return {
        "chars": list(text),
        "charStartTimesMs": [start_ms + i * each_ms for i in range(len(text))],
        "charDurationsMs": [each_ms] * len(text),
    }


def test_a_word_goes_on_in_the_next_message() -> None:
    alignment = Alignment()
    assert alignment.words(told("Good mor"), 0) == (SpokenWord("Good", 0, 200),)
    assert alignment.words(told("ning. "), 400) == (SpokenWord("morning.", 250, 650),)
    assert alignment.words(told("Sir"), 700) == ()
    assert alignment.finish() == (SpokenWord("Sir", 700, 850),)
    assert alignment.finish() == ()


def test_times_of_the_whole_text_are_taken_as_they_are() -> None:
    alignment = Alignment()
    alignment.words(told("One "), 0)
    assert alignment.words(told("two ", start_ms=200), 200) == (SpokenWord("two", 200, 350),)


def test_the_older_name_of_the_durations_is_known() -> None:
    message = told("Hi ")
    message["charsDurationsMs"] = message.pop("charDurationsMs")
    assert Alignment().words(message, 0) == (SpokenWord("Hi", 0, 100),)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
times = st.lists(st.integers(-10, 10**7) | st.floats(), max_size=6)


@given(
    st.lists(
        anything
        | st.fixed_dictionaries(
            {"chars": st.lists(st.text(max_size=2), max_size=6), "charStartTimesMs": times, "charDurationsMs": times}
        ),
        max_size=5,
    )
)
def test_whatever_is_told_words_never_go_back(messages: list[object]) -> None:
    alignment = Alignment()
    words = [word for number, message in enumerate(messages) for word in alignment.words(message, 100 * number)]
    words += alignment.finish()
    assert all(word.word and 0 <= word.start_ms <= word.end_ms for word in words)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(words))


def test_a_word_without_an_end_is_cut() -> None:
    assert [len(word.word) for word in Alignment().words(told("a" * 250), 0)] == [100, 100]
