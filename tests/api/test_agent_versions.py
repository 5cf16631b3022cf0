from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Api, Json, make_agent, refused

pytestmark = pytest.mark.slow


async def post(api: Api, path: str, body: Any = None, status: int = 200) -> Json:
    response = await api.post(path, json=body)
    found: Json = await response.json()
    assert response.status == status, found
    return found


async def name_of(api: Api, agent_id: str, version: object = None) -> str | None:
    response = await api.get(f"/get-agent/{agent_id}", params={} if version is None else {"version": str(version)})
    found: Json = await response.json()
    assert response.status == 200, found
    name: str | None = found.get("agent_name")
    return name


@pytest.mark.parametrize("path", ["/publish-agent-version", "/publish-agent"])
async def test_a_published_version_is_frozen_and_the_next_update_makes_a_draft(api: Api, path: str) -> None:
    agent_id = (await make_agent(api, agent_name="first"))["agent_id"]
    await refused(await api.get(f"/get-agent/{agent_id}", params={"version": "latest_published"}), 422)
    published = await post(api, f"{path}/{agent_id}", {"version": 0, "version_title": "one"})
    assert (published["is_published"], published["version_title"]) == (True, "one")

    draft = await (await api.patch(f"/update-agent/{agent_id}", json={"agent_name": "second"})).json()
    assert (draft["version"], draft["is_published"], draft["base_version"]) == (1, False, 0)
    again = await (await api.patch(f"/update-agent/{agent_id}", json={"voice_speed": 1.5})).json()
    assert (again["version"], again["agent_name"], again["voice_speed"]) == (1, "second", 1.5)

    assert await name_of(api, agent_id) == await name_of(api, agent_id, "latest") == "second"
    assert await name_of(api, agent_id, "latest_published") == await name_of(api, agent_id, 0) == "first"


async def test_publishing_without_a_body_takes_the_latest_and_may_be_repeated(api: Api) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    for _ in range(2):
        response = await api.post(f"/publish-agent/{agent_id}")
        assert (response.status, (await response.json())["version"]) == (200, 0)


async def test_an_update_of_a_version_that_is_not_the_latest_is_stale(api: Api) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    path = f"/update-agent/{agent_id}"
    assert (await api.patch(path, params={"version": "0"}, json={"volume": 0.5})).status == 200
    assert (await post(api, f"/create-agent-version/{agent_id}", {"base_version": 0}, 201))["version"] == 1
    stale = await refused(await api.patch(path, params={"version": "0"}, json={"volume": 1}), 412)
    assert stale == f"version 0 of agent {agent_id} is stale: update version 1, the latest"
    assert (await api.patch(path, params={"version": "1"}, json={"volume": 1})).status == 200


async def test_drafts_and_updates_at_once_are_all_kept(api: Api) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    await post(api, f"/publish-agent/{agent_id}", {})
    changes: list[Json] = [{"voice_speed": 1.5}, {"volume": 0.5}, {"agent_name": "Ada"}, {"ring_duration_ms": 5000}]
    await asyncio.gather(*(api.patch(f"/update-agent/{agent_id}", json=change) for change in changes * 2))
    latest: Json = await (await api.get(f"/get-agent/{agent_id}")).json()
    assert {name: latest[name] for change in changes for name in change} == {
        name: value for change in changes for name, value in change.items()
    }
    assert latest["version"] == 1
    made = await asyncio.gather(
        *(post(api, f"/create-agent-version/{agent_id}", {"base_version": 0}, 201) for _ in range(5))
    )
    assert sorted(agent["version"] for agent in made) == [2, 3, 4, 5, 6]


async def test_versions_are_listed_in_pages_and_whole(api: Api) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    await post(api, f"/publish-agent/{agent_id}", {"version_title": "one", "version_description": "the first"})
    for _ in range(3):
        await post(api, f"/create-agent-version/{agent_id}", {"base_version": 0}, 201)
    seen: list[Json] = []
    query: Json = {"limit": 2}
    while True:
        page = await (await api.get(f"/list-agent-versions/{agent_id}", params=query)).json()
        seen += page["items"]
        if not page["has_more"]:
            break
        query["pagination_key"] = page["pagination_key"]
    assert [item["version"] for item in seen] == [3, 2, 1, 0]
    assert (seen[3]["is_published"], seen[3]["version_title"], seen[3]["version_description"]) == (
        True,
        "one",
        "the first",
    )
    assert [item.get("base_version") for item in seen] == [0, 0, 0, None]
    up = await (await api.get(f"/list-agent-versions/{agent_id}", params={"sort_order": "ascending"})).json()
    assert [item["version"] for item in up["items"]] == [0, 1, 2, 3]
    whole = await (await api.get(f"/get-agent-versions/{agent_id}")).json()
    assert [agent["version"] for agent in whole] == [3, 2, 1, 0]
    assert whole[0]["response_engine"]["type"] == "audio-websocket"


async def test_a_version_is_deleted_and_the_only_one_is_not(api: Api) -> None:
    agent_id = (await make_agent(api, agent_name="first"))["agent_id"]
    path = f"/delete-agent-version/{agent_id}"
    assert "is the only one" in await refused(await api.delete(path, params={"version": "0"}), 400)
    await post(api, f"/create-agent-version/{agent_id}", {"base_version": 0}, 201)
    assert (await api.delete(path, params={"version": "1"})).status == 204
    assert "has no version 1" in await refused(await api.delete(path, params={"version": "1"}), 404)
    assert "version: must be" in await refused(await api.delete(path), 400)
    assert "version: must be" in await refused(await api.delete(path, params={"version": "prod"}), 400)
    assert await name_of(api, agent_id) == "first"


async def test_a_tag_stands_for_one_version_at_a_time(api: Api) -> None:
    agent_id = (await make_agent(api, agent_name="first"))["agent_id"]
    await post(api, f"/create-agent-version/{agent_id}", {"base_version": 0}, 201)
    await api.patch(f"/update-agent/{agent_id}", json={"agent_name": "second"})
    path = f"/assign-agent-tag/{agent_id}"
    tagged = await post(api, path, {"tag": "prod", "version": 0})
    assert tagged["assigned_tags"] == ["prod"]
    assert await name_of(api, agent_id, "prod") == "first"
    await post(api, path, {"tag": "beta", "version": 1})
    assert (await post(api, path, {"tag": "prod", "version": 1}))["assigned_tags"] == ["beta", "prod"]
    assert await name_of(api, agent_id, "prod") == "second"

    listed = await (await api.post("/v2/list-agents", json={})).json()
    assert listed["items"][0]["tags"] == {"beta": {"version": 1}, "prod": {"version": 1}}

    await api.patch(f"/update-agent/{agent_id}", json={"agent_name": "third"})  # the tags stay where they are
    assert "prod" in (await (await api.get(f"/get-agent/{agent_id}")).json())["assigned_tags"]
    await post(api, path, {"tag": "prod", "version": None})
    await refused(await api.get(f"/get-agent/{agent_id}", params={"version": "prod"}), 422)
    assert (await api.delete(f"/delete-agent-version/{agent_id}", params={"version": "1"})).status == 204
    await refused(await api.get(f"/get-agent/{agent_id}", params={"version": "beta"}), 422)


async def test_a_number_may_be_bound_to_a_tag(api: Api) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    bound = {"agent_id": agent_id, "agent_version": "prod", "weight": 1}
    number = {"phone_number": "+14157774444", "termination_uri": "sip.example.com", "inbound_agents": [bound]}
    await refused(await api.post("/import-phone-number", json=number), 422)
    await post(api, f"/assign-agent-tag/{agent_id}", {"tag": "prod", "version": 0})
    assert (await api.post("/import-phone-number", json=number)).status == 201


@pytest.mark.parametrize("tag", ["Prod", "", "a" * 21, "latest", "latest_published", "7", 7, None])
async def test_a_name_that_no_tag_may_have_is_refused(api: Api, tag: Any) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    response = await api.post(f"/assign-agent-tag/{agent_id}", json={"tag": tag, "version": 0})
    assert (await refused(response, 400)).startswith("tag: ")


async def test_a_draft_is_repaired_and_a_published_version_is_not(api: Api) -> None:
    made = await make_agent(api)
    assert await post(api, f"/repair-agent/{made['agent_id']}") == made
    await post(api, f"/publish-agent/{made['agent_id']}", {})
    assert "never changes" in await refused(await api.post(f"/repair-agent/{made['agent_id']}"), 400)
    unknown = await api.post(f"/repair-agent/{made['agent_id']}", params={"version": "9"})
    assert "has no version 9" in await refused(unknown, 404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/create-agent-version", {"base_version": 0}),
        ("post", "/publish-agent-version", {"version": 0}),
        ("post", "/publish-agent", {}),
        ("post", "/assign-agent-tag", {"tag": "prod", "version": 0}),
        ("post", "/repair-agent", None),
        ("get", "/list-agent-versions", None),
        ("get", "/get-agent-versions", None),
        ("delete", "/delete-agent-version", None),
    ],
)
async def test_an_unknown_agent_is_422_and_an_unknown_version_404(
    api: Api, method: str, path: str, body: Json | None
) -> None:
    sent: Json = {} if body is None else {"json": body}
    query = {"params": {"version": "0"}} if method == "delete" else {}
    await refused(await getattr(api, method)(f"{path}/agent_gone", **sent, **query), 422)
    name = next((key for key in ("base_version", "version") if body and key in body), None)
    if name and body:
        agent_id = (await make_agent(api))["agent_id"]
        response = await getattr(api, method)(f"{path}/{agent_id}", json={**body, name: 7})
        assert "has no version 7" in await refused(response, 404)
        for wrong in (-1, "0", 2**40):
            assert name in await refused(await api.post(f"{path}/{agent_id}", json={**body, name: wrong}), 400)
