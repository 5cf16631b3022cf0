"""Prompts over the API: made, changed, published with an agent, listed, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, Json, refused


async def made(api: Api, **settings: Any) -> Json:
    response = await api.post("/create-retell-llm", json={"general_prompt": "Be kind.", **settings})
    assert response.status == 201, await response.text()
    return dict(await response.json())


async def test_a_prompt_is_made_read_changed_and_deleted(api: Api) -> None:
    tool = {"type": "end_call", "name": "bye", "description": "when done"}
    llm = await made(api, general_tools=[tool], model="small", begin_message="Hi.")
    assert llm["llm_id"].startswith("llm_")
    assert (llm["version"], llm["is_published"], llm["begin_message"]) == (0, False, "Hi.")
    path = f"/get-retell-llm/{llm['llm_id']}"
    assert await (await api.get(path)).json() == llm
    changed = await api.patch(
        f"/update-retell-llm/{llm['llm_id']}", json={"begin_message": None, "model_temperature": 1}
    )
    found = await changed.json()
    assert ("begin_message" in found, found["model_temperature"], found["model"]) == (False, 1, "small")
    assert await (await api.get(path)).json() == found
    assert (await api.delete(f"/delete-retell-llm/{llm['llm_id']}")).status == 204
    assert "not found" in await refused(await api.get(path), 422)
    assert "not found" in await refused(await api.delete(f"/delete-retell-llm/{llm['llm_id']}"), 422)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            {"general_tools": [{"type": "book_appointment_cal", "name": "x"}]},
            "book_appointment_cal' are not served here",
        ),
        ({"general_tools": [{"type": "end_call", "name": "no spaces"}]}, "general_tools[0].name"),
        ({"knowledge_base_ids": ["kb_1"]}, "no knowledge bases here: write what the agent must know"),
        ({"model_config": {"type": "s2s"}}, "s2s is not served here"),
        (
            {"s2s_model": "gpt-realtime"},
            "s2s_model: models that speak are not set up here; set ARI_AGENT_REALTIME_API_KEY",
        ),
        ({"states": [{"name": "a"}]}, "starting_state must be one of a"),
        ({"model_temperature": 2}, "model_temperature"),
    ],
)
async def test_what_is_not_served_is_refused_with_what_would_be_right(api: Api, settings: Json, why: str) -> None:
    assert why in await refused(await api.post("/create-retell-llm", json=settings), 400)
    llm = await made(api)
    assert why in await refused(await api.patch(f"/update-retell-llm/{llm['llm_id']}", json=settings), 400)


async def test_a_published_agent_keeps_the_prompt_that_it_has(api: Api) -> None:
    llm = await made(api)
    engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
    agent = await (await api.post("/create-agent", json={"response_engine": engine, "voice_id": "v"})).json()
    published = await (await api.post(f"/publish-agent/{agent['agent_id']}", json={})).json()
    assert published["response_engine"] == {**engine, "version": 0}
    next_one = await (await api.patch(f"/update-retell-llm/{llm['llm_id']}", json={"general_prompt": "New."})).json()
    assert (next_one["version"], next_one["is_published"], next_one["general_prompt"]) == (1, False, "New.")
    first = await (await api.get(f"/get-retell-llm/{llm['llm_id']}?version=0")).json()
    assert (first["general_prompt"], first["is_published"]) == ("Be kind.", True)
    stale = await api.patch(f"/update-retell-llm/{llm['llm_id']}?version=0", json={"general_prompt": "x"})
    assert "is stale: update version 1" in await refused(stale, 412)
    assert "has no version 7" in await refused(await api.get(f"/get-retell-llm/{llm['llm_id']}?version=7"), 422)
    assert "version number" in await refused(await api.get(f"/get-retell-llm/{llm['llm_id']}?version=prod"), 400)


async def test_a_prompt_that_an_agent_answers_by_is_deleted_by_force_alone(api: Api) -> None:
    llm = await made(api)
    engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
    agent = await (await api.post("/create-agent", json={"response_engine": engine, "voice_id": "v"})).json()
    path = f"/delete-retell-llm/{llm['llm_id']}"
    assert f"agent {agent['agent_id']} answers by" in await refused(await api.delete(path), 400)
    assert (await api.delete(f"{path}?force_delete=true")).status == 204


async def test_prompts_are_listed_by_pages(api: Api) -> None:
    ids = [(await made(api))["llm_id"] for _ in range(5)]
    seen: list[str] = []
    key = ""
    while True:
        page = await (await api.get(f"/v2/list-retell-llms?limit=2{key}&sort_order=ascending")).json()
        seen += [llm["llm_id"] for llm in page["items"]]
        if not page["has_more"]:
            break
        key = f"&pagination_key={page['pagination_key']}"
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5
