"""What is recognised, and above all what is not: an order number must not be taken for a card."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.pii.national_ids import MAX_EXAMINED
from ari_agent.pii.personal_data import BUILT_IN, PersonalData, Recognizer, Said
from ari_agent.pii.phone_numbers import MAX_EXAMINED as MAX_PHONES
from ari_agent.pii.phone_numbers import regions_of
from ari_agent.pii.scrubber import replaced

UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def scrubbed(*said: str | tuple[str, str], regions: Sequence[str] = ("US",)) -> str:
    """What is left of utterances, as (speaker, text) or a text of one speaker."""
    utterances = [Said(each) if isinstance(each, str) else Said(each[1], each[0]) for each in said]
    found = Recognizer(regions=regions).find(utterances)
    return " / ".join(replaced(each.text, data) for each, data in zip(utterances, found, strict=True))


CARD = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    "written",
    [
        *(
            CARD.replace(" ", each)
            for each in ("\u00a0", "\u202f", "\u2009", "\t", "\n", "\r\n", "\n\n", "    ", "\0", "_")
        ),
        *(CARD.replace(" ", each) for each in ("\u2010", "\u2011", "\u2012", "\u2013", "\u2212", "\uff0d", " - ")),
        *(CARD.replace(" ", each) for each in ("\u200b", "\u200d", "\u00ad", "\u2060")),
        *(CARD.replace(" ", each) for each in ("/", "|", "+", "*", ":", "\u00b7", "** **", "</b><b>", ") (", "&nbsp;")),
        "3782/822463/10005",
        "\u202d4111 1111 1111 1111\u202c",
        *(
            "".join(chr(ord(each) + shift) if each != " " else each for each in CARD)
            for shift in (0x630, 0x936, 0xFEE0)
        ),
        "".join(chr(0x1D7CE + int(each)) for each in CARD if each != " "),
        "".join("\u2070\u00b9\u00b2\u00b3\u2074"[int(each)] for each in CARD if each != " "),
        "".join(f"{each}\ufe0f\u20e3" for each in CARD if each != " "),
        "card4111111111111111x",
        "https://pay.example/?card=4111111111111111&ok=1",
    ],
)
def test_no_way_of_writing_a_card_number_hides_it(written: str) -> None:
    left = scrubbed(f"it is {written}.")
    assert "[credit_card]" in left and "11" not in left.replace("\u00b9", "1").replace("\u0661", "1"), left


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("536\u201190\u20114399", "[ssn]"),
        ("536\u201390\u20134399", "[ssn]"),
        ("536.90.4399", "[ssn]"),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "[bank_account]"),
        ("DE89\u200b3704\u200b0044\u200b0532\u200b0130\u200b00", "[bank_account]"),
        ("+1\u2011415\u2011555\u20110132", "[phone_number]"),
        ("bob\uff20example.com", "[email]"),
        ("it's 'bob@example.com' and o'brien@example.com", "it's '[email]' and [email]"),
    ],
)
def test_other_numbers_and_addresses_are_found_as_people_paste_them(written: str, left: str) -> None:
    assert scrubbed(written) == left


@pytest.mark.parametrize(
    "written",
    [
        "10:30 - 12:00, 13:00 - 15:30",
        "30/11/2026 10:00, 31/12/2026 11:00",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "1.000.000, 2.000.000 and 3.500.000",
    ],
)
def test_times_dates_ids_and_amounts_are_left(written: str) -> None:
    assert scrubbed(written) == written


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("it is 4111111111111111, thanks", "it is [credit_card], thanks"),
        ("4111 1111 1111 1111 12/27 123", "[credit_card] 12/27 123"),
        ("4111-1111-1111-1111", "[credit_card]"),
        ("4111, 1111, 1111, 1111.", "[credit_card]."),
        ("five one oh five, one oh five one, oh five one oh, five one double oh", "[credit_card]"),
        ("378282246310005", "[credit_card]"),
        ("30569309025904", "[credit_card]"),
        ("6011000990139424", "[credit_card]"),
        ("3530111333300000", "[credit_card]"),
        ("2223003122003222", "[credit_card]"),
        ("2200000000000004", "[credit_card]"),
        ("4222222222222", "[credit_card]"),
        ("4111111111111111 5105105105105100", "[credit_card] [credit_card]"),
        ("call (415) 555-0132", "call [phone_number]"),
        ("four one five, five five five, oh one three two", "[phone_number]"),
        ("plus four nine three zero nine zero one eight two zero", "[phone_number]"),
        ("eight hundred five five five one two one two", "[phone_number]"),
        ("Bob.Smith+x@mail.example.co.uk.", "[email]."),
        ("it is bob dot smith at gmail dot com thanks", "it is [email] thanks"),
        ("b o b one two at g mail dot com", "[email]"),
        ("bob underscore x at my dash shop dot co dot uk", "[email]"),
        ("bob at sign example dot c o m", "[email]"),
        ("bob arroba ejemplo punto es", "[email]"),
        ("bob@example dot com", "[email]"),
        ("536-90-4399", "[ssn]"),
        ("my social is 536904399", "my social is [ssn]"),
        ("12345678Z", "[ssn]"),
        ("AB 12 34 56 C", "[ssn]"),
        ("RSSMRA85T10A562S", "[ssn]"),
        ("pesel 44051401359", "pesel [ssn]"),
        ("756.9217.0769.85", "[ssn]"),
        ("my NHS number is 401 023 2137", "my NHS number is [medical_id]"),
        ("DE89 3704 0044 0532 0130 00 at my bank", "[bank_account] at my bank"),
        ("GB82 WEST 1234 5698 7654 32", "[bank_account]"),
    ],
)
def test_personal_data_is_found(said: str, left: str) -> None:
    assert scrubbed(said) == left


@pytest.mark.parametrize(
    "said",
    [
        "twenty twenty",
        "order number 4155550132",
        "invoice 2026-000123456789",
        "it costs 1,299.00 dollars, or $4155550132 in all",
        "on 2026-11-29 at 10:00:00",
        "on 11/29/2026 or 29.11.2026",
        "ISO date 20261129",
        "november twenty ninth twenty twenty six at ten thirty",
        "flight 12345 gate 22, seat 14 at 10 45",
        "zip 94110-1234",
        "1764460800123",
        "4111111111111112",
        "1234567812345670",
        "tracking 1Z999AA10123456784",
        "550e8400-e29b-41d4-a716-446655440000",
        "call_1b2c3d4e5f60718293a4b5c6d7e8f901",
        "192.168.100.200",
        "look at example dot com",
        "I was at noon. Then we left at five. Thanks",
        "at dot com",
        "bob at",
        "000-12-3456",
        "536904399",
        "401 023 2137 items",
        "one two three four five six seven eight nine ten eleven twelve",
        "5 at 10 dot 20",
    ],
)
@pytest.mark.parametrize("regions", [("US",), ("DE", "US")])
def test_other_numbers_are_left(said: str, regions: Sequence[str]) -> None:
    assert scrubbed(said, regions=regions) == said


def test_a_card_is_found_over_several_utterances_of_one_speaker() -> None:
    said = [
        ("user", "the card is four one one one"),
        ("agent", "mm-hm"),
        ("user", "one one one one, one one one one"),
        ("agent", "go on"),
        ("user", "one one one one, that is it"),
    ]
    assert scrubbed(*said) == "the card is [credit_card] / mm-hm / [credit_card] / go on / [credit_card], that is it"


def test_numbers_far_apart_are_not_put_together() -> None:
    said = [("user", "4111 1111"), ("agent", "a"), ("agent", "b"), ("agent", "c"), ("user", "1111 1111")]
    assert "[" not in scrubbed(*said)


def test_the_question_says_what_a_number_is() -> None:
    answer = "five three six, nine zero, four three nine nine"
    assert scrubbed(("agent", "And your social security number?"), ("user", answer)).endswith(" / [ssn]")
    assert scrubbed(("agent", "And your order number?"), ("user", answer)).endswith(answer)


def test_what_somebody_else_repeats_of_a_number_in_parts_is_found() -> None:
    said = [
        ("user", "it is 4111 1111"),
        ("agent", "Four one one one, one one one one. Go on? 41111111 2026."),
        ("user", "1111-1111"),
        ("agent", "I took 1111 1111, order 11111111 is 5 days old, 111111112."),
        ("user", "1111 1111"),
    ]
    assert scrubbed(*said) == (
        "it is [credit_card] / [credit_card]. Go on? [credit_card] 2026. / [credit_card]"
        " / I took [credit_card], order [credit_card] is 5 days old, 111111112. / 1111 1111"
    )
    assert (
        scrubbed(("a", "41 11 11 11 1"), ("b", "ok, 12"), ("a", "111 1111")) == "[credit_card] / ok, 12 / [credit_card]"
    )


def test_a_part_of_two_digits_is_not_looked_for() -> None:
    assert (
        scrubbed(("a", "4111 1111 1111 11"), ("b", "at 11?"), ("a", "11")) == "[credit_card] / at 11? / [credit_card]"
    )


def test_only_what_is_wanted_is_found() -> None:
    said = [Said("4111111111111111, bob@example.com, AB 12 34 56 C")]
    for category, many in (("email", 1), ("pin", 0), ("bank_account", 0), ("ssn", 1)):
        wanted: frozenset[PiiCategory] = frozenset({category})  # type: ignore[arg-type]
        assert [data.category for data in Recognizer(wanted).find(said)[0]] == [category] * many


def test_somebody_else_finds_more_and_what_overlaps_is_one() -> None:
    def find_more(texts: Sequence[str]) -> Sequence[Sequence[PersonalData]]:
        return [
            [PersonalData("person_name", 0, 3), PersonalData("email", 2, 9), PersonalData("pin", 0, 1)] for _ in texts
        ]

    recognizer = Recognizer(frozenset({"person_name", "email"}), find_more=find_more)
    assert recognizer.find([Said("Bob Smith said")]) == [[PersonalData("email", 0, 9)]]


def test_telephone_numbers_are_those_of_the_countries_of_a_call() -> None:
    assert regions_of(("+4930901820", None, "anonymous", "+14155550132")) == ("DE", "US")
    assert regions_of((None, "200")) == ("US",)
    assert scrubbed("030 901820", regions=("DE",)) == "[phone_number]"
    assert scrubbed("030 901820") == "030 901820"


def test_of_very_many_numbers_the_last_are_taken_for_what_they_look_like() -> None:
    many = "536-90-4399 x000-12-3456y " * (MAX_EXAMINED + 10) + "000-12-3456"
    assert scrubbed(many).endswith("[ssn]")
    assert scrubbed("call 415 155 0132 now " * (MAX_PHONES + 1)).endswith(" call [phone_number] now ")


@given(st.from_regex(r"4[0-9]{14}", fullmatch=True), st.data())
def test_no_spelling_of_a_card_leaves_its_digits(digits: str, data: st.DataObject) -> None:
    card = digits + luhn.calc_check_digit(digits)
    spelt = (
        data.draw(st.sampled_from(["", "-", " "])).join(card[at : at + 4] for at in range(0, 16, 4))
        if data.draw(st.booleans())
        else data.draw(st.sampled_from([" ", ", "])).join(UNITS[int(digit)] for digit in card)
    )
    left = scrubbed(f"it is {spelt} thanks")
    assert not any(digit in left for digit in "0123456789")
    assert not any(unit in left.split() for unit in UNITS)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(alphabet="0123456789 .-+@atdobcomnexX\n/(),\u0664\u00df"))))
def test_whatever_is_said_what_is_found_is_within_it_and_in_order(said: list[tuple[str, str]]) -> None:
    utterances = [Said(text, speaker) for speaker, text in said]
    for each, found in zip(utterances, Recognizer(BUILT_IN, ("US", "DE")).find(utterances), strict=True):
        ends = [0, *(data.end for data in found)]
        assert all(before <= data.start < data.end for before, data in zip(ends, found, strict=False))
        assert ends[-1] <= len(each.text)
