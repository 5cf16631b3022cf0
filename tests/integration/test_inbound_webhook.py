"""The inbound webhook: what it is asked, what its answer decides, what happens when there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_message import first
from tests.fakes.webhook_server import Answer, Delivery, Hook
from tests.integration.long_calls import Outcomes
from tests.integration.stage import CALLER_NUMBER, Stage
from tests.integration.test_public_log import whole_log


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
    "connection dropped": Answer(hang_up=True),
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
    agent_id = await stage.create_agent(agent)
    number = await stage.import_number(agent_id, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.dial(number)
        await caller.ringing()
        await hook.event("call_inbound")
        await caller.cancel()
        assert (await caller.refused()).status == 487
    await asyncio.wait_for(hook.dropped.wait(), 5.0)
    assert len(hook.deliveries) == 1
    assert agent.attempts == 0
    ended = await stage.events.event("call_ended", call_id=hook.deliveries[0].call["call_id"])
    assert (ended.call["call_status"], ended.call["disconnection_reason"]) == ("ended", "user_hangup")
    assert [step["event"] for step in ended.call["sip"]] == ["INVITE", "180", "CANCEL"]
    assert (ended.call["hangup"]["who"], ended.call.get("start_timestamp")) == ("caller", None)
    record = await stage.controller.call(ended.call["call_id"])
    assert (record["agent_id"], record["to_number"]) == (agent_id, number)
    assert "inbound_webhook_asked" in [line["event"] for line in await whole_log(record["public_log_url"])]
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


async def test_it_overrides_by_id_and_version_and_the_record_says_which(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent, agent_name="Ada")
    answer = Answer.inbound(override_agent_id=agent_id, override_agent_version=0, agent_override={"agent": {}})
    number = await stage.import_number(None, inbound_webhook_url=stage.webhooks.hook(answer).url)
    async with stage.caller() as caller:
        await caller.call(number)
        record = await stage.controller.call(str((await agent.call()).about["call_id"]))
    assert (record["agent_id"], record["agent_version"], record["agent_name"]) == (agent_id, 0, "Ada")


async def test_it_sends_one_call_to_another_url_with_another_webhook(stage: Stage) -> None:
    usual, other = stage.agents.agent(), stage.agents.agent()
    events = stage.webhooks.hook()
    changes = {"response_engine": other.engine, "webhook_url": events.url, "webhook_events": ["call_ended"]}
    override = {
        "agent": changes,
        "retell_llm": {"model_temperature": 0.2, "begin_message": "Hi {{name}}", "start_speaker": "agent"},
        "conversation_flow": {"kb_config": {"top_k": 3, "filter_score": 0.5}, "begin_after_user_silence_ms": 2000},
    }
    number = await stage.import_number(
        await stage.create_agent(usual),
        inbound_webhook_url=stage.webhooks.hook(Answer.inbound(agent_override=override)).url,
    )
    async with stage.caller() as caller:
        await caller.call(number)
        call_id = str((await other.call()).about["call_id"])
    await events.event("call_ended", call_id=call_id)
    assert events.events(call_id=call_id) == ["call_ended"]
    assert usual.attempts == 0


async def test_what_it_overrides_of_the_agent_holds_for_the_whole_call(stage: Stage) -> None:
    """Beside URL and webhooks (above) and the limits (below): what the record shows, DTMF and the time zone."""
    agent, events = stage.agents.agent(), stage.webhooks.hook()
    changes = {
        "agent_name": "Ada, for once",
        "allow_user_dtmf": False,
        "data_storage_setting": "basic_attributes_only",
        "opt_in_signed_url": True,
        "timezone": "Asia/Kathmandu",
        "webhook_url": f"{events.url}?v={{{{current_time}}}}",
        "webhook_events": ["call_started"],
        # Of the voice, which the agent at the other end of the websocket brings: taken, and of no effect here.
        "voice_id": "11labs-Adrian",
        "voice_temperature": 0.6,
        "interruption_sensitivity": 0.8,
    }
    agent_id = await stage.create_agent(agent, agent_name="Ada")
    before = (await stage.controller.get(f"/get-agent/{agent_id}")).json
    answer = Answer.inbound(agent_override={"agent": changes}, override_agent_id=agent_id)
    number = await stage.import_number(None, inbound_webhook_url=stage.webhooks.hook(answer).url)
    async with stage.caller() as caller:
        await caller.call(number)
        call: AgentCall = await agent.call()
        started = await events.event("call_started", to_number=number)
        caller.audio.press("5")
        await caller.audio.said()
        await asyncio.sleep(0.5)
        assert call.digits == ""
    record = await stage.controller.ended_call(str(call.about["call_id"]))
    kept = {name: record[name] for name in ("agent_name", "data_storage_setting", "opt_in_signed_url")}
    assert kept == {name: changes[name] for name in kept}
    assert started.query["v"].endswith("+0545")
    assert events.events(to_number=number) == ["call_started"]
    assert (await stage.controller.get(f"/get-agent/{agent_id}")).json == before


async def test_a_silence_limit_that_it_overrides_ends_the_call(long_calls: asyncio.Task[Outcomes]) -> None:
    quiet = (await long_calls).of("quiet, overridden")
    assert quiet.record["disconnection_reason"] == "inactivity"


async def test_a_longest_duration_that_it_overrides_ends_the_call(long_calls: asyncio.Task[Outcomes]) -> None:
    long = (await long_calls).of("too long, overridden")
    assert long.record["disconnection_reason"] == "max_duration_reached"


@pytest.mark.parametrize("named_by", ["the webhook", "the number"])
async def test_a_version_that_a_tag_names_is_on_the_record_with_the_tag(stage: Stage, named_by: str) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    tag = f"tag-{agent_id[-8:]}"  # no other call's record has it
    await stage.controller.post(f"/create-agent-version/{agent_id}", {"base_version": 0}, expect=201)
    for other in (tag, "another"):
        await stage.controller.post(f"/assign-agent-tag/{agent_id}", {"tag": other, "version": 0}, expect=200)
    if named_by == "the number":
        number = await stage.import_number(
            None, inbound_agents=[{"agent_id": agent_id, "agent_version": tag, "weight": 1}]
        )
    else:
        hook = stage.webhooks.hook(Answer.inbound(override_agent_id=agent_id, override_agent_version=tag))
        number = await stage.import_number(None, inbound_webhook_url=hook.url)
    async with stage.caller() as caller:
        await caller.call(number)
        call_id = str((await agent.call()).about["call_id"])
    record = await stage.controller.ended_call(call_id)
    assert (record["agent_version"], record["agent_tag"]) == (0, tag)
    criteria = {"agent_tag": {"type": "enum", "op": "in", "value": [tag]}}
    found = (await stage.controller.post("/v3/list-calls", {"filter_criteria": criteria}, expect=200)).json
    assert [item["call_id"] for item in found["items"]] == [call_id]


@pytest.mark.parametrize(("countries", "let_in"), [(["US", "DE"], True), (["DE"], False)])
async def test_callers_of_other_countries_are_turned_away_unasked(
    stage: Stage, countries: list[str], let_in: bool
) -> None:
    agent = stage.agents.agent()
    hook = stage.webhooks.hook(Answer.inbound())
    number = await stage.import_number(
        await stage.create_agent(agent), inbound_webhook_url=hook.url, allowed_inbound_country_list=countries
    )
    async with stage.caller() as caller:
        await caller.dial(number)
        if let_in:
            await caller.answered()
            await agent.call()
        else:
            assert (await caller.refused()).status == 403
            assert stage.events.about(to_number=number) == []
    assert len(hook.deliveries) == let_in
