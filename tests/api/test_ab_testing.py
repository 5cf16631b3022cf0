"""Versions of one agent under one number: the weights hold, and list-calls tells which version took how many calls."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from ari_agent.calls.record import registered_call
from ari_agent.contract.agent import Agent
from ari_agent.contract.phone_number import AgentWeight
from ari_agent.routing.ab_weights import draw, sticky_dice
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from tests.api.conftest import AUDIO, Api, Json

pytestmark = pytest.mark.slow

CALLS = 10_000
RECORDS = 2_500
# Pearson's chi-square: values that one experiment in a thousand exceeds, by degrees of freedom.
CRITICAL = {1: 10.83, 2: 13.82, 6: 22.46, 9: 27.88}


def chi_square(seen: Counter[int], weights: dict[int, float]) -> float:
    total = sum(seen.values())
    return sum((seen[key] - weight * total) ** 2 / (weight * total) for key, weight in weights.items())


def bound(weights: dict[int, float]) -> tuple[AgentWeight, ...]:
    return tuple(AgentWeight(agent_id="agent_ab", agent_version=key, weight=weight) for key, weight in weights.items())


def drawn(weights: dict[int, float], dice: float) -> int:
    choice = draw(bound(weights), dice)
    assert choice is not None
    assert isinstance(choice.version, int)
    return choice.version


WEIGHTS: tuple[dict[int, float], ...] = (
    {0: 0.3, 1: 0.7},
    {0: 0.01, 1: 0.99},
    {0: 1 / 3, 1: 1 / 3, 2: 1 / 3},
    dict.fromkeys(range(10), 0.1),
    {0: 0.5, 1: 0.25, 2: 0.125, 3: 0.0625, 4: 0.03125, 5: 0.015625, 6: 0.015625},
)


def test_the_draw_is_as_uniform_as_its_dice() -> None:
    dice = random.Random(20_260_801)
    for weights in WEIGHTS:
        seen = Counter(drawn(weights, dice.random()) for _ in range(CALLS))
        assert chi_square(seen, weights) < CRITICAL[len(weights) - 1], weights


def test_the_callers_own_draw_is_as_uniform_and_always_the_same() -> None:
    for weights in WEIGHTS:
        callers = [f"+1415{number:07d}" for number in range(CALLS)]
        seen = [drawn(weights, sticky_dice(caller, "+14155550199")) for caller in callers]
        assert chi_square(Counter(seen), weights) < CRITICAL[len(weights) - 1], weights
        assert seen == [drawn(weights, sticky_dice(caller, "+14155550199")) for caller in callers]


async def test_records_hold_the_weights(api: Api, store: Store, tmp_path: Path) -> None:
    weights = {0: 0.3, 1: 0.7}
    made = await (await api.post("/create-agent", json={"voice_id": "v", "response_engine": AUDIO})).json()
    agent_id = made["agent_id"]
    await api.post(f"/create-agent-version/{agent_id}", json={"base_version": 0})
    items = [{"agent_id": agent_id, "agent_version": key, "weight": weight} for key, weight in weights.items()]
    number = {"phone_number": "+14155550199", "termination_uri": "sip.example.com", "inbound_agents": items}
    assert (await api.post("/import-phone-number", json=number)).status == 201
    agents = {version: await store.agents.get(agent_id, version) for version in weights}
    stored = await store.phone_numbers.get("+14155550199")
    assert stored is not None
    dice = random.Random(11)
    counted: Counter[int] = Counter()

    def put(connection: Connection) -> None:
        for place in range(RECORDS):
            choice = draw(stored.inbound_agents or (), dice.random())
            assert choice is not None
            agent = agents[int(choice.version or 0)]
            assert isinstance(agent, Agent)
            counted[agent.version] += 1
            store.calls.put(
                connection,
                registered_call(
                    call_id=f"call_{place:032x}",
                    agent=agent,
                    from_number=f"+1415{place:07d}",
                    to_number="+14155550199",
                    sip_headers={},
                    sip_call_id=None,
                    dynamic_variables={},
                    metadata=None,
                ),
            )

    database = Database(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    try:
        await database.write(put)
    finally:
        await database.close()

    async def listed(path: str, **body: Any) -> Any:
        response = await api.post(path, json=body)
        assert response.status == 200
        return await response.json()

    # As a whole, by the filters of both versions of the API, and record for record.
    found = Counter[int]()
    for version in weights:
        criteria: Json = {"agent": [{"agent_id": agent_id, "version": [version]}]}
        page = await listed("/v3/list-calls", filter_criteria=criteria, include_total=True, limit=1)
        found[version] = page["total"]
        older = {"agent_id": [agent_id], "version": [version]}
        assert {call["agent_version"] for call in await listed("/v2/list-calls", filter_criteria=older)} == {version}
    records = Counter[int]()
    key: str | None = None
    while True:
        page = await listed("/v3/list-calls", limit=1000, **({"pagination_key": key} if key else {}))
        records.update(item["agent_version"] for item in page["items"])
        if not page["has_more"]:
            break
        key = page["pagination_key"]
    assert found == counted == records
    assert found.total() == RECORDS
    assert chi_square(found, weights) < CRITICAL[1]
