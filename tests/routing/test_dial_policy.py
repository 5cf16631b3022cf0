from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.routing.dial_policy import NO_POLICY, Dial, refused

US_ONLY, US_AND_DE = ("US",), ("US", "DE")


def why_not(to: str, number: PhoneNumber | None) -> str | None:
    """Why the number may not dial this, where nothing else is set; None if it may."""
    refusal = refused(NO_POLICY.of_workspace(), Dial(to, number))
    return str(refusal) if refusal else None


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
    why = why_not(to_number, number)
    assert (why is None) == reached
    assert why is None or ("allowed_outbound_country_list is US" in why and to_number in why)


@given(st.text() | st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True))
def test_no_destination_crashes_the_list_of_countries(caller: str) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": ["DE"], "last_modification_timestamp": 1}
    )
    why_not(caller, number)


def us_number(**fields: object) -> PhoneNumber:
    given = {"phone_number": "+14155550100", "allowed_outbound_country_list": ["US"], "last_modification_timestamp": 1}
    return PhoneNumber.model_validate({**given, **fields})


TRUNK = {"sip_outbound_trunk_config": {"termination_uri": "sip:sip.example.com:5070;transport=tls"}}


@pytest.mark.parametrize(
    ("destination", "reached"),
    [
        ("+14155550123", True),
        ("+5351234567", False),
        ("+88231234567", False),
        ("100", True),
        ("sip:+14155550123@anywhere", True),
        ("sip:4155550123@anywhere;user=phone", True),
        ("sip:+5351234567@sip.example.com", False),
        ("sips:%2B53-5123.4567@sip.example.com", False),
        ("sip:0115351234567@sip.example.com", False),
        ("sip:bob@sip.example.com", True),
        ("sip:100@SIP.example.com:5061;transport=tcp", True),
        ("sip:sip.example.com", True),
        ("sip:+53!512%2034567@sip.example.com", False),
        ("sip:*675351234567@sip.example.com", False),
        ("sip:*43@sip.example.com", True),
        ("sip:x@internal", False),
        ("sip:100@[2001:db8::1]:5060", False),
        ("sip:192.0.2.1", False),
        ("sip:*21*5351234567@192.0.2.1", False),
    ],
)
def test_a_list_of_countries_lets_a_call_be_transferred_only_there_or_to_its_own_trunk(
    destination: str, reached: bool
) -> None:
    why = why_not(destination, us_number(**TRUNK))
    assert (why is None) == reached
    assert why is None or "allowed_outbound_country_list is" in why


@pytest.mark.parametrize("number", [None, us_number(allowed_outbound_country_list=None)])
def test_without_a_list_of_countries_a_call_may_be_transferred_anywhere(number: PhoneNumber | None) -> None:
    assert why_not("sip:+5351234567@internal", number) is None


def test_a_number_without_a_trunk_has_no_host_of_its_own() -> None:
    assert why_not("sip:bob@sip.example.com", us_number()) is not None
