"""Requests of real clients to the API that must not be taken for something else."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.store.store import Store
from tests.api import lines
from tests.api.conftest import NOW_MS, Api, StartApi, refused
from tests.api.test_calls import a_call

CONDITION = {"type": "string", "op": "eq", "value": "agent_2"}
MEANT = {
    "/v3/list-calls": "did you mean agent,",
    "/v2/list-calls": "did you mean agent_id?",
    "/v3/list-chats": "agent,",
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v3/list-calls", {"filter_criteria": {"agent_id": ["agent_2"]}}),
        ("/v3/list-calls", {"filter_criteria": {"agent_id": CONDITION}}),
        ("/v2/list-calls", {"filter_criteria": {"agent": ["agent_2"]}}),
        ("/v3/list-chats", {"filter_criteria": {"agent_id": CONDITION}}),
    ],
)
async def test_a_list_with_an_unknown_condition_names_it_and_the_one_that_was_meant(
    api: Api, store: Store, path: str, body: Any
) -> None:
    await store.calls.save(a_call(1, agent_id="agent_1"))
    message = await refused(await api.post(path, json=body), 400)
    assert f"cannot filter by {next(iter(body['filter_criteria']))} (" in message
    assert MEANT[path] in message


@pytest.mark.parametrize(
    "query",
    [
        "agent_id=agent_2",
        "filter_criteria[agent]=agent_2",
        "filter_criteria[agent_id][$in]=agent_2",
        "filter_criteria[agent_id=agent_2",
        'filter_criteria={"agent_id":["agent_2"]}',
    ],
)
async def test_a_list_whose_query_has_a_condition_that_is_not_read_is_refused(
    api: Api, store: Store, query: str
) -> None:
    await store.calls.save(a_call(1, agent_id="agent_1"))
    assert "filter" in await refused(await api.get(f"/list-calls?{query}"), 400)


async def test_a_condition_outside_the_filter_is_refused(api: Api) -> None:
    message = await refused(await api.post("/v3/list-calls", json={"agent_id": "agent_2"}), 400)
    assert "agent_id: conditions stand in filter_criteria" in message


@pytest.mark.parametrize("to_number", ["+1 (202) 555-0199", "0012025550199", "202-555-0199"])
@pytest.mark.parametrize("path", ["/v2/create-phone-call", "/create-phone-call", "/create-batch-call"])
async def test_a_number_in_another_spelling_is_answered_with_the_right_one(
    start_api: StartApi, store: Store, path: str, to_number: str
) -> None:
    number = {"phone_number": "+12025550100", "termination_uri": "sip.example.com"}
    await store.phone_numbers.create(PhoneNumberImport.model_validate(number).number(now_ms=NOW_MS))
    placed, slots = lines.Lines(), Slots(20)
    originator = lines.originator(store, placed, slots, now_ms=NOW_MS)
    api = await start_api(outbound=originator, batches=lines.batches(store, originator, slots, now_ms=NOW_MS))
    task = {"to_number": to_number, "override_agent_id": "agent_1"}
    body = {"from_number": "+12025550100"} | ({"tasks": [task]} if "batch" in path else task)
    message = await refused(await api.post(path, json=body), 400)
    assert "to_number" in message
    assert message.endswith("did you mean +12025550199?")


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/list-agents", "/v2/get-call/{}"]
)
async def test_head_is_answered_as_get_without_the_body(api: Api, store: Store, path: str) -> None:
    call = a_call(1)
    await store.calls.save(call)
    path = path.format(call.call_id)
    head = await api.head(path)
    assert (head.status, await head.read()) == (200, b"")
    assert head.content_type == (await api.get(path)).content_type


async def test_head_needs_the_key_where_get_does(api: Api) -> None:
    assert (await api.head("/list-agents", headers={"Authorization": "Bearer wrong"})).status == 401
    assert (await api.head("/v2/create-phone-call")).status == 405
