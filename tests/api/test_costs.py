"""The summary of costs over the API."""

from __future__ import annotations

import pytest

from ari_agent.store.store import Store
from tests.api.conftest import Api, refused
from tests.api.test_calls import a_call

pytestmark = pytest.mark.slow

COST = {"combined_cost": 1.5, "total_duration_seconds": 60, "total_duration_unit_price": 0.025}
DAYS = "from=2025-10-09&to=2025-10-09"  # NOW_MS is on this day, 08:53 UTC


async def test_costs_are_summed_by_day_agent_and_number(api: Api, store: Store) -> None:
    for number in range(3):
        await store.calls.save(a_call(number, call_cost=COST if number else None, duration_ms=60_000))
    response = await api.get(f"/v2/cost-summary?{DAYS}")
    sums = {"calls": 3, "calls_with_cost": 2, "duration_seconds": 180.0, "combined_cost": 3.0}
    group = {"day": "2025-10-09", "agent_id": "agent_1", "number": "+14157774444"}
    assert response.status == 200 and await response.json() == {"total": sums, "groups": [{**group, **sums}]}


async def test_groups_and_timezone_can_be_chosen(api: Api, store: Store) -> None:
    await store.calls.save(a_call(1, call_cost=COST))
    response = await api.get(f"/v2/cost-summary?{DAYS}&group_by=number&timezone=Pacific/Auckland")
    [group] = (await response.json())["groups"]
    assert group.keys() == {"number", "calls", "calls_with_cost", "duration_seconds", "combined_cost"}
    response = await api.get("/v2/cost-summary?from=2025-10-08&to=2025-10-08&timezone=Pacific/Auckland")
    assert (await response.json())["groups"] == []


async def test_a_wrong_query_is_answered_400(api: Api) -> None:
    assert "from: must be a date" in await refused(await api.get("/v2/cost-summary?from=x&to=2025-10-09"), 400)
