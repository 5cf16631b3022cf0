"""Where the calls of a trunk go, in which order, and when the next destination is tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.trunk_destinations import (
    address_of,
    destinations,
    number_of_trunk,
    tries_next,
    trunk_address,
    trunk_id,
)
from ari_agent.contract.phone_number import TrunkConfig

APP = "ari_agent"
NUMBER = "+14155550100"
_numbers = st.from_regex(r"\+?[0-9A-Za-z*#._-]{1,20}", fullmatch=True)


@given(one=_numbers, other=_numbers)
def test_two_numbers_never_share_a_trunk(one: str, other: str) -> None:
    assert (trunk_id(APP, one) == trunk_id(APP, other)) == (one == other)


@given(number=_numbers, way=st.sampled_from(["", "-2", "-9"]))
def test_a_channel_of_a_trunk_tells_the_number(number: str, way: str) -> None:
    assert number_of_trunk(APP, f"PJSIP/{trunk_id(APP, number)}{way}-0000001f") == number


@pytest.mark.parametrize(
    "channel", ["PJSIP/carrier-0000001f", "PJSIP/other-trunk-14155550100-0000001f", "Local/x@ari_agent-trunk-1;1", ""]
)
def test_a_channel_of_no_trunk_tells_none(channel: str) -> None:
    assert number_of_trunk(APP, channel) is None


def test_the_destinations_are_tried_in_order_and_each_once() -> None:
    config = TrunkConfig(
        termination_uri="a.example.com",
        termination_uris=("a.example.com", "sip:b.example.com:5070;transport=udp", "a.example.com"),
    )
    assert [(way.endpoint, way.uri) for way in destinations(APP, NUMBER, config)] == [
        (f"{APP}-trunk-14155550100", "sip:a.example.com;transport=tcp"),
        (f"{APP}-trunk-14155550100-2", "sip:b.example.com:5070"),
    ]


def test_a_number_without_a_termination_uri_has_no_destination() -> None:
    assert destinations(APP, NUMBER, None) == ()
    assert destinations(APP, NUMBER, TrunkConfig(termination_uris=("b.example.com",))) == ()
    assert trunk_address(TrunkConfig()) is None
    assert address_of("", TrunkConfig()) is None


@pytest.mark.parametrize(
    ("sip_status", "rang", "next_is_tried"),
    [
        (503, False, True),
        (408, False, True),
        (500, False, True),
        (502, False, True),
        (504, False, True),
        (503, True, False),
        (408, True, False),
        (486, False, False),
        (600, False, False),
        (603, False, False),
        (404, False, False),
        (604, False, False),
        (403, False, False),
        (401, False, False),
        (480, False, False),
        (488, False, False),
        (501, False, False),
        (None, False, False),
    ],
)
def test_only_what_the_carrier_could_not_do_is_tried_elsewhere(
    sip_status: int | None, rang: bool, next_is_tried: bool
) -> None:
    assert tries_next(sip_status, rang=rang) is next_is_tried
