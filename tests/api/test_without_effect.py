"""What is saved without effect is named in the answer, and in the log."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.api.without_effect import HEADER
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.store.store import Store
from tests.api import lines
from tests.api.conftest import AUDIO, CUSTOM_LLM, NOW_MS, Api, StartApi, make_agent

IDLE: dict[str, Any] = {"contact_memory_config": {}, "guardrail_config": {}, "agent_name": "Ada"}
OVERRIDE: dict[str, Any] = {"agent": {"contact_memory_config": {}, "guardrail_config": {}}}


async def test_an_agent_that_is_made_with_them(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    response = await api.post("/create-agent", json={"response_engine": AUDIO, **IDLE})
    agent_id = (await response.json())["agent_id"]
    assert response.headers[HEADER] == "guardrail_config, contact_memory_config"
    [line] = [record for record in caplog.records if "without effect" in record.getMessage()]
    assert "guardrail_config: topics are not checked" in line.getMessage()
    assert line.__dict__["agent_id"] == agent_id


async def test_an_agent_that_is_made_without_them(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    response = await api.post("/create-agent", json={"response_engine": AUDIO, "agent_name": "Ada"})
    assert HEADER not in response.headers
    assert "without effect" not in caplog.text


async def test_a_change_is_told_of_what_it_changes_alone(api: Api) -> None:
    path = f"/update-agent/{(await make_agent(api, **IDLE))['agent_id']}"
    assert HEADER not in (await api.patch(path, json={"agent_name": "Bob"})).headers
    assert (await api.patch(path, json={"voice_speed": 2})).headers[HEADER] == "voice_speed"
    to_text = {"response_engine": CUSTOM_LLM, "voice_id": "flite-slt", "voice_speed": 2}
    assert HEADER not in (await api.patch(path, json=to_text)).headers


async def test_chat_agents_are_told_too(api: Api) -> None:
    made = await api.post("/create-chat-agent", json={"response_engine": CUSTOM_LLM, "language": "de-DE"})
    assert made.headers[HEADER] == "language"
    path = f"/update-chat-agent/{(await made.json())['agent_id']}"
    changed = await api.patch(path, json={"handbook_config": {"high_empathy": True}})
    assert changed.headers[HEADER] == "handbook_config"


@pytest.mark.parametrize("path", ["/v2/register-phone-call", "/v2/create-web-call", "/v3/create-web-call"])
async def test_a_call_that_is_registered_with_them(api: Api, path: str) -> None:
    agent_id = (await make_agent(api))["agent_id"]
    with_them = await api.post(path, json={"agent_id": agent_id, "agent_override": OVERRIDE})
    assert (with_them.status, with_them.headers[HEADER]) == (201, "guardrail_config, contact_memory_config")
    assert HEADER not in (await api.post(path, json={"agent_id": agent_id})).headers


async def test_calls_that_are_placed_with_them(start_api: StartApi, store: Store) -> None:
    number = {"phone_number": "+14155550100", "termination_uri": "sip.example.com"}
    await store.phone_numbers.create(PhoneNumberImport.model_validate(number).number(now_ms=NOW_MS))
    slots = Slots(20)
    originator = lines.originator(store, lines.Lines(), slots, now_ms=NOW_MS)
    api = await start_api(outbound=originator, batches=lines.batches(store, originator, slots, now_ms=NOW_MS))
    agent_id = (await make_agent(api))["agent_id"]
    task = {"to_number": "+14155550199", "override_agent_id": agent_id}
    call = {"from_number": "+14155550100", **task, "agent_override": OVERRIDE}
    for path in ("/v2/create-phone-call", "/create-phone-call"):
        assert (await api.post(path, json=call)).headers[HEADER] == "guardrail_config, contact_memory_config"
    tasks = [task, {**task, "agent_override": {"agent": {"ivr_option": {"action": {"type": "hangup"}}}}}]
    batch = await api.post("/create-batch-call", json={"from_number": "+14155550100", "tasks": tasks})
    assert (batch.status, batch.headers[HEADER]) == (201, "ivr_option")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"agent_nmae": "Ada"}, "agent_nmae"),
        ({"guardrail_config": {}, "colour": 1}, "guardrail_config, colour"),
        ({"a b": 1, "x" * 65: 1, "\r\nX-Evil: 1": 1, "Ä": 1}, None),
        ({"enable_voicemail_detection": True, "voicemail_message": "Hello."}, None),
    ],
)
async def test_keys_that_nobody_reads_are_named(api: Api, body: dict[str, Any], named: str | None) -> None:
    response = await api.post("/create-agent", json={"response_engine": AUDIO, **body})
    assert (response.status, response.headers.get(HEADER)) == (201, named)


async def test_of_many_keys_that_nobody_reads_some_are_named(api: Api) -> None:
    response = await api.post("/v3/list-calls", json={f"k{number}": 1 for number in range(5000)})
    assert response.headers[HEADER] == ", ".join(f"k{number}" for number in range(20))


async def test_keys_of_a_query_that_nobody_reads_are_named(api: Api) -> None:
    assert (await api.get("/v2/list-phone-numbers?page=2&limit=5")).headers[HEADER] == "page"
    both = await api.post("/v2/list-agents?page=2", json={"colour": 1})
    assert set(both.headers[HEADER].split(", ")) == {"page", "colour"}


async def test_personal_data_that_is_found_with_presidio_alone_is_named_without_it(
    start_api: StartApi, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = {"mode": "post_call", "categories": ["email", "person_name", "address"]}
    body = {"response_engine": AUDIO, "pii_config": wanted}
    assert (await api.post("/create-agent", json=body)).headers[HEADER] == "pii_config.categories"
    assert "person_name, address need ARI_AGENT_PRESIDIO_MODEL" in caplog.text
    with_presidio = await start_api(find_more=lambda texts: [[] for _ in texts])
    assert HEADER not in (await with_presidio.post("/create-agent", json=body)).headers
    agent_id = (await make_agent(api))["agent_id"]
    changed = await api.patch(f"/update-agent/{agent_id}", json={"pii_config": {**wanted, "categories": ["pin"]}})
    assert changed.headers[HEADER] == "pii_config.categories"
