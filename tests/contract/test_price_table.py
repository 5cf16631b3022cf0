"""The price table: what is refused, in which words, which price holds for a leg, and how a use is billed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.price_table import Direction, MinutePrice, PriceTable

TABLE = {
    "telephony": [
        {"cents_per_minute": 9},
        {"prefix": "+1", "cents_per_minute": 1},
        {"prefix": "+1", "direction": "inbound", "cents_per_minute": 0.5},
        {"prefix": "+1800", "direction": "inbound", "cents_per_minute": 3},
        {"prefix": "+4930", "cents_per_minute": 2},
        {"numbers": ["+44*", "+49301234"], "cents_per_minute": 4},
        {"numbers": ["+4420*"], "cents_per_minute": 5},
    ]
}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"telephon": []}, "has no telephon; its keys are telephony, transfer_leg, speech_to_text"),
        ({"telephony": {"cents_per_minute": 1}}, "telephony: must be an array"),
        ({"telephony": [{"prefix": "1", "cents_per_minute": 1}]}, "telephony[0].prefix: must match ^(\\+[1-9]"),
        ({"telephony": [{"prefix": "+1"}]}, "telephony[0].cents_per_minute: required"),
        ({"telephony": [{"cents_per_minute": "0.85"}]}, "must be a number of cents such as 0.85, without quotes"),
        ({"telephony": [{"cents_per_minute": True}]}, "must be a number of cents such as 0.85, without quotes"),
        (
            {"telephony": [{"cents_per_minute": -1}]},
            "telephony[0].cents_per_minute: must be greater than or equal to 0",
        ),
        ({"telephony": [{"cents_per_minute": float("nan")}]}, "must be a finite number"),
        ({"telephony": [{"cents_per_minute": 1, "increment_s": 0}]}, "increment_s: must be greater than or equal to 1"),
        ({"telephony": [{"cents_per_minute": 1, "direction": "out"}]}, "must be 'inbound' or 'outbound'"),
        (
            {"telephony": [{"cents_per_minute": 1, "numbers": ["a b"]}]},
            "must be a number as it was imported, or +4930*",
        ),
        (
            {"telephony": [{"cents_per_minute": 1}, {"prefix": "+1", "cents_per_minute": 1}, {"cents_per_minute": 2}]},
            "telephony[2] has the prefix (none), the direction and a number of telephony[0]: which of the two prices",
        ),
        ({"transfer_leg": [{"cents_per_minute": 1}, {"cents_per_minute": 1}]}, "transfer_leg[1] has the prefix (none)"),
        ({"speech_to_text": {"cents_per_minutes": 1}}, "speech_to_text: has no cents_per_minutes; its keys are"),
        (
            {
                "models": {
                    "recording": {"cents_per_million_input_tokens": 1, "cents_per_million_output_tokens": 1},
                }
            },
            "models has recording, which is a product of its own",
        ),
        ({"models": {"m": {}}}, "models.m.cents_per_million_input_tokens: required"),
        ([], "must be an object"),
    ],
)
def test_a_wrong_table_is_told_what_would_be_right(wrong: object, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PriceTable.model_validate(wrong)
    assert why in explain(caught.value, wrong, root="the price table")


@pytest.mark.parametrize(
    ("dialled", "direction", "ours", "cents"),
    [
        ("+14155550123", "outbound", "+4989", 1),
        ("+14155550123", "inbound", "+14155550123", Decimal("0.5")),
        ("+18005550123", "inbound", "+18005550123", 3),
        ("+18005550123", "outbound", "+4989", 1),
        ("+493012345", "outbound", "+4989", 2),
        ("+4940123", "outbound", "+4989", 9),
        (None, "outbound", "+4989", 9),
        ("", "inbound", "", 9),
        ("+14155550123", "outbound", "+447", 4),
        ("+14155550123", "outbound", "+44201", 5),
        ("+14155550123", "outbound", "+49301234", 4),
        ("+14155550123", "outbound", "+493012345", 1),
    ],
)
def test_the_price_that_describes_a_leg_most_closely_holds(
    dialled: str | None, direction: Direction, ours: str, cents: Decimal
) -> None:
    found = PriceTable.model_validate(TABLE).of_call(dialled, direction=direction, ours=ours)
    assert found and found.cents_per_minute == cents


def test_a_destination_without_a_price_has_none() -> None:
    table = PriceTable.model_validate({"telephony": [{"prefix": "+1", "cents_per_minute": 1}]})
    assert table.of_call("+4930", direction="outbound", ours="+1") is None
    assert table.of_call(None, direction="outbound", ours="+1") is None
    assert PriceTable().of_call("+4930", direction="outbound", ours="+1") is None


def test_transfers_cost_what_calls_do_unless_they_have_prices_of_their_own() -> None:
    table = PriceTable.model_validate(TABLE)
    own = PriceTable.model_validate({**TABLE, "transfer_leg": [{"prefix": "+1", "cents_per_minute": 7}]})
    of_table, of_own = (each.of_transfer("+1415", ours="+49") for each in (table, own))
    assert of_table and of_own and [each.cents_per_minute for each in (of_table, of_own)] == [1, 7]
    assert own.of_transfer("+4930", ours="+49") is None


@pytest.mark.parametrize(
    ("increment_s", "minimum_s", "seconds", "billed_s"),
    [
        (1, None, 0, 1),
        (1, None, 65, 65),
        (6, None, 65, 66),
        (6, None, 66, 66),
        (60, None, 1, 60),
        (60, None, 61, 120),
        (6, 30, 10, 30),
        (6, 30, 31, 36),
        (6, 30, 65, 66),
        (60, 1, 0, 1),
    ],
)
def test_time_is_billed_in_the_steps_of_the_carrier(
    increment_s: int, minimum_s: int | None, seconds: int, billed_s: int
) -> None:
    price = MinutePrice(cents_per_minute=Decimal(1), increment_s=increment_s, minimum_s=minimum_s)
    assert price.billed_s(seconds) == billed_s


@given(
    st.integers(1, 3600), st.integers(1, 3600) | st.none(), st.integers(0, 10**9), st.decimals(0, 1_000_000, places=6)
)
def test_a_longer_use_never_costs_less_and_no_second_is_given_away(
    increment_s: int, minimum_s: int | None, seconds: int, cents: Decimal
) -> None:
    price = MinutePrice(cents_per_minute=cents, increment_s=increment_s, minimum_s=minimum_s)
    assert seconds <= price.billed_s(seconds) < seconds + max(increment_s, minimum_s or increment_s) + 1
    assert price.cost(seconds) <= price.cost(seconds + 1)


def test_a_price_counts_as_the_decimal_that_is_written() -> None:
    table = PriceTable.model_validate_json('{"speech_to_text": {"cents_per_minute": 0.1}}')
    assert table.speech_to_text and table.speech_to_text.cost(180) == Decimal("0.3")
