"""Placing calls over the API, without an Asterisk: what is refused leaves no record and holds no slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.store.store import Store
from tests.api import lines
from tests.api.conftest import NOW_MS, Api, StartApi, make_agent, refused

pytestmark = pytest.mark.slow

FROM, TO = "+14155550100", "+14155550199"


@dataclass
class Office:
    """An API that places calls, and what is behind it."""

    api: Api
    lines: lines.Lines
    slots: Slots
    store: Store
    agent_id: str

    async def call(self, **fields: Any) -> Any:
        """The answer to a request for a call."""
        return await self.api.post("/v2/create-phone-call", json={"from_number": FROM, "to_number": TO, **fields})


@pytest.fixture
async def office(start_api: StartApi, store: Store) -> AsyncIterator[Office]:
    own, slots = lines.Lines(), Slots(3, 1)
    originator = lines.originator(store, own, slots, now_ms=NOW_MS)
    api = await start_api(outbound=originator, batches=lines.batches(store, originator, slots, now_ms=NOW_MS))
    agent = await make_agent(api)
    number = {
        "phone_number": FROM,
        "termination_uri": "sip.example.com",
        "outbound_agents": [{"agent_id": agent["agent_id"], "weight": 1}],
        "allowed_outbound_country_list": ["US"],
    }
    assert (await api.post("/import-phone-number", json=number)).status == 201
    yield Office(api, own, slots, store, agent["agent_id"])
    await own.hang_up_all()


async def test_the_record_is_answered_and_stored_before_anything_is_dialled(office: Office) -> None:
    answer = await office.call(metadata={"a": [1]}, custom_sip_headers={"X-A": "b"}, agent_override={"agent": {}})
    record = await answer.json()
    assert answer.status == 201
    assert (record["call_status"], record["direction"], record["call_type"]) == ("registered", "outbound", "phone_call")
    assert (record["from_number"], record["to_number"], record["metadata"]) == (FROM, TO, {"a": [1]})
    stored = await office.store.calls.get(record["call_id"])
    (order,) = office.lines.orders
    assert stored == order.call
    assert order.agent.agent_id == office.agent_id
    assert not order.drop_machines


async def test_an_override_is_for_this_call_alone(office: Office) -> None:
    override = {"agent": {"ring_duration_ms": 7000, "voice_id": "other"}}
    assert (await office.call(agent_override=override)).status == 201
    assert office.lines.orders[0].agent.ring_duration_ms == 7000
    agent = await (await office.api.get(f"/get-agent/{office.agent_id}")).json()
    assert agent["ring_duration_ms"] == 30_000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"from_number": "+14155550101"}, 422),
        ({"to_number": "4155550199"}, 400),
        ({"to_number": "+442071838750"}, 400),
        ({"override_agent_id": "agent_none"}, 422),
        ({"override_agent_version": 7}, 422),
        ({"agent_override": {"agent": {"ring_duration_ms": 1}}}, 400),
        ({"custom_sip_headers": {"X-A": "b\r\nX-C: d"}}, 400),
        ({"custom_sip_headers": {"X-A": "{{b}}"}, "retell_llm_dynamic_variables": {"b": "b\r\nX-C: d"}}, 400),
        ({"idempotency_key": ""}, 400),
    ],
)
async def test_what_is_refused_leaves_nothing(office: Office, fields: dict[str, Any], status: int) -> None:
    assert await refused(await office.call(**fields), status)
    assert (office.slots.in_use, await office.store.calls.count(), office.lines.orders) == (0, 0, [])


@pytest.mark.parametrize(
    ("to_number", "status"),
    [
        ("+14155550199", 201),
        ("4155550199", 201),
        ("100", 201),
        ("*43", 201),
        ("reception", 201),
        ("442071838750", 400),
        ("00442071838750", 400),
        ("011442071838750", 400),
        ("9011442071838750", 400),
        ("0-044-20-7183-8750", 400),
        ("+88213000000", 400),
        ("+80012345678", 400),
    ],
)
async def test_no_spelling_of_a_number_leaves_the_countries_that_are_allowed(
    office: Office, to_number: str, status: int
) -> None:
    assert (await office.call(to_number=to_number, ignore_e164_validation=True)).status == status


async def test_slots_of_inbound_calls_are_left_to_them(office: Office) -> None:
    assert [(await office.call()).status for _ in range(2)] == [201, 201]
    assert "2 of 2" in await refused(await office.call(), 429)
    assert await office.store.calls.count() == 2
    await office.lines.hang_up_all()
    assert (await office.call()).status == 201


async def test_without_asterisk_nothing_is_placed(office: Office) -> None:
    office.lines.can_dial = False
    await refused(await office.call(), 503)
    assert (office.slots.in_use, await office.store.calls.count()) == (0, 0)


async def test_a_repeated_key_answers_the_first_call_and_holds_no_slot(office: Office) -> None:
    first = await (await office.call(idempotency_key="key")).json()
    second = await (await office.call(idempotency_key="key", to_number="+14155550198")).json()
    assert second == first
    assert (office.slots.in_use, len(office.lines.orders)) == (1, 1)


async def test_the_same_key_at_the_same_moment_needs_one_slot(office: Office) -> None:
    assert (await office.call()).status == 201  # of two
    answers = await asyncio.gather(*(office.call(idempotency_key="key") for _ in range(8)))
    assert [answer.status for answer in answers] == [201] * 8
    assert len({(await answer.json())["call_id"] for answer in answers}) == 1
    assert (office.slots.in_use, len(office.lines.orders)) == (2, 2)


async def test_a_key_whose_record_was_deleted_places_no_second_call(office: Office) -> None:
    first = await (await office.call(idempotency_key="key")).json()
    await office.store.calls.delete(first["call_id"])
    assert first["call_id"] in await refused(await office.call(idempotency_key="key"), 422)
    assert len(office.lines.orders) == 1


async def test_a_key_is_not_used_up_by_a_call_that_was_refused(office: Office) -> None:
    office.lines.can_dial = False
    await refused(await office.call(idempotency_key="key"), 503)
    office.lines.can_dial = True
    assert (await office.call(idempotency_key="key")).status == 201


async def test_a_number_without_a_trunk_places_no_call(office: Office) -> None:
    number = {"phone_number": "+14155550102", "outbound_agents": [{"agent_id": office.agent_id, "weight": 1}]}
    assert (await office.api.post("/create-phone-number", json=number)).status == 201
    assert "termination_uri" in await refused(await office.call(from_number="+14155550102"), 400)


async def test_the_first_version_drops_machines(office: Office) -> None:
    body = {"phone_number": {"from": FROM, "to": TO}, "drop_call_if_machine_detected": True}
    assert (await office.api.post("/create-phone-call", json=body)).status == 201
    assert office.lines.orders[0].drop_machines


async def test_a_batch_is_answered_as_clients_read_it(office: Office) -> None:
    window = {"windows": [{"start": 0, "end": 1440}], "timezone": "Europe/Berlin", "day": ["Monday"]}
    body = {"from_number": FROM, "tasks": [{"to_number": TO}], "call_time_window": window}
    answer = await office.api.post("/create-batch-call", json=body)
    batch = await answer.json()
    assert answer.status == 201
    assert batch["batch_call_id"].startswith("batch_call_")
    assert (batch["total_task_count"], batch["scheduled_timestamp"]) == (1, NOW_MS)
    assert batch["call_time_window"] == window
