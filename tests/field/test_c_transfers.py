"""What becomes of a transfer with the habits that carriers have."""

from __future__ import annotations

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import first
from tests.fakes.sound import tone
from tests.integration.stage import Stage

EVENTS = ["transfer_started", "transfer_bridged", "transfer_ended", "call_ended"]
TRYING = (0.05, 100)
TAKEN = {
    "202, then BYE": ReferPlan(notifies=(), hang_up_s=0.3),
    "NOTIFY 100, then BYE": ReferPlan(notifies=(TRYING,), hang_up_s=0.3),
    "NOTIFY 200, BYE at once": ReferPlan(notifies=(TRYING, (0.1, 200)), bye_beside_notify="after"),
    "BYE, NOTIFY 200 at once": ReferPlan(notifies=(TRYING, (0.1, 200)), bye_beside_notify="before"),
}


@pytest.mark.parametrize("plan", TAKEN.values(), ids=TAKEN.keys())
@pytest.mark.parametrize("asked_by", ["agent", "API"])
async def test_a_far_end_that_hangs_up_after_the_refer_has_taken_the_caller(
    stage: Stage, plan: ReferPlan, asked_by: str
) -> None:
    async with stage.connected(agent={"webhook_events": EVENTS}) as call:
        call.caller.refer_plan = plan
        if asked_by == "agent":
            await call.agent.transfer("+14155559999")
        else:
            reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "+14155559999"})
            assert reply.json["status"] == "succeeded"
        await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transfer_destination"] == "+14155559999"
    await stage.events.event("call_ended", call_id=call.call_id)
    assert stage.events.events(call_id=call.call_id) == EVENTS


async def test_no_channel_stays_once_the_refers_subscription_has_run_out(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = ReferPlan(notifies=(TRYING,), hang_up_s=0.1, subscribed_s=8)
        await call.agent.transfer("+14155559999")
        await call.agent.gone()
        await stage.idle(timeout_s=30)


async def test_a_refer_that_failed_is_no_transfer_although_the_far_end_hangs_up(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = ReferPlan(notifies=(TRYING, (0.1, 486)), hang_up_s=0.3)
        await call.agent.transfer("+14155559999")
        assert (await call.agent.transfer_result())["sip_status"] == 486
        await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    assert (
        "A transfer to +14155559999 failed: the destination is busy (486)." in record["call_analysis"]["call_summary"]
    )


async def test_a_refer_that_nobody_answers_brings_the_caller_back_with_408(stage: Stage) -> None:
    await stage.pbx.cli("dialplan set global REFER_TIMEOUT_S 2")
    try:
        async with stage.connected(echo) as call:
            call.caller.refer_plan = ReferPlan(answer=None)
            await call.agent.transfer("+14155559999")
            assert (await call.agent.transfer_result())["sip_status"] == 408
            await call.hears_itself()
        await stage.idle()
    finally:
        await stage.pbx.cli("dialplan set global REFER_TIMEOUT_S 60")


async def test_an_extension_is_one_of_the_own_pbx(stage: Stage) -> None:
    async with stage.connected(agent={"webhook_events": EVENTS}) as call:
        await call.agent.say(tone(440, seconds=1))
        await call.agent.transfer("101")
        assert (await call.agent.transfer_result())["status"] == "succeeded"
        await call.agent.gone()
        assert len(call.caller.audio.loud_packets()) >= 45
        bye = await call.caller.bye()
        assert "cause=17" in bye.need("Reason")
        assert first(call.caller.received, method="REFER") is None
    record = await stage.controller.ended_call(call.call_id)
    assert (record["disconnection_reason"], record["transfer_destination"]) == ("call_transfer", "101")
    await stage.events.event("call_ended", call_id=call.call_id)
    assert stage.events.events(call_id=call.call_id) == EVENTS
    seen = await stage.pbx.cli("dialplan show globals")
    assert f"DESK_101={call.call_id}/call_transfer/+14155550100" in seen


async def test_an_extension_that_the_pbx_does_not_have_is_told_at_once(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        await call.agent.transfer("102")
        assert "the dialplan's context desks has no such extension" in (await call.agent.transfer_result())["message"]
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "102"})
        assert reply.json["status"] == "failed"
        await call.hears_itself()
