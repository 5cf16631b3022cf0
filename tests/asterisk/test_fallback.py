"""The way to a fallback number: which endpoint, and what cannot be smuggled into the dialplan."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.asterisk.fallback import fallback_variables, returned_dial_status
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import InvalidTransferTarget

TRUNK = {"termination_uri": "sip.example.com"}


def number(fallback: str | None, trunk: dict[str, str] | None = None) -> PhoneNumber:
    return PhoneNumber.model_validate(
        {
            "phone_number": "+14155550100",
            "fallback_number": fallback,
            "sip_outbound_trunk_config": trunk,
            "last_modification_timestamp": 1,
        }
    )


@pytest.mark.parametrize(
    ("fallback", "trunk", "endpoint"),
    [
        ("+14155550199", TRUNK, "app-trunk-14155550100"),
        ("+14155550199", None, ""),
        ("+14155550199", {}, ""),
        ("100", TRUNK, ""),
        ("reception", TRUNK, ""),
    ],
)
def test_the_trunk_takes_numbers_of_the_world_and_the_pbx_its_own(
    fallback: str, trunk: dict[str, str] | None, endpoint: str
) -> None:
    assert fallback_variables(number(fallback, trunk), trunk="app-trunk-14155550100", ring_ms=30_000) == {
        "ARI_AGENT_FALLBACK_NUMBER": fallback,
        "ARI_AGENT_FALLBACK_TRUNK": endpoint,
        "ARI_AGENT_FALLBACK_FROM": "+14155550100",
        "ARI_AGENT_FALLBACK_RING_S": "30",
    }


def test_a_number_without_a_fallback_has_none() -> None:
    assert fallback_variables(number(None), trunk="app-trunk-14155550100", ring_ms=30_000) is None


@given(st.text(min_size=1) | st.text(alphabet="+1a,&@/${}|^;\n", min_size=1, max_size=12))
def test_nothing_gets_into_the_dialplan_that_means_something_there(fallback: str) -> None:
    try:
        given_number = number(fallback)
    except ValidationError:
        given_number = number("100").model_copy(update={"fallback_number": fallback})
    try:
        variables = fallback_variables(given_number, trunk="app-trunk-14155550100", ring_ms=5_000)
    except InvalidTransferTarget:
        return
    assert variables is not None
    for value in variables.values():
        assert re.fullmatch(r"[+0-9A-Za-z*#._-]*", value)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("fallback", "BUSY"), "BUSY"), (("fallback",), ""), (("refer", "SUCCESS"), None), ((), None)],
)
def test_who_comes_back_says_why(arguments: tuple[str, ...], status: str | None) -> None:
    assert returned_dial_status(arguments) == status
