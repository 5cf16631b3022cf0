"""The query of a summary of costs: which days it means, and what is said of wrong ones."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.cost_summary import CostSummaryQuery
from ari_agent.contract.parsing.explain import explain

NOW_MS = 1_803_816_000_000  # 2027-02-28, noon UTC


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"from": "yesterday", "to": "2026-11-30"}, "from: must be a date such as 2026-11-30, not 'yesterday'"),
        ({"from": "2026-11-30", "to": "2026-11-29"}, "to: 2026-11-29 must not be before from, 2026-11-30"),
        ({"from": "2025-01-01", "to": "2026-11-29"}, "from and to must be at most 366 days"),
        ({"from": "1969-01-01", "to": "1969-01-01"}, "from and to must be days from 1971 to 9000"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "from and to must be days from 1971 to 9000"),
        ({"from": "2026-11-30", "to": "2026-11-30", "group_by": "day,week"}, "must be some of day, agent and number"),
        ({"from": "2026-11-30", "to": "2026-11-30", "timezone": "Berlin"}, "must be an IANA timezone"),
    ],
)
def test_a_wrong_query_is_told_what_would_be_right(wrong: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CostSummaryQuery.model_validate_strings(wrong)
    assert why in explain(caught.value, wrong, root="query")


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({}, "2027-01-30", "2027-02-28"),
        ({"timezone": "Pacific/Auckland"}, "2027-01-31", "2027-03-01"),
        ({"from": "2026-11-01"}, "2026-11-01", "2026-11-30"),
        ({"to": "2026-11-30"}, "2026-11-01", "2026-11-30"),
        ({"from": "2026-11-30", "to": "2026-11-30"}, "2026-11-30", "2026-11-30"),
    ],
)
def test_a_day_that_is_left_out_means_thirty_days(given: dict[str, str], first: str, last: str) -> None:
    spans = CostSummaryQuery.model_validate_strings(given).spans(NOW_MS)
    assert (str(spans[0].day), str(spans[-1].day)) == (first, last)


@given(st.dates().map(str) | st.text(max_size=12), st.dates().map(str), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_no_days_crash_and_the_spans_follow_one_another(first: str, last: str, timezone: str) -> None:
    given = {"from": first, "to": last, "timezone": timezone}
    try:
        query = CostSummaryQuery.model_validate_strings(given)
    except ValidationError:
        return
    spans = query.spans(NOW_MS)
    assert all(before.until_ms == after.since_ms for before, after in itertools.pairwise(spans))
    whole = CostSummaryQuery.model_validate_strings({**given, "group_by": "agent"}).spans(NOW_MS)
    assert [(each.day, each.since_ms, each.until_ms) for each in whole] == [
        (None, spans[0].since_ms, spans[-1].until_ms)
    ]
