"""docs/costs.md: its price table is one, and its figures are what the code makes of it."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from ari_agent.calls.call_cost import SpeechUsage, call_cost
from ari_agent.contract.call import Call, CallCost
from ari_agent.contract.cost_summary import CostSummary
from ari_agent.contract.price_table import MinutePrice, PriceTable
from tests.documentation.pages import ROOT

PAGE = (ROOT / "docs" / "costs.md").read_text()
TABLE, COST, SUMMARY = (json.loads(shown) for shown in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))


def test_the_price_table_and_the_cost_of_a_call_that_are_shown_belong_together() -> None:
    call = Call.model_validate(
        {
            "call_id": "call_1",
            "agent_id": "agent_1",
            "call_status": "ended",
            "direction": "outbound",
            "from_number": "+14155550100",
            "to_number": "+14155550199",
            "telephony_identifier": {"sip_call_id": "a@b"},
            "start_timestamp": 1,
            "duration_ms": 64_100,
        }
    )
    cost = call_cost(PriceTable.model_validate(TABLE), call, usage=SpeechUsage(heard_ms=20_001, characters=1_234))
    assert cost == CallCost.model_validate(COST)


def test_the_summary_that_is_shown_is_one() -> None:
    summary = CostSummary.model_validate(SUMMARY)
    [group] = summary.groups
    assert group.calls == summary.total.calls and group.combined_cost == summary.total.combined_cost


def test_the_steps_that_are_shown_are_billed_so() -> None:
    rows = re.findall(r"^\| \d+\/\d+ \| (\d+) \| (\d*) ?\| (\d+) s \| (\d+) s \|", PAGE, re.MULTILINE)
    assert len(rows) == 4
    for increment, minimum, short, long in rows:
        price = MinutePrice(
            cents_per_minute=Decimal(1), increment_s=int(increment), minimum_s=int(minimum) if minimum else None
        )
        assert (price.billed_s(10), price.billed_s(65)) == (int(short), int(long))
