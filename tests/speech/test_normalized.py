"""How numbers, times, amounts and addresses are read aloud, and what of them counts as heard."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ari_agent.speech.normalized import normalized
from ari_agent.speech.sentences import Sentence, Sentences
from ari_agent.speech.speakable import spoken

CASES: Final = (
    # amounts
    ("Your total is $12.50.", "Your total is twelve dollars and fifty cents."),
    ("It costs $1.", "It costs one dollar."),
    ("Only $0.99 today.", "Only ninety-nine cents today."),
    ("We raised $1.5 million.", "We raised one point five million dollars."),
    ("That is $1,250.", "That is one thousand two hundred and fifty dollars."),
    ("Rooms are $80-120 a night.", "Rooms are eighty to one hundred and twenty dollars a night."),
    ("From $5-$10.", "From five to ten dollars."),
    ("Your balance is -$5.25.", "Your balance is minus five dollars and twenty-five cents."),
    ("It is 5 €.", "It is five euros."),
    ("It is 12,50 €.", "It is twelve euros and fifty cents."),
    ("That's £3.01.", "That's three pounds and one penny."),
    ("Pay 20 EUR or USD 25.", "Pay twenty euros or twenty-five dollars."),
    ("It is 40 CHF.", "It is forty Swiss francs."),
    ("¥500 only.", "five hundred yen only."),
    ("A salary of $90k.", "A salary of ninety thousand dollars."),
    ("€3bn", "three billion euros"),
    ("US$20", "twenty U S dollars"),
    ("$20/month", "twenty dollars per month"),
    ("$5/hr", "five dollars per hour"),
    ("$1,299.99", "one thousand two hundred and ninety-nine dollars and ninety-nine cents"),
    ("$100.00", "one hundred dollars"),
    ("$3.999", "three point nine nine nine dollars"),
    # times
    ("Call me at 7:30 pm.", "Call me at seven thirty P M."),
    ("Call me at 7:30 p.m. tomorrow.", "Call me at seven thirty P M tomorrow."),
    ("We close at 5 p.m.", "We close at five P M."),
    ("We open at 9am.", "We open at nine A M."),
    ("At 18:05 sharp.", "At eighteen oh five sharp."),
    ("It leaves at 06:00.", "It leaves at six o'clock."),
    ("It leaves at 18:00.", "It leaves at eighteen hundred hours."),
    ("At 7:05.", "At seven oh five."),
    ("From 10:30-11:15 am.", "From ten thirty to eleven fifteen A M."),
    ("Open 9-5 pm.", "Open nine to five P M."),
    ("8am-5pm", "eight A M to five P M"),
    ("It is 25:99.", "It is twenty-five:ninety-nine."),
    ("At 13 pm.", "At thirteen pm."),
    # dates
    ("Meet on 3/4/2026.", "Meet on March fourth, twenty twenty-six."),
    ("On 11/30/2026.", "On November thirtieth, twenty twenty-six."),
    ("On 31/12/2025.", "On December thirty-first, twenty twenty-five."),
    ("On 31.12.2025.", "On December thirty-first, twenty twenty-five."),
    ("On 2026-11-30.", "On November thirtieth, twenty twenty-six."),
    ("On 13/13/2026.", "On thirteen/thirteen/twenty twenty-six."),
    ("Nov 30, 2026", "November thirtieth, twenty twenty-six"),
    ("November 30", "November thirtieth"),
    ("Nov. 30th at noon", "November thirtieth at noon"),
    ("on 30 November 2026", "on the thirtieth of November, twenty twenty-six"),
    ("the 4th of July", "the fourth of July"),
    ("the 4 July", "the fourth of July"),
    ("Oct. 3rd-5th, 2026", "October third to fifth, twenty twenty-six"),
    ("In 2026 we moved.", "In twenty twenty-six we moved."),
    ("In 1999.", "In nineteen ninety-nine."),
    ("Since 2005.", "Since two thousand and five."),
    ("In 1905.", "In nineteen oh five."),
    ("the 1990s", "the nineteen nineties"),
    ("the 2010s", "the twenty tens"),
    # telephone numbers and codes
    ("+1 415-555-0123", "plus one, four one five, five five five, zero one two three"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("(415) 555-0123", "four one five, five five five, zero one two three"),
    ("415.555.0123", "four one five, five five five, zero one two three"),
    ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
    ("555-0123", "five five five, zero one two three"),
    ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
    ("4155550123", "four one five, five five five, zero one two three"),
    ("01234567", "zero one two three, four five six seven"),
    ("1234567", "one two three four, five six seven"),
    ("card ending in 4242", "card ending in four two four two"),
    ("4111 1111 1111 1111", "four one one one, one one one one, one one one one, one one one one"),
    ("Your code is 4821.", "Your code is four eight two one."),
    ("PIN: 0042", "PIN: zero zero four two"),
    ("confirmation number 83920", "confirmation number eight three nine two zero"),
    ("order #1234", "order number one two three four"),
    ("order number #1234", "order number one two three four"),
    ("order number is 12345-678", "order number is one two three four five, six seven eight"),
    ("flight 1234", "flight one two three four"),
    ("ext. 301", "extension three zero one"),
    ("case #55", "case number fifty-five"),
    ("account number: 1234", "account number: one two three four"),
    ("flight 1234 10 minutes late", "flight one two three four ten minutes late"),
    ("order 500 bricks", "order five hundred bricks"),
    ("zip 02139", "zip zero two one three nine"),
    # addresses
    ("Write to jo.b@example.com, please.", "Write to jo dot b at example dot com, please."),
    ("jane_doe-99@mail.example.co.uk", "jane underscore doe dash ninety-nine at mail dot example dot co dot uk"),
    ("shop365@example.com", "shop three six five at example dot com"),
    ("joé²@example.com", "joé² at example dot com"),
    ("https://www.example.com/help?x=1", "w w w dot example dot com slash help question mark x equals one"),
    ("www.example.org.", "w w w dot example dot org."),
    ("See example.com for more.", "See example dot com for more."),
    ("example.io/pay", "example dot io slash pay"),
    # units
    ("It's 3.5% now.", "It's three point five percent now."),
    ("10-15% off", "ten to fifteen percent off"),
    ("It is -4.", "It is minus four."),
    ("20°C outside, 68°F.", "twenty degrees Celsius outside, sixty-eight degrees Fahrenheit."),
    ("5 km away", "five kilometers away"),
    ("1 km", "one kilometer"),
    ("80 km/h", "eighty kilometers per hour"),
    ("It weighs 5 lbs.", "It weighs five pounds."),
    ("2.5kg", "two point five kilograms"),
    ("16 GB of memory", "sixteen gigabytes of memory"),
    ("30 mins", "thirty minutes"),
    ("She is 5'6\".", "She is five foot six."),
    ("1/2 a cup", "one half a cup"),
    ("3/4", "three quarters"),
    ("24/7", "twenty-four seven"),
    ("5-10 minutes", "five to ten minutes"),
    ("pages 3–7", "pages three to seven"),  # noqa: RUF001
    # abbreviations
    ("Dr. Smith will see you.", "Doctor Smith will see you."),
    ("Dr Smith", "Doctor Smith"),
    ("Mr. and Mrs. Jones", "Mister and Missus Jones"),
    ("in St. Louis", "in Saint Louis"),
    ("12 Main St.", "twelve Main Street."),
    ("12 Main St. Suite 3", "twelve Main Street Suite three"),
    ("12 Long Mr. Suite", "twelve Long Mr. Suite"),
    ("Mulholland Dr.", "Mulholland Drive."),
    ("450 Oak Ave. Suite 3", "four hundred and fifty Oak Avenue Suite three"),
    ("e.g. this", "for example this"),
    ("Apt. 5, p. 12", "apartment five, page twelve"),
    ("That is apt.", "That is apt."),
    ("on 5 May.", "on the fifth of May."),
    ("on 5 Jan. 2026.", "on the fifth of January, twenty twenty-six."),
    ("a, b, etc.", "a, b, et cetera."),
    ("cats vs. dogs", "cats versus dogs"),
    ("No. 5", "number five"),
    ("no. 12", "number twelve"),
    ("#1 choice", "number one choice"),
    ("Marks & Spencer", "Marks and Spencer"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("3 × 4", "three times four"),  # noqa: RUF001
    # numbers
    ("I have 3 cats.", "I have three cats."),
    ("It's 20.", "It's twenty."),
    ("1,234,567", "one million two hundred and thirty-four thousand five hundred and sixty-seven"),
    ("5000000", "five million"),
    ("0", "zero"),
    ("007", "zero zero seven"),
    ("3.14", "three point one four"),
    ("the 21st century", "the twenty-first century"),
    ("our 100th customer", "our one hundredth customer"),
    ("the 1,000th", "the one thousandth"),
    ("version 2.1.0", "version two point one point zero"),
    (
        "12345678901234567890",
        "one two three four, five six seven eight, nine zero one two, three four five six, seven eight nine zero",
    ),
    ("1234567890123456.5", "one two three four five six seven eight nine zero one two three four five six point five"),
    ("1234567890123456th", "1234567890123456th"),
    # nothing
    ("Thank you for calling.", "Thank you for calling."),
    ("B12", "B12"),
    ("5G", "5G"),
    ("He said no. Fine.", "He said no. Fine."),
    ("x/y", "x/y"),
    ("That is all.", "That is all."),
)

MARKS: Final = "0123456789 .,:;/-–$€£%@#&+=()'\"aApPmMdDrRsStT²°\n٣"  # noqa: RUF001
ANY_TEXT: Final = st.text(MARKS, max_size=120) | st.lists(st.sampled_from([case for case, _ in CASES])).map(" ".join)


def said(text: str, language: str = "en-US") -> str:
    return normalized(text, range(len(text)), language)[0]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[case for case, _ in CASES])
def test_english_is_read_aloud_as_people_do(text: str, expected: str) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en-GB", "on 3/4/2026", "on April third, twenty twenty-six"),
        ("en-GB", "on 12/31/2026", "on December thirty-first, twenty twenty-six"),
        ("en-AU", "on 2026-04-03", "on April third, twenty twenty-six"),
        ("de-DE", "Wir haben 21 Zimmer.", "Wir haben einundzwanzig Zimmer."),
        ("de-DE", "Es sind 3.", "Es sind drei."),
        (
            "de-DE",
            "am 3. Mai um 18:05 für 12,50 € oder 5 €, Dr. Lee",
            "am 3. Mai um 18:05 für 12,50 € oder 5 €, Dr. Lee",
        ),
        ("fr-FR", "80 euros", "quatre-vingts euros"),
        ("pt-BR", "16 anos", "dezesseis anos"),
        ("pt-PT", "16 anos", "dezasseis anos"),
        ("zh-CN", "5 $5", "5 $5"),
        ("multi", "5 $5", "5 $5"),
    ],
)
def test_other_languages_have_whole_numbers_at_most(language: str, text: str, expected: str) -> None:
    assert said(text, language) == expected


def test_a_sentence_that_is_all_numbers_is_left_to_the_voice() -> None:
    assert said("1 " * 40).startswith("one one")
    assert said("1 " * 41) == "1 " * 41


def test_only_a_sentence_that_is_to_be_normalized_is() -> None:
    (left,) = Sentences().feed("It is 5 km. ")
    assert left.text == "It is 5 km."
    (changed,) = Sentences("en-US").feed("It is 5 km. ")
    assert changed.text == "It is five kilometers."
    assert changed.written == "It is 5 km. "
    (rest,) = Sentences("en-US").finish() or (Sentence("5", 0, "en-US"),)
    assert rest.text == "five"


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("I", "I"),
        ("I pay", "I pay"),
        ("I pay twelve dollars and fifty", "I pay"),
        ("I pay twelve dollars and fifty cents", "I pay **$12.50"),
        ("I pay twelve dollars and fifty cents at seven", "I pay **$12.50** at"),
        ("I pay twelve dollars and fifty cents at seven thirty P M today.", "I pay **$12.50** at 7:30 p.m. today."),
    ],
)
def test_what_is_written_short_was_heard_once_its_last_word_was(heard: str, written: str) -> None:
    sentence = Sentence("I pay **$12.50** at 7:30 p.m. today.", 0, "en-US")
    assert sentence.text.startswith(heard)
    assert sentence.written[: sentence.written_until(len(heard))] == written


def test_nothing_was_heard_of_a_number_that_a_text_begins_with() -> None:
    assert Sentence("$12.50 please", 7, "en-US").written_until(len("twelve dollars")) == 7


@given(ANY_TEXT, st.sampled_from(["en-US", "en-GB", "de-DE", "multi", ""]))
@example("0/0/2026 .٣²@a.b", "en-US")
def test_any_text_can_be_read_aloud_and_has_its_places(text: str, language: str) -> None:
    written, before = spoken(text)
    words, places = normalized(written, before, language)
    assert len(words) == len(places)
    assert all(-1 <= place < len(text) for place in places)
    assert list(places) == sorted(places)


@given(ANY_TEXT, st.integers(0, 500))
def test_what_was_heard_ends_where_it_was_written(text: str, heard: int) -> None:
    sentence = Sentence(text, 3, "en-US")
    assert 3 <= sentence.written_until(heard) <= sentence.end
    assert sentence.written_until(len(sentence.text)) == sentence.end
