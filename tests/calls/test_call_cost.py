"""What a call has cost: its products, their seconds and characters, and that they add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.call_cost import (
    DialledTarget,
    SpeechUsage,
    call_cost,
    cost_with_analysis,
    dialled_number,
    model_cost,
    whole_seconds,
    with_product,
)
from ari_agent.contract.analysis_report import AnalysisReport, AnalysisUsage
from ari_agent.contract.call import Call, CallCost
from ari_agent.contract.price_table import PriceTable
from ari_agent.prompt_agents.model import TokensUsed

START_MS = 1_800_000_000_000
TABLE = PriceTable.model_validate(
    {
        "telephony": [
            {"prefix": "+1", "direction": "outbound", "cents_per_minute": 0.85, "increment_s": 6},
            {"prefix": "+1", "direction": "inbound", "cents_per_minute": 0.4, "increment_s": 60},
            {"prefix": "+49", "cents_per_minute": 1.9},
        ],
        "transfer_leg": [{"cents_per_minute": 3}],
        "speech_to_text": {"cents_per_minute": 0.58},
        "text_to_speech": {"cents_per_1000_characters": 15},
        "recording": {"cents_per_minute": 0.05},
        "models": {"m": {"cents_per_million_input_tokens": 15, "cents_per_million_output_tokens": 60}},
    }
)


def call(**fields: object) -> Call:
    plain: dict[str, Any] = {
        "call_id": "call_1",
        "agent_id": "agent_1",
        "call_status": "ended",
        "direction": "outbound",
        "from_number": "+14155550100",
        "to_number": "+14155550199",
        "telephony_identifier": {"sip_call_id": "a@b"},
        "start_timestamp": START_MS,
        "duration_ms": 64_100,
    }
    return Call.model_validate({**plain, **fields})


def target(event: str, at_s: float) -> dict[str, object]:
    return {"event": event, "leg": "target", "timestamp": START_MS + int(at_s * 1000)}


def products(cost: CallCost | None) -> list[tuple[str, float]]:
    assert cost
    return [(each.product, each.cost) for each in cost.product_costs]


def test_without_a_table_there_is_no_cost() -> None:
    assert call_cost(None, call(), usage=SpeechUsage(1000, 1000)) is None


def test_a_call_costs_its_seconds_and_what_speech_services_did() -> None:
    cost = call_cost(TABLE, call(), usage=SpeechUsage(heard_ms=20_001, characters=1_234))
    assert cost and cost.as_json() == {
        "combined_cost": 19.648,
        "product_costs": [
            {"product": "telephony", "cost": 0.935, "unit_price": 0.0141666667},
            {"product": "speech_to_text", "cost": 0.203, "unit_price": 0.0096666667},
            {"product": "text_to_speech", "cost": 18.51},
        ],
        "total_duration_seconds": 65.0,
        "total_duration_unit_price": 0.0238333334,
    }


def test_a_call_costs_the_tokens_of_the_models_that_answered_in_it() -> None:
    requests = [TokensUsed("m", 1_000_000, 0), TokensUsed("other", 5, 5), TokensUsed("m", 1_000_000, 500_000)]
    usage = SpeechUsage(model_requests=requests)
    assert products(call_cost(TABLE, call(telephony_identifier=None), usage=usage)) == [("m", 60)]
    assert usage.tokens
    assert usage.tokens.as_json() == {"values": [1_000_000, 10, 1_500_000], "average": 833336.67, "num_requests": 3}
    assert SpeechUsage().tokens is None


@pytest.mark.parametrize(
    ("fields", "cents"),
    [
        ({"duration_ms": 0}, [0.085]),
        ({"duration_ms": 6_000}, [0.085]),
        ({"duration_ms": 6_001}, [0.17]),
        ({"direction": "inbound"}, [0.8]),
        ({"to_number": "+493012345"}, [2.058333]),
        ({"to_number": "+33123456789"}, []),
        ({"to_number": "sip:reception@pbx.example"}, []),
        ({"telephony_identifier": None}, []),  # a second agent in a transfer
        ({"direction": "inbound", "telephony_identifier": None}, [0.8]),  # no SIP channel
        ({"direction": "inbound", "audio_websocket_protocol": "web"}, [0.8]),
        ({"direction": "inbound", "audio_websocket_protocol": "web", "telephony_identifier": None}, []),
        ({"call_type": "web_call", "direction": None, "from_number": None, "to_number": None}, []),
    ],
)
def test_telephony_is_priced_by_what_was_dialled(fields: dict[str, object], cents: list[float]) -> None:
    assert [cost for _, cost in products(call_cost(TABLE, call(**fields)))] == cents


def test_a_call_that_nobody_answered_has_no_cost_unless_something_was_used() -> None:
    silent = call(start_timestamp=None, duration_ms=None, call_status="not_connected")
    assert call_cost(TABLE, silent) is None
    cost = call_cost(TABLE, silent, usage=SpeechUsage(characters=100))
    assert cost and products(cost) == [("text_to_speech", 1.5)] and cost.total_duration_seconds == 0


def test_a_target_is_paid_for_from_its_answer_to_its_end_whatever_became_of_it() -> None:
    events = [
        target("INVITE", 1),
        target("180", 2),
        target("BYE", 3),
        target("INVITE", 4),
        target("200", 10),
        target("200", 11),
        target("BYE", 20.5),
        {"event": "re-INVITE hold", "leg": "caller", "timestamp": START_MS + 30_000},
        target("INVITE", 31),
        target("200", 40),
    ]
    targets = [
        DialledTarget(0, "+493012345"),
        DialledTarget(3, "+493012345"),
        DialledTarget(8, "+14155550111"),
    ]
    own = PriceTable.model_validate({"telephony": [{"prefix": "+49", "cents_per_minute": 6}]})
    cost = call_cost(own, call(sip=events, transfer_destination="+14155550111"), targets=targets)
    assert products(cost) == [("transfer_leg", 1.1)]
    cost = call_cost(TABLE, call(sip=events, transfer_destination="+14155550111"), targets=targets)
    assert products(cost) == [("telephony", 0.935), ("transfer_leg", 0.55), ("transfer_leg", 1.25)]
    assert cost and cost.total_duration_unit_price == 0.0141666667
    assert [each.is_transfer_leg_cost for each in cost.product_costs] == [None, True, True]


def test_a_target_inside_the_pbx_costs_nothing() -> None:
    events = [target("INVITE", 1), target("200", 2)]
    assert products(call_cost(TABLE, call(sip=events, transfer_destination="200"))) == [("telephony", 0.935)]
    assert products(call_cost(TABLE, call(sip=events))) == [("telephony", 0.935)]


def test_a_recorded_call_costs_its_recording() -> None:
    assert products(call_cost(TABLE, call(recording_url="https://x/y")))[1:] == [("recording", 0.054167)]


def test_a_model_is_added_to_the_cost_of_a_call_afterwards() -> None:
    cost = call_cost(TABLE, call())
    model = model_cost(TABLE, "m", input_tokens=2_000, output_tokens=100)
    assert cost and model and model.cost == 0.036
    assert with_product(cost, model).combined_cost == 0.971
    assert with_product(cost, model).total_duration_seconds == 65
    again = with_product(with_product(cost, model), model)
    assert again.product_costs == (*cost.product_costs, model.model_copy(update={"cost": 2 * model.cost}))
    assert again.combined_cost == 1.007
    assert model_cost(TABLE, "another", input_tokens=1, output_tokens=1) is None
    assert model_cost(None, "m", input_tokens=1, output_tokens=1) is None


def test_the_model_that_has_analysed_a_call_is_a_part_of_its_cost() -> None:
    known = call()
    known = known.model_copy(update={"call_cost": call_cost(TABLE, known)})
    usage = AnalysisUsage(requests=1, prompt_tokens=2_000, completion_tokens=100)
    cost = cost_with_analysis(TABLE, known, AnalysisReport(model="m", usage=usage))
    assert cost and cost.combined_cost == 0.971
    assert cost_with_analysis(TABLE, known, None) is known.call_cost
    assert cost_with_analysis(TABLE, known, AnalysisReport(failure="no answer")) is known.call_cost
    assert cost_with_analysis(None, known, AnalysisReport(model="m", usage=usage)) is known.call_cost
    free = known.model_copy(update={"call_cost": None})
    alone = cost_with_analysis(TABLE, free, AnalysisReport(model="m", usage=usage))
    assert alone and alone.combined_cost == 0.036


@pytest.mark.parametrize(
    ("destination", "ours", "found"),
    [
        ("030 123456", "+498912345", "+4930123456"),
        ("+1 (415) 555-0123", "", "+14155550123"),
        ("sip:+14155550123@trunk.example", "", "+14155550123"),
        ("200", "+498912345", None),
        ("reception", "", None),
        ("", "", None),
    ],
)
def test_a_destination_is_read_as_the_network_reads_it(destination: str, ours: str, found: str | None) -> None:
    assert dialled_number(destination, ours) == found


def test_a_second_that_has_begun_is_whole() -> None:
    assert [whole_seconds(each) for each in (0, 1, 1000, 1001, 1999.5)] == [0, 1, 1, 2, 2]


CENTS = st.decimals(0, 1000, places=4).map(float)


@given(
    telephony=CENTS,
    leg=CENTS,
    minute=CENTS,
    characters=CENTS,
    duration_ms=st.integers(0, 86_400_000),
    usage=st.builds(SpeechUsage, st.integers(0, 86_400_000), st.integers(0, 1_000_000)),
    tokens=st.integers(0, 10_000_000),
)
def test_the_products_add_up_to_the_cost(
    telephony: float,
    leg: float,
    minute: float,
    characters: float,
    duration_ms: int,
    usage: SpeechUsage,
    tokens: int,
) -> None:
    table = PriceTable.model_validate(
        {
            "telephony": [{"cents_per_minute": telephony}],
            "transfer_leg": [{"cents_per_minute": leg, "increment_s": 6}],
            "speech_to_text": {"cents_per_minute": minute},
            "text_to_speech": {"cents_per_1000_characters": characters},
            "recording": {"cents_per_minute": minute},
            "models": {"m": {"cents_per_million_input_tokens": leg, "cents_per_million_output_tokens": minute}},
        }
    )
    events = [target("INVITE", 0), target("200", duration_ms / 2000)]
    whole = call(duration_ms=duration_ms, sip=events, transfer_destination="+4930123456", recording_url="https://x/y")
    cost = call_cost(table, whole, usage=usage)
    model = model_cost(table, "m", input_tokens=tokens, output_tokens=tokens)
    assert cost and model
    for each in (cost, with_product(cost, model)):
        read_back = CallCost.model_validate_json(each.model_dump_json())
        assert sum(Decimal(str(product.cost)) for product in read_back.product_costs) == Decimal(
            str(read_back.combined_cost)
        )
        assert all(product.cost >= 0 for product in each.product_costs)
