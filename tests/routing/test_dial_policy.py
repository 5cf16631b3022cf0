from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.dial_policy import refused_destination

US_ONLY, US_AND_DE = ("US",), ("US", "DE")


@pytest.mark.parametrize(
    ("to_number", "allowed", "reached"),
    [
        ("+4930123456", None, True),
        ("+4930123456", (), True),
        ("+14155550123", US_ONLY, True),
        ("4155550123", US_ONLY, True),
        ("+16135550123", US_ONLY, False),
        ("+4930123456", US_ONLY, False),
        ("+4930123456", US_AND_DE, True),
        ("004930123456", US_ONLY, False),
        ("0114930123456", US_ONLY, False),
        ("4930123456", US_ONLY, False),
        ("+49-30.123_456", US_ONLY, False),
        ("+88213000000", US_ONLY, False),
        ("+1999999999999", US_ONLY, False),
        ("1000", US_ONLY, True),
        ("911", US_ONLY, True),
        ("reception", US_ONLY, True),
        ("*43", US_ONLY, True),
    ],
)
def test_a_list_of_countries_lets_a_number_reach_only_those(
    to_number: str, allowed: tuple[str, ...] | None, reached: bool
) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": allowed, "last_modification_timestamp": 1}
    )
    why = refused_destination(to_number, number)
    assert (why is None) == reached
    assert why is None or ("allowed_outbound_country_list is US" in why and to_number in why)


@given(st.text() | st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True))
def test_no_destination_crashes_the_list_of_countries(caller: str) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": ["DE"], "last_modification_timestamp": 1}
    )
    refused_destination(caller, number)
