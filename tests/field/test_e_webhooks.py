"""Webhooks, as customers' servers answer and read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.contract.parsing.json_text import compact_json
from tests.conformance.clients import Unavailable, run_node
from tests.fakes.llm_server import LlmServer
from tests.fakes.text_phone import TextPhone
from tests.fakes.webhook_server import Answer, Delivery, Hook
from tests.integration.stage import CALLER_ADDRESS, CALLER_NUMBER, Stage

STARTED = "call_started"
EVENTS = [STARTED, "transcript_updated", "call_ended", "call_analyzed"]


def raw(body: str) -> Answer:
    """A 200 with this text."""
    return Answer(200, body.encode())


READ = {
    "number": (Answer.inbound(dynamic_variables={"v": 5}), {"v": "5"}),
    "fraction": (Answer.inbound(dynamic_variables={"v": 0.5}), {"v": "0.5"}),
    "boolean": (Answer.inbound(dynamic_variables={"v": True}), {"v": "true"}),
    "null": (Answer.inbound(dynamic_variables={"v": None, "w": "x"}), {"w": "x"}),
    "object": (Answer.inbound(dynamic_variables={"v": {"a": [1, "ü"]}}), {"v": '{"a":[1,"ü"]}'}),
    "empty-override_agent_id": (Answer.inbound(override_agent_id="", dynamic_variables={"v": "1"}), {"v": "1"}),
    "array-of-one": (raw('[{"call_inbound":{"dynamic_variables":{"v":"1"}}}]'), {"v": "1"}),
    "byte-order-mark": (raw('\ufeff{"call_inbound":{"dynamic_variables":{"v":"1"}}}'), {"v": "1"}),
}


@pytest.mark.parametrize(("answer", "variables"), READ.values(), ids=READ.keys())
async def test_an_answer_is_read_as_it_is_meant(stage: Stage, answer: Answer, variables: dict[str, str]) -> None:
    hook = stage.webhooks.hook(answer)
    async with stage.connected(number={"inbound_webhook_url": hook.url}) as connected:
        told = {name: value for name, value in connected.agent.variables.items() if name in {"v", "w"}}
    assert told == variables
    assert len(hook.deliveries) == 1


LEFT_OUT = {
    "reject-string": ({"reject": "false"}, 'reject: must be true or false, not "false"'),
    "metadata-text": ({"metadata": "a=1"}, 'metadata: must be an object, not "a=1"'),
    "setting-out-of-range": (
        {"agent_override": {"agent": {"voice_speed": 9}}},
        "agent_override.agent.voice_speed: must be less than or equal to 2, not 9",
    ),
    "version-in-quotes": ({"override_agent_version": "0"}, "override_agent_version: agent {own} version 0 not found"),
    "unknown-version": ({"override_agent_version": 7}, "override_agent_version: agent {own} version 7 not found"),
    "unknown-agent": ({"override_agent_id": "agent_x"}, "override_agent_id: agent agent_x not found"),
    "unfit-override": (
        {"agent_override": {"agent": {"stt_mode": "custom"}}},
        "agent_override: agent_override does not fit agent {own}",
    ),
}


@pytest.mark.parametrize(("fields", "said"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
async def test_what_is_wrong_is_left_out_alone_and_the_numbers_own_agent_answers(
    stage: Stage, fields: dict[str, Any], said: str
) -> None:
    hook = stage.webhooks.hook(Answer.inbound(dynamic_variables={"v": "1"}, **fields))
    async with stage.connected(number={"inbound_webhook_url": hook.url}) as connected:
        assert connected.agent.variables["v"] == "1"
    record = await stage.controller.ended_call(connected.call_id)
    assert record["agent_id"] == connected.agent_id
    assert len(hook.deliveries) == 1
    await stage.controller.logged(f"left out of the inbound webhook's answer: {said.format(own=connected.agent_id)}")


async def test_a_rejection_holds_beside_a_field_that_cannot_be_read(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer.inbound(reject=True, agent_override={"agent": {"voice_temperature": 3}}))
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        assert (await caller.refused()).status == 403
    assert len(hook.deliveries) == 1


@pytest_asyncio.fixture(loop_scope="session")
async def phone(stage: Stage) -> AsyncIterator[TextPhone]:
    pbx = (stage.pbx.bind, stage.pbx.sip_port)
    async with TextPhone(pbx=pbx, address=CALLER_ADDRESS, number=CALLER_NUMBER) as made:
        yield made


CHATS = {
    "number": ({"dynamic_variables": {"v": 5}}, {"v": "5"}, None),
    "unknown-agent": ({"override_agent_id": "agent_x", "dynamic_variables": {"v": "1"}}, {"v": "1"}, "agent_x not"),
    "unknown-version": ({"override_agent_version": 7}, None, "version 7 not found"),
}


@pytest.mark.parametrize(("fields", "variables", "said"), CHATS.values(), ids=CHATS.keys())
async def test_the_same_holds_for_chats(
    stage: Stage, phone: TextPhone, fields: dict[str, Any], variables: dict[str, str] | None, said: str | None
) -> None:
    async with LlmServer() as llms:
        body = {"response_engine": llms.agent().engine, "voice_id": "none"}
        agent_id = (await stage.controller.post("/create-agent", body, expect=201)).json["agent_id"]
        hook: Hook = stage.webhooks.hook(Answer.inbound(part="chat_inbound", **fields))
        number = await stage.import_number(None)
        bound = {"inbound_sms_agents": [{"agent_id": agent_id, "weight": 1}], "inbound_sms_webhook_url": hook.url}
        await stage.controller.request("PATCH", f"/update-phone-number/{number}", bound)
        await phone.write(number, "hello")
        assert await phone.text(0) == "you said hello"
    started = await stage.events.event("chat_started", to_number=number)
    assert (started.call["agent_id"], started.call.get("retell_llm_dynamic_variables")) == (agent_id, variables)
    assert "data" not in started.json
    assert len(hook.deliveries) == 1
    if said:
        await stage.controller.logged(said)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_says_when_to_come_again_and_recognises_what_comes(stage: Stage, status: int) -> None:
    def busy_once(delivery: Delivery) -> Answer:
        before = sum(other.event == delivery.event for other in hook.deliveries) - 1
        return Answer(status, headers={"Retry-After": "3"}) if before == 0 and delivery.event == STARTED else Answer()

    hook = stage.webhooks.hook(busy_once)
    async with stage.connected(agent={"webhook_url": hook.url}):
        pass
    await hook.event("call_analyzed")
    for _ in range(100):
        if len(hook.deliveries) == 4:
            break
        await asyncio.sleep(0.1)
    first, again = (delivery for delivery in hook.deliveries if delivery.event == STARTED)
    assert again.time_s - first.time_s >= 3.0
    ids = [delivery.headers["X-Ari-Agent-Delivery"] for delivery in hook.deliveries]
    assert first.headers["X-Ari-Agent-Delivery"] == again.headers["X-Ari-Agent-Delivery"]
    assert len(set(ids)) == 3
    assert all(delivery.signed for delivery in hook.deliveries)


async def test_an_inbound_webhook_says_when_to_ask_again(stage: Stage) -> None:
    def busy_once(delivery: Delivery) -> Answer:
        return Answer(429, headers={"Retry-After": "1"}) if len(hook.deliveries) == 1 else Answer.inbound()

    hook = stage.webhooks.hook(busy_once)
    async with stage.connected(number={"inbound_webhook_url": hook.url}):
        pass
    first, again = hook.deliveries
    assert again.time_s - first.time_s >= 1.0
    assert first.headers["X-Ari-Agent-Delivery"] == again.headers["X-Ari-Agent-Delivery"]


async def test_the_oldest_receivers_find_the_call_under_data(stage: Stage) -> None:
    hook = stage.webhooks.hook()
    async with stage.connected(agent={"webhook_url": hook.url, "webhook_events": EVENTS}) as connected:
        call_id = connected.call_id
    await hook.event("call_analyzed", call_id=call_id)
    assert {delivery.event for delivery in hook.deliveries} == set(EVENTS)
    for delivery in hook.deliveries:
        assert delivery.signed
        assert delivery.json["data"] == delivery.json["call"]


numbers = st.floats() | st.integers(-(2**53), 2**53) | st.sampled_from([5e-05, 1e-06, 1e-07, 1e21, -0.0, 1.0, 2.0**53])
keys = st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-1, 2**33).map(str) | st.just("__proto__")
documents = st.recursive(
    numbers | st.booleans() | st.none() | st.text() | st.sampled_from(['"1":', "5e-05,", "1.0}"]),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=30,
)


def test_javascript_serialises_what_it_parsed_to_the_same_bytes() -> None:
    bodies = ['{"metadata":{"1":"b","2":"a","rate":0.00005}}']
    assert compact_json({"metadata": {"2": "a", "1": "b", "rate": 5e-05}}).decode() == bodies[0]

    @settings(max_examples=40, database=None, deadline=None)
    @given(st.dictionaries(keys, documents))
    def write(document: dict[str, Any]) -> None:
        bodies.append(compact_json(document).decode())

    write()
    try:
        assert run_node("serialise.js", bodies) == bodies
    except Unavailable as why:
        pytest.skip(str(why))
