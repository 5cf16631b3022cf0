"""list-calls over HTTP in its three versions; that each filter finds what it should is tested in tests/store."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.api.call_selection import select_v3
from ari_agent.contract.call_filters import CallFilters
from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, Api, Json, refused
from tests.api.test_calls import a_call, listed

pytestmark = pytest.mark.slow


@pytest.fixture
async def filled(store: Store) -> Store:
    """Calls 0 to 3; 1 and 2 are of customers."""
    analysis = {"in_voicemail": False, "call_successful": True, "user_sentiment": "Positive"}
    await store.calls.save(a_call(0))
    await store.calls.save(a_call(1, metadata={"customer": "c1", "size": 3}, call_analysis=analysis))
    await store.calls.save(
        a_call(2, metadata={"customer": "c2"}, retell_llm_dynamic_variables={"name": "Ada"}, agent_id="agent_2")
    )
    await store.calls.save(a_call(3, agent_id="agent_3", latency={"e2e": {"p50": 700}}))
    return store


def a_filter(kind: str, op: str, value: Any = None, **more: Any) -> Json:
    return {"type": kind, "op": op, **({} if kind == "present" else {"value": value}), **more}


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"metadata": [a_filter("string", "eq", "c1", key="customer")]}, [1]),
        ({"metadata": [a_filter("present", "np", key="customer")]}, [3, 0]),
        ({"metadata": [a_filter("enum", "in", ["c1", "c2"], key="customer")]}, [2, 1]),
        ({"metadata": [a_filter("range", "bt", [2, 3.5], key="size")]}, [1]),
        ({"metadata": [a_filter("number", "ne", 3, key="size"), a_filter("present", "pr", key="customer")]}, [2]),
        ({"dynamic_variables": [a_filter("string", "ew", "a", key="name")]}, [2]),
        ({"call_successful": a_filter("boolean", "eq", True)}, [1]),
        ({"in_voicemail": a_filter("boolean", "eq", True)}, []),
        ({"user_sentiment": a_filter("enum", "in", ["Positive", "Unknown"])}, [1]),
        ({"e2e_latency_p50": a_filter("range", "bt", [699.5, 700])}, [3]),
        ({"data_storage_setting": a_filter("enum", "in", ["everything"])}, []),
        ({"agent_tag": a_filter("enum", "in", ["prod"])}, []),
        ({"combined_cost": a_filter("number", "gt", 0.5)}, []),
        ({"tool_calls": [{"name": "book", "success": a_filter("boolean", "eq", True)}]}, []),
        ({"custom_attributes": [a_filter("boolean", "eq", True, key="vip")]}, []),
        ({"custom_analysis_data": [a_filter("number", "ge", 1, key="score")]}, []),
    ],
)
async def test_v3_filters(api: Api, filled: Store, criteria: Json, expected: list[int]) -> None:
    assert await listed(api, filter_criteria=criteria) == expected


def test_every_filter_is_looked_at() -> None:
    """A condition that is accepted and passed over would answer calls that nobody asked for."""
    text, number, flag = (a_filter("string", "eq", "x"), a_filter("number", "eq", 1), a_filter("boolean", "eq", True))
    tried: Json = {}
    for name, field in CallFilters.model_fields.items():
        for value in (text, number, flag, [{**text, "key": "k"}], [{"agent_id": "a"}], [{"name": "x"}], None):
            given = a_filter("enum", "in", []) if value is None else value
            try:
                wanted = CallFilters.model_validate({name: given})
            except ValueError:
                continue
            assert len(select_v3(wanted)) == 1, (name, field)
            tried[name] = given
    assert set(tried) == set(CallFilters.model_fields)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"metadata.customer": ["c1", "c9"]}, [1]),
        ({"metadata.size": ["3"]}, [1]),
        ({"dynamic_variables.name": ["Ada"]}, [2]),
        ({"call_successful": [True]}, [1]),
        ({"user_sentiment": ["Positive"]}, [1]),
        ({"e2e_latency_p50": {"lower_threshold": 699.5}}, [3]),
        ({"agent_id": ["agent_2", "agent_3"], "before_start_timestamp": NOW_MS + 3}, [2]),
        ({"version": [0], "call_status": ["ended"], "from_number": ["+14157770000"]}, [3, 2, 1, 0]),
    ],
)
async def test_v2_filters(api: Api, filled: Store, criteria: Json, expected: list[int]) -> None:
    response = await api.post("/v2/list-calls", json={"filter_criteria": criteria})
    body = await response.json()
    assert response.status == 200, body
    assert [call["call_id"] for call in body] == [a_call(number).call_id for number in expected]
    assert all("transcript" in call for call in body)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1, 0]),
        ("limit=2&sort_order=ascending", [0, 1]),
        ("filter_criteria[agent_id]=agent_2,agent_3", [3, 2]),
        ("filter_criteria%5Bagent_id%5D=agent_2%2Cagent_3", [3, 2]),
        ("filter_criteria[agent_id][]=agent_2&filter_criteria[agent_id][]=agent_3", [3, 2]),
        (
            f"filter_criteria[after_start_timestamp]={NOW_MS + 1}&filter_criteria[before_start_timestamp]={NOW_MS + 3}",
            [2, 1],
        ),
        (f"filter_criteria[start_timestamp][upper_threshold]={NOW_MS}", [0]),
        ("filter_criteria[version]=0&filter_criteria[call_successful]=true", [1]),
        ("filter_criteria[metadata.customer]=c2", [2]),
        (f"pagination_key={a_call(1).call_id}", [0]),
    ],
)
async def test_v1_stands_in_the_query(api: Api, filled: Store, query: str, expected: list[int]) -> None:
    response = await api.get(f"/list-calls?{query}", headers={"Content-Type": "application/json"})
    body = await response.json()
    assert response.status == 200, body
    assert [call["call_id"] for call in body] == [a_call(number).call_id for number in expected]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("limit=0", "limit: must be greater than or equal to 1"),
        ("limit=many", "limit: must be an integer"),
        ("sort_order=up", "sort_order: must be"),
        ("filter_criteria[version]=x", "filter_criteria.version[0]: must be an integer"),
        ("filter_criteria[start_timestamp]=1", "filter_criteria.start_timestamp: must be an object"),
        ("filter_criteria[call_status]=live", "filter_criteria.call_status[0]: must be"),
    ],
)
async def test_a_wrong_query_is_refused(api: Api, query: str, complaint: str) -> None:
    assert complaint in await refused(await api.get(f"/list-calls?{query}"), 400)


@pytest.mark.parametrize(
    ("criteria", "complaint"),
    [
        ({"metadata": [a_filter("string", "eq", "c1")]}, "filter_criteria.metadata[0].key: required"),
        ({"metadata": a_filter("string", "eq", "c1", key="a")}, "filter_criteria.metadata: must be an array"),
        ({"call_successful": a_filter("boolean", "ne", True)}, "filter_criteria.call_successful.op: must be 'eq'"),
        ({"combined_cost": a_filter("number", "co", 1)}, "filter_criteria.combined_cost.op: must be"),
        ({"combined_cost": a_filter("string", "eq", "1")}, "filter_criteria.combined_cost: type must be one of"),
        ({"combined_cost": a_filter("range", "bt", [1])}, "filter_criteria.combined_cost.value[1]: required"),
        ({"agent": [{"version": [1]}]}, "filter_criteria.agent[0].agent_id: required"),
        ({"metadata": [a_filter("present", "pr", key="a")] * 9}, "filter_criteria.metadata: must have at most 8"),
    ],
)
async def test_a_wrong_filter_is_refused_with_its_name(api: Api, criteria: Json, complaint: str) -> None:
    assert complaint in await refused(await api.post("/v3/list-calls", json={"filter_criteria": criteria}), 400)


async def test_pages_stay_right_while_calls_are_added(api: Api, filled: Store) -> None:
    for version, first_page in (("v2", {"limit": 2}), ("v3", {"limit": 2})):
        found = await (await api.post(f"/{version}/list-calls", json=first_page)).json()
        page = found if version == "v2" else found["items"]
        key = page[-1]["call_id"] if version == "v2" else found["pagination_key"]
        await filled.calls.save(a_call(9 if version == "v2" else 10))
        rest = await (await api.post(f"/{version}/list-calls", json={"pagination_key": key})).json()
        rest = rest if version == "v2" else rest["items"]
        assert [call["call_id"] for call in page][-1] > rest[0]["call_id"]
        assert [call["call_id"] for call in rest][-1] == a_call(0).call_id
