"""What a destination is, as a gateway would understand it: the same number in any spelling is the same."""

from __future__ import annotations

from urllib.parse import quote

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.dial_policy import NumberType
from ari_agent.routing.dial_target import DialTarget, TargetNumber, home_of, read_target
from tests.routing.injections import INJECTIONS

PREMIUM, SATELLITE, EMERGENCY = (NumberType.PREMIUM_RATE,), (NumberType.SATELLITE,), (NumberType.EMERGENCY,)
ORDINARY, UNKNOWN = (NumberType.FIXED_LINE, NumberType.MOBILE), (NumberType.UNKNOWN,)


@pytest.mark.parametrize(
    ("to", "home", "shown", "country", "types"),
    [
        ("+14155550123", "US", "+14155550123", "US", ORDINARY),
        ("4155550123", "US", "+14155550123", "US", ORDINARY),
        ("8705551234", "US", "+18705551234", "US", ORDINARY),  # Arkansas, and no satellite
        ("+15551234567", "US", "+15551234567", None, UNKNOWN),
        ("5550123", "US", "+15550123", None, UNKNOWN),
        ("5550123", None, "5550123", None, UNKNOWN),
        ("004930123456", "US", "+4930123456", "DE", (NumberType.FIXED_LINE,)),
        ("0114930123456", "DE", "+4930123456", "DE", (NumberType.FIXED_LINE,)),
        ("4930123456", None, "+4930123456", "DE", (NumberType.FIXED_LINE,)),
        ("+491512345678", None, "+491512345678", None, UNKNOWN),
        ("+4915123456789", None, "+4915123456789", "DE", (NumberType.MOBILE,)),
        ("+18005550199", None, "+18005550199", "US", (NumberType.TOLL_FREE,)),
        ("+443001234567", None, "+443001234567", "GB", (NumberType.UAN,)),
        ("+447012345678", None, "+447012345678", "GB", (NumberType.PERSONAL_NUMBER,)),
        ("+491805123456", None, "+491805123456", "DE", (NumberType.SHARED_COST,)),
        ("+80812345678", None, "+80812345678", None, (NumberType.SHARED_COST,)),
        ("+979123456789", None, "+979123456789", None, PREMIUM),
        ("9005550199", "US", "+19005550199", "US", PREMIUM),
        ("+19001", "US", "+19001", "US", PREMIUM),
        ("+19765550199", None, "+19765550199", "US", PREMIUM),
        ("+12129761234", None, "+12129761234", "US", PREMIUM),
        ("9761234", "US", "+19761234", "US", PREMIUM),
        ("1900FLOWERS", None, "+19003569377", "US", PREMIUM),
        ("+4990098790001234", None, "+4990098790001", "DE", PREMIUM),  # the network ignores the last digits
        ("88213123456", "US", "+88213123456", None, SATELLITE),
        ("+883510001234567", None, "+883510001234567", None, SATELLITE),
        ("+888123456789", None, "+888123456789", None, SATELLITE),
        ("9115550123", "US", "9115550123", "US", EMERGENCY),
    ],
)
def test_a_number_has_a_country_and_a_type(
    to: str, home: str | None, shown: str, country: str | None, types: tuple[NumberType, ...]
) -> None:
    assert read_target(to, home=home) == DialTarget(number=TargetNumber(shown, country, types))


@pytest.mark.parametrize(
    ("to", "home", "types"),
    [
        ("911", None, EMERGENCY),
        ("112", "US", EMERGENCY),
        ("110", "DE", EMERGENCY),
        ("110", "US", ()),
        ("9911", "US", EMERGENCY),
        ("0112", None, EMERGENCY),
        ("2112", "US", ()),
        ("11880", "DE", PREMIUM),
        ("11880", "US", ()),
        ("118000", "DE", PREMIUM),
        ("116117", "DE", ()),
        ("411", "US", ()),
        ("200", None, ()),
        ("3620", "FR", PREMIUM),
    ],
)
def test_a_short_number_is_an_extension_that_may_mean_more_to_the_network(
    to: str, home: str | None, types: tuple[NumberType, ...]
) -> None:
    number = TargetNumber(to, home if types else None, types, is_short=True)
    assert read_target(to, home=home) == DialTarget(number=number, extension=to)
    assert read_target(f"sip:{to}@[2001:db8::1]:5060", home=home) == DialTarget("[2001:db8::1]", number)


@pytest.mark.parametrize("to", ["*6714155550123", "+1415+5550123", "14155550123w200", "+911", "9" * 16, "##2112345678"])
def test_a_number_behind_a_code_and_one_of_no_number_s_length_are_hidden(to: str) -> None:
    assert read_target(to, home="US") == DialTarget(is_hidden=True)
    assert read_target(f"sip:{quote(to)}@example.com", home="US") == DialTarget("example.com", is_hidden=True)


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("reception", DialTarget(extension="reception")),
        ("*43", DialTarget(extension="*43")),
        ("*67911", DialTarget(None, TargetNumber("*67911", None, EMERGENCY, is_short=True), "*67911")),
        ("sip:bob@Example.com.;transport=tls", DialTarget("example.com")),
        ("sip:example.com", DialTarget("example.com")),
        ("sips:agent-12345678@example.com", DialTarget("example.com")),
        ("", DialTarget(extension="")),
    ],
)
def test_names_and_codes_are_inside_the_pbx_or_at_their_host(to: str, target: DialTarget) -> None:
    assert read_target(to, home=None) == target


@pytest.mark.parametrize(
    ("number", "home"),
    [("+14155550100", "US"), ("+15551234567", "US"), ("+4930123456", "DE"), ("+88213123456", None), ("200", None)],
)
def test_the_home_of_a_number_is_the_country_that_its_trunk_dials_in(number: str, home: str | None) -> None:
    assert home_of(number) == home


REGIONS = st.sampled_from(["US", "CA", "DO", "DE", "GB", "FR", "IN", "CU", "AU", "JP"])
KINDS = st.sampled_from(
    [
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
    ]
)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A valid number of a country, of any type that it has."""
    example = phonenumbers.example_number_for_type(draw(REGIONS), draw(KINDS))
    if example is None:
        example = phonenumbers.example_number(draw(REGIONS))
    assert example
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    changed = digits[:-3] + draw(st.from_regex("[0-9]{3}", fullmatch=True))
    return changed if phonenumbers.is_valid_number(phonenumbers.parse(changed, None)) else digits


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """A number, and the same one as somebody may write it."""
    number = draw(numbers())
    digits = number.removeprefix("+")
    separated = "".join(draw(st.sampled_from(["", "-", ".", "_"])) + digit for digit in digits)
    escaped = "".join(draw(st.sampled_from([digit, f"%{ord(digit):02X}"])) for digit in digits)
    arabic = "".join(chr(0x660 + int(digit)) for digit in digits)
    host = draw(st.sampled_from(["example.com", "[2001:db8::1]:5060", "192.0.2.1;user=phone"]))
    ways = [number, f"+{separated}", f"00{digits}", f"011{digits}", f"+{arabic}", f"sip:+{escaped}@{host}"]
    return number, draw(st.sampled_from([*ways, f"SIPS:%2B{digits}@{host}", f"sip:00{escaped}@{host}"]))


@given(spellings(), st.sampled_from(["US", "DE", None]))
def test_the_same_number_is_read_alike_in_whatever_spelling(spelt: tuple[str, str], home: str | None) -> None:
    number, spelling = spelt
    assert read_target(spelling, home=home).number == read_target(number, home=home).number


@given(numbers())
def test_a_number_as_it_is_dialled_in_its_own_country_is_that_number(number: str) -> None:
    parsed = phonenumbers.parse(number, None)
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    home = phonenumbers.region_code_for_number(parsed)
    assert read_target(national, home=home).number == read_target(number, home=home).number


@given(st.text() | st.from_regex(r"(sips?:)?[+0-9*#a-z%]{0,30}(@[a-z.\[\]:%]{0,20})?", fullmatch=True), REGIONS)
def test_no_destination_crashes_the_reader(to: str, home: str) -> None:
    read_target(to, home=home)


@pytest.mark.parametrize("home", ["US", "DE", None])
def test_no_injection_crashes_the_reader(home: str | None) -> None:
    for text in INJECTIONS:
        read_target(text, home=home)
