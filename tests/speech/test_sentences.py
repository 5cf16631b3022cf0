"""Where a text is cut, and what of it is read aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.sentences import LONGEST, Sentence, Sentences
from ari_agent.speech.speakable import LONGEST_PAUSE_MS, pause_ms, speakable

ANY_TEXT = st.text(max_size=300) | st.text("aB1 .,:!?\n*_#-`[]()。，🎉x", max_size=900)  # noqa: RUF001


def sentences(text: str, *, chunk: int = 4) -> list[Sentence]:
    stream = Sentences()
    found = [sentence for start in range(0, len(text), chunk) for sentence in stream.feed(text[start : start + chunk])]
    return found + stream.finish()


@pytest.mark.parametrize(
    "expected",
    [
        ["Hello!", "How are you?", "Fine."],
        ["It costs $3.50 today.", "Yes."],
        ["Dr. J. R. Smith, e.g. at 5 p.m. on the 3. of May.", "Yes."],
        ["See www.example.com.", "Then call."],
        ["No. 5 is alive.", "No.", "I am not."],
        ["Well...", "I see."],
        ['He said "no."', "Then he left (at last!).", "Good."],
        ["So do I.", "And you?!", "What?"],
        ["These are the three choices:", "one; two; three."],
        ["1. Apples", "2. Pears"],
        ["你好！", "今天天气很好。", "去公园吧？", "好的"],  # noqa: RUF001
        ["مرحبا؟", "نعم۔", "شكرا"],  # noqa: RUF001
        ["नमस्ते।", "आप कैसे हैं?"],
    ],
    ids=lambda expected: expected[0][:12],
)
@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_sentences_are_cut_where_they_end(expected: list[str], chunk: int) -> None:
    wide = "。" in "".join(expected)
    numbered = expected[0].startswith("1.")
    text = ("" if wide else "\n" if numbered else " ").join(expected)
    assert [sentence.text for sentence in sentences(text, chunk=chunk)] == expected


def test_the_first_sentence_may_end_at_a_comma_after_20_characters() -> None:
    text = "Sure, I can do that for you right away, and then, if you like, we go on to the next of your wishes, ok?"
    assert [sentence.text for sentence in sentences(text)] == [
        "Sure, I can do that for you right away,",
        "and then, if you like, we go on to the next of your wishes, ok?",
    ]


def test_a_later_one_ends_at_a_comma_after_80_characters() -> None:
    long = "this goes on and on and on and on, and on and on and on and on and on and on and on and on, and on, too."
    found = [sentence.text for sentence in sentences(f"Yes. {long}")]
    assert found == ["Yes.", long[: long.index(", and on, ") + 1], "and on, too."]


def test_without_any_mark_it_is_cut_at_a_space_before_400_characters() -> None:
    found = sentences("word " * 200)
    assert [len(sentence.written) for sentence in found] == [400, 400, 200]
    assert [len(sentence.written) for sentence in sentences("x" * 1000)] == [400, 400, 200]


def test_a_sentence_comes_as_soon_as_it_is_known_to_have_ended() -> None:
    stream = Sentences()
    assert stream.feed("Let me see.") == []
    assert [sentence.text for sentence in stream.feed(" It")] == ["Let me see."]
    assert [sentence.text for sentence in stream.feed(" is 5 o'clock\n")] == ["It is 5 o'clock"]


def test_a_lull_after_a_full_stop_ends_a_sentence_and_one_in_the_middle_does_not() -> None:
    stream = Sentences()
    assert stream.feed("Let me see.") == []
    assert [sentence.text for sentence in stream.flush()] == ["Let me see."]
    assert stream.feed(" It is") == stream.flush() == []
    assert [(sentence.text, sentence.start) for sentence in stream.finish()] == [("It is", 11)]


def test_after_its_end_another_text_begins() -> None:
    stream = Sentences()
    stream.feed("One. Two")
    assert [sentence.start for sentence in stream.finish()] == [5]
    stream.feed("Three")
    assert [sentence.start for sentence in stream.finish()] == [0]


@given(ANY_TEXT, st.integers(1, 50))
def test_sentences_put_together_are_the_text(text: str, chunk: int) -> None:
    found = sentences(text, chunk=chunk)
    assert "".join(sentence.written for sentence in found) == text
    at = 0
    for sentence in found:
        assert sentence.start == at
        at = sentence.end
        assert 0 < len(sentence.written) <= LONGEST
    assert all(any(map(str.isalnum, sentence.text)) for sentence in found[:-1] if len(sentence.written) < LONGEST - 1)


@given(ANY_TEXT, st.integers(1, 50))
def test_how_the_text_was_cut_into_chunks_does_not_matter(text: str, chunk: int) -> None:
    assert sentences(text, chunk=chunk) == sentences(text, chunk=10_000)


@given(ANY_TEXT)
def test_what_was_heard_grows_to_the_end_of_the_sentence(text: str) -> None:
    for sentence in sentences(text):
        places = [sentence.written_until(heard) for heard in range(len(sentence.text) + 1)]
        assert places == sorted(places)
        assert places[-1] == sentence.end
        assert all(sentence.start <= place <= sentence.end for place in places)


def test_what_was_heard_ends_with_a_whole_word_in_what_was_written() -> None:
    written = "**Hello** there, my *dear* friend. "
    sentence = Sentence(written, 100)
    assert sentence.text == "Hello there, my dear friend."
    heard = {written[: sentence.written_until(heard) - 100] for heard in range(len(sentence.text) + 1)}
    assert heard == {"", "**Hello", "**Hello** there,", "**Hello** there, my", "**Hello** there, my *dear", written}


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("## **Hours** 🎉", "Hours"),
        ("### Hours ###", "Hours"),
        ("- first", "first"),
        ("> quoted", "quoted"),
        ("---", ""),
        ("See [our page](https://x.y/z) now", "See our page now"),
        ("![a cat](cat.png)", "a cat"),
        ("Use `code` and *stress* and _stress_ and ~~not~~", "Use code and stress and stress and not"),
        ("2 * 3 is 6, 2*3 too, a_b stays", "2 * 3 is 6, 2*3 too, a_b stays"),
        ("#1 and item [3] (really)", "#1 and item [3] (really)"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("Great 👍🏽👨‍👩‍👧 ❤️ job", "Great job"),
        ("क्‍ष", "क्‍ष"),
        ("50% of €3 & 5 > 4", "50% of €3 & 5 > 4"),
        ("a  b\t\nc", "a b\nc"),
        ("🎉", ""),
        ("<b>Fish</b> &amp; <i class='x'>chips</i>", "Fish & chips"),
        ("one<br/>two<p>three</p>", "one two three"),
        ('<say-as interpret-as="date" format="m.d.">1.2.</say-as> <audio controls>', "1.2."),
        ("<!-- a note -->Hello", "Hello"),
        ("&lt;b&gt;bold&lt;/b&gt; &#39;x&#39;&nbsp;y &unknown; &", "bold 'x' y &unknown; &"),
        ("x < y and y > z, <me@example.com>, <https://x.y/>", "x < y and y > z, <me@example.com>, <https://x.y/>"),
        ("at noon - or later", "at noon, or later"),
        ("well, - - you know – or not -", "well, you know, or not"),  # noqa: RUF001
        ("a well-known 2-3 day trip", "a well-known 2-3 day trip"),
        ('<break time="1s"/>', ""),
    ],
)
def test_markup_and_emoji_are_not_read_aloud(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@given(ANY_TEXT)
def test_what_is_spoken_was_written_in_that_order(text: str) -> None:
    left = iter(text)
    assert all(character in left for character in speakable(text))
    spoken = speakable(text)
    assert spoken == spoken.strip()
    assert sum(map(str.isalnum, spoken)) <= sum(map(str.isalnum, text))


def test_brackets_that_close_behind_the_longest_sentence_do_not_make_it_longer() -> None:
    text = "a" * 300 + " " + "b" * (LONGEST - 302) + "." + ")" * 5 + " And so on."
    found = sentences(text)
    said = "".join(sentence.text for sentence in found)
    assert said.replace(" ", "") == text.replace(" ", "")
    assert max(len(sentence.text) for sentence in found) <= LONGEST


@pytest.mark.parametrize(
    ("written", "lasts_ms"),
    [
        ('<break time="1s"/>', 1000),
        (" <break time='1.5s' />", 1500),
        ("<BREAK time=250ms>", 250),
        ('<break time=".5s"></break>', 500),
        ('<break time="99999s"/>', LONGEST_PAUSE_MS),
        ('<break strength="x-strong"/>', 1000),
        ('<break strength="loud"/>', 500),
        ("<break/>", 500),
        ('<break time="0s"/>', 0),
        ('<break time="soon"/>', 500),
        ("<breakfast/>", 0),
        ("Hello<break/>", 0),
        ("", 0),
    ],
)
def test_a_break_is_a_pause(written: str, lasts_ms: int) -> None:
    assert pause_ms(written) == lasts_ms


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_pause_is_a_sentence_of_its_own(chunk: int) -> None:
    text = 'Wait.<break time="1s"/>Then <b>fish</b> &amp; <say-as format="m. d.">chips</say-as>, or <break/> not.'
    found = sentences(text, chunk=chunk)
    assert [(sentence.text, sentence.pause_ms) for sentence in found] == [
        ("Wait.", 0),
        ("", 1000),
        ("Then fish & chips, or", 0),
        ("", 500),
        ("not.", 0),
    ]
    assert "".join(sentence.written for sentence in found) == text


MARKUP = st.lists(
    st.sampled_from(
        ["Hello ", "there", ". ", ", ", "\n", " - ", "<b>", "</b>", '<a href="x, y. z">', "<", "<bre", "&amp;", "; "]
    )
    | st.sampled_from(['<break time="1s"/>', "<break>", " <break strength='weak' />", "twenty characters and more "]),
    max_size=60,
).map("".join)


@given(MARKUP, st.integers(1, 50))
def test_markup_is_cut_like_any_text(text: str, chunk: int) -> None:
    found = sentences(text, chunk=chunk)
    assert found == sentences(text, chunk=10_000)
    assert "".join(sentence.written for sentence in found) == text
    for sentence in found:
        places = [sentence.written_until(heard) for heard in range(len(sentence.text) + 1)]
        assert places == sorted(places)
        assert places[-1] == sentence.end


@given(st.lists(st.sampled_from(["Hello ", "there. ", "<b>", "</b>", '<break time="1s"/>', "<break/>"]), max_size=20))
def test_no_name_of_a_tag_is_ever_spoken(pieces: list[str]) -> None:
    for sentence in sentences("".join(pieces)):
        assert set(sentence.text) <= set("Hello there.")
