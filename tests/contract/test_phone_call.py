"""What a request for a phone call may say, in all its shapes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.phone_call import OlderPhoneCallCreate, PhoneCallCreate

FROM, TO = "+14155550100", "+14155550199"
BOTH = {"from_number": FROM, "to_number": TO}


def wrong(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        PhoneCallCreate.model_validate({**BOTH, **fields})
    return str(caught.value)


@pytest.mark.parametrize("number", ["", "4155550199", "+1 415 555 0199", "+1415", "sip:bob@example.com", "+1&2"])
@pytest.mark.parametrize("name", ["from_number", "to_number"])
def test_both_numbers_must_be_e164(name: str, number: str) -> None:
    assert name in wrong(**{name: number})


def test_numbers_inside_the_pbx_are_called_when_asked_for() -> None:
    request = PhoneCallCreate.model_validate({"from_number": "100", "to_number": "*43", "ignore_e164_validation": True})
    assert (request.from_number, request.to_number) == ("100", "*43")


@pytest.mark.parametrize("number", ["1&PJSIP/2", "1@evil", "1/2", "1,2", "1)\r\nX: y", "$" + "{EXTEN}"])
def test_no_number_reaches_further_than_one_call(number: str) -> None:
    wrong(to_number=number, ignore_e164_validation=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Contact": "x"},
        {"X-": "x"},
        {"X-Foo)": "x"},
        {"X-Foo,X-Bar": "x"},
        {"X-Foo": "a\r\nX-Bar: b"},
        {"X-Foo": "a\nb"},
        {"X-Foo": "a\x00b"},
        {"X-Foo": "a" * 1025},
        {"X-Foo": "a", "x-foo": "b"},
        {"X-Foo": 1},
        {f"X-{number}": "x" for number in range(17)},
    ],
)
def test_headers_cannot_inject(headers: dict[str, Any]) -> None:
    assert "custom_sip_headers" in wrong(custom_sip_headers=headers)


def test_the_first_version_takes_both_shapes() -> None:
    nested = OlderPhoneCallCreate.model_validate({"phone_number": {"from": FROM, "to": TO}})
    flat = OlderPhoneCallCreate.model_validate({**BOTH, "drop_call_if_machine_detected": True})
    assert (nested.from_number, nested.to_number) == (flat.from_number, flat.to_number) == (FROM, TO)
    assert flat.drop_call_if_machine_detected
    with pytest.raises(ValidationError, match="to_number"):
        OlderPhoneCallCreate.model_validate({"phone_number": {"from": FROM}})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from([*PhoneCallCreate.model_fields, "phone_number", "from", "to"]), inner
        ),
        max_leaves=6,
    )
)
def test_no_body_crashes_it(body: Any) -> None:
    for model in (PhoneCallCreate, OlderPhoneCallCreate):
        with contextlib.suppress(ValidationError):
            model.model_validate(body)


def test_more_headers_than_fit_are_refused() -> None:
    assert "17 headers; at most 16 are carried" in wrong(custom_sip_headers={f"X-{n}": "1" for n in range(17)})


def test_a_header_that_is_not_of_our_own_is_not_carried() -> None:
    told = wrong(custom_sip_headers={"Via": "1"})
    assert "header 'Via' is not carried; names must begin with X-, such as X-Account" in told
