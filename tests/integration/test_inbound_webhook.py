"""The inbound webhook: what it is asked, what its answer decides, what happens when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.sip_message import first
from tests.fakes.webhook_server import Answer, Delivery, Hook
from tests.integration.stage import CALLER_NUMBER, Stage


async def test_it_is_asked_signed_while_the_caller_rings(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer.inbound(delay_s=0.6))
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    number = await stage.import_number(agent_id, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number, headers=[("X-Caller", "abc")])
        await caller.ringing()
        assert first(caller.received, method="INVITE", status=200) is None
        await caller.answered()
        await agent.call()
    (asked,) = hook.deliveries
    assert asked.signed
    assert asked.headers["Content-Type"].startswith("application/json")
    assert asked.event == "call_inbound"
    assert asked.call["agent_id"] == agent_id
    assert (asked.call["from_number"], asked.call["to_number"]) == (CALLER_NUMBER, number)
    assert asked.call["custom_sip_headers"]["x-caller"] == "abc"


async def test_it_overrides_agent_variables_and_metadata(stage: Stage) -> None:
    usual, override = stage.agents.agent(), stage.agents.agent()
    override_id = await stage.create_agent(override)
    hook = stage.webhooks.hook(
        Answer.inbound(
            override_agent_id=override_id,
            dynamic_variables={"customer_name": "John Doe", "x-caller": "from the webhook"},
            metadata={"random_id": "12345"},
        )
    )
    number = await stage.import_number(await stage.create_agent(usual), inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Caller", "from the header")])
        call = await override.call()
        record = await stage.controller.call(call.about["call_id"])
    assert usual.attempts == 0
    assert call.variables["customer_name"] == "John Doe"
    assert call.variables["x-caller"] == "from the webhook"
    assert record["agent_id"] == override_id
    assert record["metadata"] == {"random_id": "12345"}
    assert record["custom_sip_headers"]["x-caller"] == "from the header"


async def test_it_overrides_the_agent_of_a_number_that_has_none(stage: Stage) -> None:
    agent = stage.agents.agent()
    hook = stage.webhooks.hook(Answer.inbound(override_agent_id=await stage.create_agent(agent)))
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number)
        await agent.call()
    assert "agent_id" not in hook.deliveries[0].call


@pytest.mark.parametrize("fields", [{"reject": True}, {}], ids=["reject", "no agent named"])
async def test_it_refuses_a_caller(stage: Stage, fields: dict[str, Any]) -> None:
    hook = stage.webhooks.hook(Answer.inbound(**fields))
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        assert (await caller.refused()).status == 403
    assert len(hook.deliveries) == 1
    assert stage.events.about(to_number=number) == []


async def test_reject_wins_over_the_agent_of_the_number(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer.inbound(reject=True))
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.refused()
    assert agent.attempts == 0


BAD_ANSWERS = {
    "status 500": Answer(500),
    "not JSON": Answer(200, b"<html>"),
    "not UTF-8": Answer(200, b'{"call_inbound":{"metadata":{"a":"\xff"}}}'),
    "variables are numbers": Answer.inbound(dynamic_variables={"a": 1}),
    "connection dropped": Answer(hang_up=True),
    "an invalid field beside reject": Answer.inbound(reject=True, metadata="not an object"),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_when_it_fails_every_time_the_agent_of_the_number_answers(stage: Stage, answer: Answer) -> None:
    hook = stage.webhooks.hook(answer)
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number, timeout_s=30)
        await agent.call()
    assert len(hook.deliveries) == 4
    assert all(delivery.signed for delivery in hook.deliveries)


async def test_when_it_fails_every_time_and_there_is_no_agent_the_caller_is_turned_away(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer(503))
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        response = await caller.refused(timeout_s=30)
    assert response.status is not None and 400 <= response.status < 700
    assert len(hook.deliveries) == 4


async def test_a_failure_is_asked_again_and_the_second_answer_counts(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)

    def decide(delivery: Delivery) -> Answer:
        failed_before = len(hook.deliveries) > 1
        return Answer.inbound(override_agent_id=agent_id) if failed_before else Answer(502)

    hook: Hook = stage.webhooks.hook(decide)
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number, timeout_s=30)
        await agent.call()
    assert len(hook.deliveries) == 2


async def test_a_caller_who_gives_up_cancels_it(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer.inbound(delay_s=8))
    agent = stage.agents.agent()
    number = await stage.import_number(await stage.create_agent(agent), inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        await hook.event("call_inbound")
        await caller.cancel()
        assert (await caller.refused()).status == 487
    await asyncio.wait_for(hook.dropped.wait(), 5.0)
    assert len(hook.deliveries) == 1
    assert agent.attempts == 0
    await stage.idle()


async def test_the_same_from_the_wire_of_sipp(stage: Stage) -> None:
    hook = stage.webhooks.hook(Answer.inbound(delay_s=8))
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    wire = (await stage.sipp.run("cancel", number, values={"RING_MS": "400"})).check()
    assert [message.status for message in wire.received if message.status != 100] == [180, 200, 487]


async def test_it_changes_the_agent_for_this_call_only(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    answer = Answer.inbound(agent_override={"agent": {"end_call_after_silence_ms": 11_000}})
    number = await stage.import_number(agent_id, inbound_webhook_url=stage.webhooks.hook(answer).url)
    async with stage.caller() as caller:
        await caller.call(number)
        await agent.call()
    unchanged = await stage.controller.get(f"/get-agent/{agent_id}")
    assert unchanged.json["end_call_after_silence_ms"] != 11_000


async def test_an_invalid_override_turns_the_caller_away(stage: Stage) -> None:
    agent = stage.agents.agent()
    answer = Answer.inbound(agent_override={"agent": {"end_call_after_silence_ms": 1}})
    hook = stage.webhooks.hook(answer)
    number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.refused(timeout_s=30)
    assert agent.attempts == 0
