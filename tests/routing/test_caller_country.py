from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.caller_country import refused_country

US_ONLY, US_AND_DE = ("US",), ("US", "DE")


@pytest.mark.parametrize(
    ("caller", "dialled", "allowed", "let_in"),
    [
        ("+4930123456", "+14155550100", None, True),
        ("+4930123456", "+14155550100", (), True),
        ("anonymous", "+14155550100", None, True),
        ("+14155550123", "+14155550100", US_ONLY, True),
        ("14155550123", "+14155550100", US_ONLY, True),
        ("4155550123", "+14155550100", US_ONLY, True),
        ("+16135550123", "+14155550100", US_ONLY, False),
        ("+4930123456", "+14155550100", US_ONLY, False),
        ("004930123456", "+14155550100", US_AND_DE, True),
        ("4930123456", "+14155550100", US_AND_DE, True),
        ("030123456", "+493012345678", ("DE",), True),
        ("030123456", "+14155550100", ("DE",), False),
        ("anonymous", "+14155550100", US_ONLY, False),
        ("softphone", "100", US_ONLY, False),
        ("+14155550123", "100", US_ONLY, True),
    ],
)
def test_a_list_of_countries_lets_only_callers_from_there_in(
    caller: str, dialled: str, allowed: tuple[str, ...] | None, let_in: bool
) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": dialled, "allowed_inbound_country_list": allowed, "last_modification_timestamp": 1}
    )
    refusal = refused_country(caller, number)
    assert (refusal is None) == let_in
    assert refusal is None or (refusal.reason is None and "allowed" in refusal.why)


@given(st.text() | st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True))
def test_no_caller_crashes_the_list_of_countries(caller: str) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_inbound_country_list": ["DE"], "last_modification_timestamp": 1}
    )
    refused_country(caller, number)
