"""The tag of an agent's version on the records of its calls: outbound, registered and web ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.store.store import Store
from tests.api import lines
from tests.api.conftest import AUDIO, NOW_MS, Api, Json, StartApi

pytestmark = pytest.mark.slow

FROM, TO = "+14155550100", "+14155550199"
REGISTER_AUDIO = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 24_000}


@dataclass
class Tagged:
    """Version 0 of the agent has got the tags `prod` and then `live`, version 1 has none."""

    api: Api
    agent_id: str

    async def post(self, path: str, body: Json, status: int = 201) -> Json:
        response = await self.api.post(path, json=body)
        found: Json = await response.json()
        assert response.status == status, found
        return found

    async def tag_of(self, call_id: str) -> str | None:
        call: Json = await (await self.api.get(f"/v2/get-call/{call_id}")).json()
        tag: str | None = call.get("agent_tag")
        return tag

    async def found(self, *tags: str) -> set[str]:
        """The calls that list-calls finds by tag."""
        criteria = {"agent_tag": {"type": "enum", "op": "in", "value": list(tags)}}
        page = await self.post("/v3/list-calls", {"filter_criteria": criteria}, 200)
        return {item["call_id"] for item in page["items"]}


@pytest.fixture
async def tagged(start_api: StartApi, store: Store) -> AsyncIterator[Tagged]:
    own = lines.Lines()
    api = await start_api(outbound=lines.originator(store, own, Slots(20), now_ms=NOW_MS))
    response = await api.post("/create-agent", json={"voice_id": "voice", "response_engine": AUDIO})
    agent_id = (await response.json())["agent_id"]
    made = Tagged(api, agent_id)
    await made.post(f"/create-agent-version/{agent_id}", {"base_version": 0})
    for tag in ("live", "prod", "live"):
        await made.post(f"/assign-agent-tag/{agent_id}", {"tag": tag, "version": 0}, 200)
    number = {"phone_number": FROM, "termination_uri": "sip.example.com"}
    await made.post("/import-phone-number", number)
    yield made
    await own.hang_up_all()


async def begun(tagged: Tagged, way: str, version: Any) -> str:
    """The call_id of a call that is registered this way with this version of the agent."""
    agent: Json = {"agent_id": tagged.agent_id} | ({} if version is None else {"agent_version": version})
    if way == "the number's agents":
        bound = {"outbound_agents": [{**agent, "weight": 1}]}
        assert (await tagged.api.patch(f"/update-phone-number/{FROM}", json=bound)).status == 200
        call = await tagged.post("/v2/create-phone-call", {"from_number": FROM, "to_number": TO})
    elif way == "an override":
        override = {f"override_{key}": value for key, value in agent.items()}
        call = await tagged.post("/v2/create-phone-call", {"from_number": FROM, "to_number": TO, **override})
    else:
        call = await tagged.post(way, agent)
    call_id: str = call["call_id"]
    return call_id


WAYS = (
    "the number's agents",
    "an override",
    "/v2/register-phone-call",
    "/v2/create-web-call",
    "/v3/create-web-call",
)


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_shows_the_tag_that_its_agent_was_chosen_by(tagged: Tagged, way: str) -> None:
    calls = {version: await begun(tagged, way, version) for version in ("prod", "live", 0, 1, "latest", None)}
    seen = {version: await tagged.tag_of(call_id) for version, call_id in calls.items()}
    # Version 0 got `live` last; a call shows it unless `prod` was asked for.
    assert seen == {"prod": "prod", "live": "live", 0: "live", 1: None, "latest": None, None: None}
    assert await tagged.found("prod") == {calls["prod"]}
    assert await tagged.found("live") == {calls["live"], calls[0]}
    assert await tagged.found("live", "prod") == {calls["prod"], calls["live"], calls[0]}
    assert await tagged.found("green") == set()


async def test_a_call_keeps_its_tag_when_the_tag_goes_to_another_version(tagged: Tagged) -> None:
    call_id = await begun(tagged, "/v2/register-phone-call", "prod")
    await tagged.post(f"/assign-agent-tag/{tagged.agent_id}", {"tag": "prod", "version": 1}, 200)
    later = await begun(tagged, "/v2/register-phone-call", "prod")
    assert (await tagged.tag_of(call_id), await tagged.tag_of(later)) == ("prod", "prod")
    assert await tagged.found("prod") == {call_id, later}
    versions = [
        (await (await tagged.api.get(f"/v2/get-call/{id_}")).json())["agent_version"] for id_ in (call_id, later)
    ]
    assert versions == [0, 1]


async def test_the_oldest_way_to_register_takes_the_latest_version_with_its_tag(tagged: Tagged) -> None:
    asked = {"agent_id": tagged.agent_id, **REGISTER_AUDIO}
    assert await tagged.tag_of((await tagged.post("/register-call", asked))["call_id"]) is None
    await tagged.post(f"/assign-agent-tag/{tagged.agent_id}", {"tag": "green", "version": 1}, 200)
    call_id = (await tagged.post("/register-call", asked))["call_id"]
    assert await tagged.tag_of(call_id) == "green"
    assert await tagged.found("green") == {call_id}
