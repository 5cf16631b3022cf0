"""Prompts and flows over the API: made, changed, published with an agent, listed, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.api.conftest import Api, Json, refused
from tests.contract.flows import END, edge, talk


@dataclass(frozen=True, slots=True)
class Kind:
    """Prompts, or flows. least: what one needs. words: the field with what the model is told."""

    name: str
    id_name: str
    least: Json
    words: str

    async def made(self, api: Api, **settings: Any) -> Json:
        """Make one and return it."""
        response = await api.post(f"/create-{self.name}", json={self.words: "Be kind.", **self.least, **settings})
        assert response.status == 201, await response.text()
        return dict(await response.json())

    async def answering(self, api: Api, **settings: Any) -> tuple[Json, Json, Json]:
        """Make one and an agent that answers by it; return it, the response_engine and the agent."""
        one = await self.made(api, **settings)
        engine = {"type": self.name, self.id_name: one[self.id_name]}
        agent = await (await api.post("/create-agent", json={"response_engine": engine, "voice_id": "v"})).json()
        return one, engine, agent


PROMPTS: Final = Kind("retell-llm", "llm_id", {}, "general_prompt")
FLOWS: Final = Kind(
    "conversation-flow",
    "conversation_flow_id",
    {"start_speaker": "agent", "nodes": [talk("a", edges=[edge("end")]), END]},
    "global_prompt",
)
BOTH: Final = pytest.mark.parametrize("kind", [PROMPTS, FLOWS], ids=lambda kind: kind.name)


@BOTH
async def test_one_is_made_read_changed_and_deleted(api: Api, kind: Kind) -> None:
    one = await kind.made(api, begin_message="Hi.", model_config={"primary": {"model": "small"}})
    path = f"/get-{kind.name}/{one[kind.id_name]}"
    assert one[kind.id_name].startswith(kind.id_name.removesuffix("id"))
    assert (one["version"], one["is_published"], one["begin_message"]) == (0, False, "Hi.")
    assert await (await api.get(path)).json() == one
    changed = await api.patch(
        f"/update-{kind.name}/{one[kind.id_name]}", json={"begin_message": None, "model_temperature": 1}
    )
    found = await changed.json()
    assert ("begin_message" in found, found["model_temperature"]) == (False, 1)
    stays = one.keys() - {"begin_message", "model_temperature", "last_modification_timestamp"}
    assert {name: found[name] for name in stays} == {name: one[name] for name in stays}
    assert await (await api.get(path)).json() == found
    assert (await api.delete(f"/delete-{kind.name}/{one[kind.id_name]}")).status == 204
    assert "not found" in await refused(await api.get(path), 422)
    assert "not found" in await refused(await api.delete(f"/delete-{kind.name}/{one[kind.id_name]}"), 422)


@pytest.mark.parametrize(
    ("kind", "settings", "why"),
    [
        (
            PROMPTS,
            {"general_tools": [{"type": "book_appointment_cal", "name": "x"}]},
            "book_appointment_cal' are not served here",
        ),
        (PROMPTS, {"general_tools": [{"type": "end_call", "name": "no spaces"}]}, "general_tools[0].name"),
        (PROMPTS, {"states": [{"name": "a"}]}, "starting_state must be one of a"),
        (PROMPTS, {"s2s_model": "gpt-realtime"}, "s2s_model: models that speak are not set up here"),
        *(
            case
            for kind in (PROMPTS, FLOWS)
            for case in (
                (kind, {"knowledge_base_ids": ["kb_1"]}, "no knowledge bases here: write what the agent must know"),
                (kind, {"model_config": {"type": "s2s"}}, "s2s is not served here"),
                (kind, {"model_temperature": 2}, "model_temperature"),
            )
        ),
        (FLOWS, {"nodes": []}, "a flow needs at least one"),
        (FLOWS, {"start_node_id": "b"}, "start_node_id: there is no node b"),
        (FLOWS, {"nodes": [talk(edges=[edge("b")])]}, "nodes: edge e of a leads to b, which is none"),
    ],
)
async def test_what_is_not_served_is_refused_with_what_would_be_right(
    api: Api, kind: Kind, settings: Json, why: str
) -> None:
    assert why in await refused(await api.post(f"/create-{kind.name}", json={**kind.least, **settings}), 400)
    one = await kind.made(api)
    assert why in await refused(await api.patch(f"/update-{kind.name}/{one[kind.id_name]}", json=settings), 400)


@BOTH
async def test_a_published_agent_keeps_the_version_that_it_has(api: Api, kind: Kind) -> None:
    one, engine, agent = await kind.answering(api)
    published = await (await api.post(f"/publish-agent/{agent['agent_id']}", json={})).json()
    assert published["response_engine"] == {**engine, "version": 0}
    path = f"{kind.name}/{one[kind.id_name]}"
    next_one = await (await api.patch(f"/update-{path}", json={kind.words: "New."})).json()
    assert (next_one["version"], next_one["is_published"], next_one[kind.words]) == (1, False, "New.")
    first = await (await api.get(f"/get-{path}?version=0")).json()
    assert (first[kind.words], first["is_published"]) == ("Be kind.", True)
    stale = await api.patch(f"/update-{path}?version=0", json={kind.words: "x"})
    assert "is stale: update version 1" in await refused(stale, 412)
    assert "has no version 7" in await refused(await api.get(f"/get-{path}?version=7"), 422)
    assert "version number" in await refused(await api.get(f"/get-{path}?version=prod"), 400)
    again = await (await api.post(f"/publish-agent/{agent['agent_id']}", json={"version_title": "x"})).json()
    assert again["response_engine"] == {**engine, "version": 0}


@BOTH
async def test_one_that_an_agent_answers_by_is_deleted_by_force_alone(api: Api, kind: Kind) -> None:
    one, _, agent = await kind.answering(api)
    path = f"/delete-{kind.name}/{one[kind.id_name]}"
    assert f"agent {agent['agent_id']} answers by" in await refused(await api.delete(path), 400)
    assert (await api.delete(f"{path}?force_delete=true")).status == 204
    published = await (await api.post(f"/publish-agent/{agent['agent_id']}", json={})).json()
    assert "version" not in published["response_engine"]


@BOTH
async def test_they_are_listed_by_pages(api: Api, kind: Kind) -> None:
    ids = [(await kind.made(api))[kind.id_name] for _ in range(5)]
    seen: list[str] = []
    key = ""
    while True:
        page = await (await api.get(f"/v2/list-{kind.name}s?limit=2{key}&sort_order=ascending")).json()
        seen += [one[kind.id_name] for one in page["items"]]
        if not page["has_more"]:
            break
        key = f"&pagination_key={page['pagination_key']}"
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 5


async def test_components_are_refused(api: Api) -> None:
    refusal = await refused(await api.post("/create-conversation-flow-component", json={}), 404)
    assert "no such path" in refusal
