from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.pii.spoken_digits import MAX_FILLERS, read_digits


def text_of(*utterances: str) -> str:
    return read_digits(list(enumerate(utterances))).text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("four one one one", "4111"),
        ("four, one... one - one", "4111"),
        ("my card is four one one one, um, double one eleven", "my card is 41111111"),
        ("triple five oh one", "55501"),
        ("double 5 five", "555"),
        ("oh five", "05"),
        ("Oh, I see", "Oh, I see"),
        ("double trouble", "double trouble"),
        ("forty-one eleven", "4111"),
        ("twenty twenty", "2020"),
        ("twenty zero one", "2001"),
        ("eight hundred five five five", "800555"),
        ("two thousand", "2 thousand"),
        ("four to seven one", "4271"),
        ("six for two ate, nine", "64289"),
        ("one two, too, three won oh", "122310"),
        ("8 for 2 2", "8 4 2 2"),
        ("oh for one two", "0412"),
        ("nine to five", "9 to 5"),
        ("from one to four people", "from 1 to 4 people"),
        ("for four to to two one", "for 4 to to 21"),
        ("two for twenty one", "2 for 21"),
        ("12 to 3 4", "12 to 3 4"),
        ("three four five for you", "345 for you"),
        ("plus four nine", "+49"),
        ("a plus point", "a plus point"),
        ("vier eins, zwo null", "4120"),
        ("cuatro cinco y seis", "456"),
        ("4111 1111", "4111 1111"),
        ("4111 and then one one", "4111 11"),
        ("1,299.00", "1,299.00"),
        ("\u0664\u0665", "45"),
        ("one apple two pears", "1 apple 2 pears"),
        ("one" + " um" * (MAX_FILLERS + 1) + " two", "1" + " um" * (MAX_FILLERS + 1) + " 2"),
    ],
)
def test_digits_are_read_as_people_say_them(said: str, read: str) -> None:
    assert text_of(said) == read


@pytest.mark.parametrize(
    ("utterances", "read"),
    [
        (["four one one one,", "um, one one"], "411111"),
        (["4111 1111", "1111"], "4111 1111 1111"),
        (["four one", "is my number"], "41\nis my number"),
        (["my number is", "four one"], "my number is\n41"),
        (["", "four one", ""], "\n41\n"),
    ],
)
def test_a_number_goes_on_in_the_next_utterance(utterances: Sequence[str], read: str) -> None:
    assert text_of(*utterances) == read


def test_digits_lead_back_to_the_words_that_they_were() -> None:
    utterances = ["it is double four", "one two, thanks"]
    read = read_digits(list(enumerate(utterances)))
    start = read.text.index("4412")
    assert [utterances[at.place][at.start : at.end] for at in read.spans(start, start + 4)] == [
        "double four",
        "one two",
    ]
    assert [read.begins(start + offset) for offset in range(4)] == [True, False, True, True]
    assert read.begins(len(read.text))
    assert list(read.spans(len("it is 44") - 2, len("it is 44"))) == list(read.spans(start, start + 2))


@given(st.lists(st.text(max_size=40) | st.sampled_from(["double oh", "one two 3", "plus 4", "um", "\u00bd four"])))
def test_every_character_leads_into_the_text_that_was_said(utterances: list[str]) -> None:
    read = read_digits(list(enumerate(utterances)))
    for offset in range(len(read.text)):
        read.begins(offset)
        for source in read.spans(offset, offset + 1):
            assert 0 <= source.start < source.end <= len(utterances[source.place])
