from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.api.conftest import AUDIO, CUSTOM_LLM, NOW_MS, Api, Json, make_agent, refused

pytestmark = pytest.mark.slow


async def test_an_agent_is_made_read_changed_and_deleted(api: Api) -> None:
    made = await make_agent(api, response_engine=CUSTOM_LLM, voice_id="11labs-Adrian", agent_name="Ada")
    assert made["agent_id"].startswith("agent_")
    assert len(made["agent_id"]) >= len("agent_") + 24
    assert (made["version"], made["is_published"], made["last_modification_timestamp"]) == (0, False, NOW_MS)
    assert made["interruption_sensitivity"] == 1

    read = await api.get(f"/get-agent/{made['agent_id']}")
    assert (read.status, await read.json()) == (200, made)

    changed = await api.patch(f"/update-agent/{made['agent_id']}", json={"agent_name": None, "voice_speed": 1.5})
    assert changed.status == 200
    expected = {**made, "voice_speed": 1.5}
    del expected["agent_name"]
    assert await changed.json() == expected

    deleted = await api.delete(f"/delete-agent/{made['agent_id']}")
    assert (deleted.status, await deleted.read()) == (204, b"")
    assert "not found" in await refused(await api.get(f"/get-agent/{made['agent_id']}"), 422)


@pytest.mark.parametrize("version", ["0", "latest", ""])
async def test_an_agent_is_read_by_version(api: Api, version: str) -> None:
    made = await make_agent(api)
    read = await api.get(f"/get-agent/{made['agent_id']}", params={"version": version})
    assert await read.json() == made


@pytest.mark.parametrize("kind", ["agent", "chat-agent"])
@pytest.mark.parametrize("version", ["1", "latest_published", "prod"])
async def test_a_version_that_is_not_there_is_refused(api: Api, kind: str, version: str) -> None:
    made = await (await api.post(f"/create-{kind}", json={"response_engine": CUSTOM_LLM, "voice_id": "v"})).json()
    of, query = made["agent_id"], {"version": version}
    for path, sent in (("get", api.get), ("update", partial(api.patch, json={}))):
        message = await refused(await sent(f"/{path}-{kind}/{of}", params=query), 422)
        assert message.startswith(f"agent {of} has no version {version}; ")
        missing = await refused(await sent(f"/{path}-{kind}/agent_gone", params=query), 422)
        assert missing == f"{kind.replace('-', ' ')} agent_gone not found"


async def test_a_version_that_none_can_be_called_is_refused(api: Api) -> None:
    await refused(await api.get(f"/get-agent/{(await make_agent(api))['agent_id']}", params={"version": "Prod!"}), 400)


async def test_an_agent_of_the_other_kind_is_not_found_whatever_the_version(api: Api) -> None:
    made = await make_agent(api)
    message = await refused(await api.get(f"/get-chat-agent/{made['agent_id']}", params={"version": "7"}), 422)
    assert message == f"chat agent {made['agent_id']} not found"


@pytest.mark.parametrize("agent_id", ["agent_unknown", "%00", "..%2F..", "%F0%9F%92%A9", "a" * 500, "'%3B--"])
@pytest.mark.parametrize(("method", "path"), [("get", "get"), ("patch", "update"), ("delete", "delete")])
async def test_an_unknown_agent_is_422_as_in_retells_api(api: Api, method: str, path: str, agent_id: str) -> None:
    body: Json = {"json": {}} if method == "patch" else {}
    response = await getattr(api, method)(f"/{path}-agent/{agent_id}", **body)
    assert "not found" in await refused(response, 422)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "response_engine: required"),
    ({"response_engine": {"type": "telepathy"}}, "response_engine: type must be one of"),
    ({"response_engine": CUSTOM_LLM}, "voice_id is required"),
    ({"response_engine": {**CUSTOM_LLM, "llm_websocket_url": "https://x"}}, "must be a URL that begins with ws://"),
    ({"response_engine": AUDIO, "voice_speed": 3}, "voice_speed: must be less than or equal to 2, not 3"),
    ({"response_engine": AUDIO, "voice_speed": "1"}, 'voice_speed: must be a number, not "1"'),
    ({"response_engine": {**AUDIO, "sample_rate": 16000}}, "sample_rate must be 8000 for mulaw"),
    ({"response_engine": AUDIO, "end_call_after_silence_ms": 9999}, "greater than or equal to 10000, not 9999"),
    ({"response_engine": AUDIO, "webhook_url": "ftp://x"}, "webhook_url: must be a URL that begins with http://"),
]


@pytest.mark.parametrize(("body", "complaint"), WRONG)
async def test_a_wrong_agent_is_refused_with_the_fields_name(api: Api, body: Any, complaint: str) -> None:
    assert complaint in await refused(await api.post("/create-agent", json=body), 400)


async def test_a_change_that_breaks_the_agent_is_refused_and_changes_nothing(api: Api) -> None:
    made = await make_agent(api)
    path = f"/update-agent/{made['agent_id']}"
    assert "voice_id is required" in await refused(await api.patch(path, json={"response_engine": CUSTOM_LLM}), 400)
    assert "voice_speed" in await refused(await api.patch(path, json={"voice_speed": None}), 400)
    assert await (await api.get(f"/get-agent/{made['agent_id']}")).json() == made


async def test_older_keys_are_understood(api: Api) -> None:
    older = {"llm_websocket_url": "wss://old.example.com", "voice_id": "v", "opt_out_sensitive_data_storage": True}
    response = await api.post("/create-agent", json={**older, "nobody_knows_this": 1})
    made = await response.json()
    assert made["response_engine"] == {"type": "custom-llm", "llm_websocket_url": "wss://old.example.com"}
    assert made["data_storage_setting"] == "basic_attributes_only"


async def test_agents_are_listed_whole_and_in_pages(api: Api) -> None:
    made = [await make_agent(api, agent_name=f"number {count}") for count in range(5)]
    whole = await (await api.get("/list-agents")).json()
    assert sorted(agent["agent_id"] for agent in whole) == sorted(agent["agent_id"] for agent in made)

    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = await (await api.post("/v2/list-agents", params=query)).json()
        assert len(page["items"]) <= 2
        seen += [item["agent_id"] for item in page["items"]]
        assert page["has_more"] is ("pagination_key" in page)
        if not page["has_more"]:
            break
        query["pagination_key"] = page["pagination_key"]
    assert sorted(seen) == sorted(agent["agent_id"] for agent in made)


async def test_listed_agents_are_filtered_by_name_and_channel(api: Api) -> None:
    others = [f"extra {number}" for number in range(4)]
    for name in ("Sales", "Support", "Night support", *others):
        await make_agent(api, agent_name=name)

    async def names(**criteria: Any) -> list[str]:
        response = await api.post("/v2/list-agents", params={"limit": 2}, json={"filter_criteria": criteria})
        return sorted(item["agent_name"] for item in (await response.json())["items"])

    assert await names(query="SUPPORT") == ["Night support", "Support"]
    assert await names(channel={"type": "string", "op": "eq", "value": "chat"}) == []
    assert len(await names(channel={"type": "string", "op": "ne", "value": "chat"})) == 2
    for name in ("Sales", "Night support", *others):  # a page is filled from behind those that do not match
        page = await (
            await api.post("/v2/list-agents", params={"limit": 1}, json={"filter_criteria": {"query": name}})
        ).json()
        assert [item["agent_name"] for item in page["items"]] == [name]
    assert await names(is_transfer_agent={"type": "boolean", "op": "eq", "value": True}) == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"sort_order": "sideways"}])
async def test_a_wrong_page_is_refused(api: Api, query: dict[str, str]) -> None:
    assert next(iter(query)) in await refused(await api.post("/v2/list-agents", params=query), 400)
