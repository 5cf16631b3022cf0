"""PATCH /v2/update-live-call: what it changes in a call that goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import uri_of
from tests.fakes.sound import noise
from tests.integration.stage import Connected, Stage


async def update(stage: Stage, call_id: str, *, expect: int = 200, **wanted: Any) -> dict[str, Any]:
    """The answer's body."""
    reply = await stage.controller.request("PATCH", f"/v2/update-live-call/{call_id}", wanted)
    assert reply.status == expect, reply.text
    body: dict[str, Any] = reply.json
    return body


async def override(stage: Stage, call: Connected, *, expect: int = 200, **fields: Any) -> dict[str, Any]:
    """The same for fields alone."""
    return await update(stage, call.call_id, expect=expect, fields_to_override=fields)


async def test_new_variables_hold_for_a_later_transfer_and_for_webhook_urls(stage: Stage) -> None:
    first, second = stage.webhooks.hook(), stage.webhooks.hook()
    host, _, name = first.url.rpartition("/")
    other = second.url.rpartition("/")[2]
    headers = [("X-Hook", name), ("X-Desk", "12025550101")]
    async with stage.connected(agent={"webhook_url": host + "/{{x-hook}}"}, headers=headers) as call:
        await first.event("call_started", call_id=call.call_id)
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        await call.agent.transfer("{{x-desk}}")
        assert (await call.agent.transfer_result())["sip_status"] == 486
        answer = await override(stage, call, override_dynamic_variables={"x-hook": other, "x-desk": "12025550102"})
        assert answer == {"success": True}
        call.caller.refer_plan = ReferPlan()
        await call.agent.transfer("{{x-desk}}", headers={"X-Case": "{{x-hook}}"})
        await call.caller.bye()
        refer = [message for message in call.caller.received if message.method == "REFER"][-1]
    target = uri_of(refer.need("Refer-To"))
    assert target.startswith("sip:12025550102@")
    assert f"X-Case={other}" in target
    await second.event("call_analyzed", call_id=call.call_id)
    assert (first.events(call_id=call.call_id), second.events(call_id=call.call_id)) == (
        ["call_started"],
        ["call_ended", "call_analyzed"],
    )
    record = await stage.controller.ended_call(call.call_id)
    assert record["transfer_destination"] == "12025550102"


async def test_the_record_and_its_webhooks_show_what_was_overridden(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Plan", "gold")]) as call:
        await override(stage, call, metadata={"order": 7}, override_dynamic_variables={"x-plan": "iron", "step": "1"})
        await override(stage, call, override_dynamic_variables={"step": "2"})
        during = await stage.controller.call(call.call_id)
        assert during["metadata"] == {"order": 7}
        variables = during["retell_llm_dynamic_variables"]
        assert (variables["x-plan"], variables["step"]) == ("iron", "2")
        await override(stage, call, override_dynamic_variables=None)
        await override(stage, call, metadata={"order": 8})
    ended = (await stage.events.event("call_ended", call_id=call.call_id)).call
    for seen in (ended, await stage.controller.ended_call(call.call_id)):
        assert seen["metadata"] == {"order": 8}
        assert seen["retell_llm_dynamic_variables"]["x-plan"] == "gold"
        assert "step" not in seen["retell_llm_dynamic_variables"]


async def test_what_was_said_goes_once_basic_attributes_alone_are_to_be_stored(stage: Stage) -> None:
    async with stage.connected() as call:
        await call.agent.send({"event": "update", "update": {"transcript": [{"role": "user", "content": "A secret"}]}})
        await asyncio.sleep(1.5)
        assert (await stage.controller.call(call.call_id))["transcript"] == "User: A secret\n"
        await override(stage, call, data_storage_setting="basic_attributes_only")
        looser = await override(stage, call, expect=400, data_storage_setting="everything", metadata={"not": "kept"})
        assert "fields_to_override.data_storage_setting: cannot go from" in looser["message"]
    record = await stage.controller.ended_call(call.call_id)
    assert record["data_storage_setting"] == "basic_attributes_only"
    assert "metadata" not in record
    assert not any("transcript" in key for key in record)
    ended = await stage.events.event("call_ended", call_id=call.call_id)
    assert "transcript" not in ended.call


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_the_agent_is_told_what_is_asked_of_it(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await update(stage, call.call_id, call_control={"trigger_response": True})
        await update(
            stage,
            call.call_id,
            call_control={"trigger_response": False, "additional_context": "A VIP: Zoë"},
            fields_to_override={"metadata": {"vip": True}},
        )
        await update(stage, call.call_id, call_control={}, fields_to_override={})
        told = [(await call.agent.event("call_control", index=index))["call_control"] for index in (0, 1)]
        assert told == [{"trigger_response": True}, {"additional_context": "A VIP: Zoë"}]
        await asyncio.sleep(0.2)
        assert len(call.agent.events("call_control")) == 2
    record = await stage.controller.ended_call(call.call_id)
    (injected,) = record["transcript_with_tool_calls"]
    assert (injected["role"], injected["content"]) == ("injected", "A VIP: Zoë")
    assert injected["time_sec"] <= record["duration_ms"] / 1000
    assert record["metadata"] == {"vip": True}
    assert "transcript" not in record


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"call_control": {"additional_context": ""}}, "additional_context"),
        ({"call_control": {"trigger_response": 1}}, "trigger_response"),
        ({"fields_to_override": {"override_dynamic_variables": {"step": 1}}}, "step"),
        ({"fields_to_override": {"metadata": "x"}}, "metadata"),
        ({"fields_to_override": {"metadata": {"x": "y" * 60_000}}}, "at most"),
        ({"fields_to_override": {"data_storage_setting": "nothing"}}, "data_storage_setting"),
    ],
)
async def test_a_wrong_update_changes_nothing(stage: Stage, wanted: dict[str, Any], complaint: str) -> None:
    async with stage.connected() as call:
        before = await stage.controller.call(call.call_id)
        body = await update(stage, call.call_id, expect=400, **{"call_control": {"trigger_response": True}, **wanted})
        assert complaint in body["message"]
        assert await stage.controller.call(call.call_id) == before
        assert call.agent.events("call_control") == []


async def test_an_agent_that_has_left_is_not_told_but_the_record_still_changes(stage: Stage) -> None:
    async def speak_and_leave(call: AgentCall) -> None:
        await call.say(noise(4.0, rate_hz=call.rate_hz))
        await call.close()

    async with stage.connected(speak_and_leave) as call:
        await call.agent.gone()
        told = await update(stage, call.call_id, expect=400, call_control={"trigger_response": True})
        assert "no agent is there to be told" in told["message"]
        await override(stage, call, metadata={"late": True})
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["metadata"]) == ("agent_hangup", {"late": True})


async def test_a_call_that_ends_meanwhile_answers_each_update(stage: Stage) -> None:
    async with stage.connected() as call:
        path = f"/v2/update-live-call/{call.call_id}"
        control = {"trigger_response": True}
        bodies = [{"fields_to_override": {"metadata": {"n": n}}, "call_control": control} for n in range(20)]
        updates = [asyncio.create_task(stage.controller.request("PATCH", path, body)) for body in bodies[:10]]
        stop = asyncio.create_task(stage.controller.post(f"/v2/stop-call/{call.call_id}"))
        updates += [asyncio.create_task(stage.controller.request("PATCH", path, body)) for body in bodies[10:]]
        replies = await asyncio.wait_for(asyncio.gather(*updates), 10)
        assert (await stop).status == 204
    done = [n for n, reply in enumerate(replies) if reply.status == 200]
    assert {reply.status for reply in replies} <= {200, 400}
    assert all("not ongoing" in reply.json["message"] for reply in replies if reply.status == 400)
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "manual_stopped"
    assert done == [] or record["metadata"]["n"] in done
    over = await update(stage, call.call_id, expect=400, call_control=control)
    assert "not ongoing" in over["message"]
    assert (await update(stage, "call_unknown", expect=422))["status"] == "error"
