from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.e164 import (
    Country,
    all_spellings,
    country_of,
    country_of_caller,
    is_e164,
    pretty,
    require_e164,
    require_own_number,
    require_pseudo_number,
)


@pytest.mark.parametrize("number", ["+14157774444", "+4915112345678", "+12025550123", "+442071838750"])
def test_e164_numbers_are_known(number: str) -> None:
    assert is_e164(number)
    assert require_e164(f" {number} ") == number


@pytest.mark.parametrize(
    "number",
    ["", "+", "14157774444", "+0123456789", "+1415777444", "+1415777444412345", "+1 4157774444", "+1415777444٤"],
)
def test_anything_else_is_none(number: str) -> None:
    assert not is_e164(number)
    with pytest.raises(ValueError, match=r"must be an E\.164 number such as"):
        require_e164(number)


@pytest.mark.parametrize("meant", ["(415) 777-4444", "1-415-777-4444", "+1 (415) 777-4444", "415.777.4444"])
def test_what_was_meant_is_offered(meant: str) -> None:
    with pytest.raises(ValueError, match=r"did you mean \+14157774444\?$"):
        require_e164(meant)


@pytest.mark.parametrize("number", ["100", "reception", "*43", "#9", "a.b-c_d", "+14157774444"])
def test_a_pbx_has_numbers_and_names_of_its_own(number: str) -> None:
    assert require_pseudo_number(number) == number


@pytest.mark.parametrize("number", ["", " ", "a b", "a/b", "a@b", "ä", "a\n", "a" * 65, "%2B1", "<1>"])
def test_what_cannot_stand_in_a_sip_uri_is_refused(number: str) -> None:
    if number == "a\n":
        assert require_pseudo_number(number) == "a"
        return
    with pytest.raises(ValueError, match="must be a number such as"):
        require_pseudo_number(number)


def test_countries_are_found_by_number() -> None:
    assert [country_of(number) for number in ("+14157774444", "+4915112345678", "100")] == ["US", "DE", None]


@pytest.mark.slow
@given(text=st.text(max_size=40) | st.from_regex(r"\+[0-9 ()-]{1,20}"))
def test_no_text_crashes_and_what_is_accepted_stays(text: str) -> None:
    pretty(text)
    country_of(text)
    for check in (require_e164, require_pseudo_number):
        try:
            number = check(text)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert check(number) == number


def test_a_country_code_of_no_country_is_no_number() -> None:
    assert not is_e164("+9991234567")


@pytest.mark.parametrize(
    ("number", "spellings"),
    [
        ("+14157774444", ("+14157774444", "14157774444", "0014157774444")),
        ("0014157774444", ("0014157774444", "+14157774444", "14157774444")),
        ("100", ("100", "+100", "00100")),
        ("reception", ("reception",)),
        ("12", ("12",)),
    ],
)
def test_a_number_is_spelled_with_a_plus_bare_and_with_two_zeros(number: str, spellings: tuple[str, ...]) -> None:
    assert all_spellings(number) == spellings


@pytest.mark.parametrize(
    ("number", "home", "country"),
    [
        ("+4915112345678", None, "DE"),
        ("004915112345678", "US", "DE"),
        ("4915112345678", None, "DE"),
        ("4157774444", "US", "US"),
        ("0442071838750", "US", None),
        ("015112345678", "DE", "DE"),
        ("442071838750", "US", "GB"),
        ("123456789", "XX", None),
        ("100", "US", None),
        ("anonymous", "US", None),
    ],
)
def test_a_caller_is_of_a_country_however_the_trunk_spells_the_number(
    number: str, home: str | None, country: str | None
) -> None:
    assert country_of_caller(number, home=home) == country


def test_a_country_is_a_code_of_iso_3166_in_capitals() -> None:
    assert TypeAdapter(Country).validate_python("DE") == "DE"
    for wrong in ("de", "XX", "UK"):
        with pytest.raises(ValidationError, match="must be an ISO 3166-1 alpha-2 country code in capitals such as US"):
            TypeAdapter(Country).validate_python(wrong)


@pytest.mark.parametrize("number", ["+14157774444", "200", "reception", "*43"])
def test_a_number_of_ones_own_is_e164_or_inside_the_pbx(number: str) -> None:
    assert require_own_number(f" {number} ") == number


@pytest.mark.parametrize("number", ["4157774444", "202-555-0100", "+14157", "a b"])
def test_a_public_number_in_another_spelling_is_no_number_of_ones_own(number: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        require_own_number(number)
