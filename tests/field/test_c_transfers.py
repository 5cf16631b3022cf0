"""What becomes of a transfer with the habits that carriers have."""

from __future__ import annotations

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import first
from tests.fakes.sound import tone
from tests.integration.stage import Connected, Stage

EVENTS = ["transfer_started", "transfer_bridged", "transfer_ended", "call_ended"]
TRYING, RINGING, TAKEN, BUSY, GIVEN_UP, BARE = (
    (0.05, 100),
    (0.1, 180),
    (0.1, 200),
    (0.1, 486),
    (0.1, 487),
    (0.1, None),
)
ACCEPTED = {
    "202, then BYE": ReferPlan(notifies=(), hang_up_s=0.3),
    "NOTIFY 100, then BYE": ReferPlan(notifies=(TRYING,), hang_up_s=0.3),
    "NOTIFY 100 and 180, then BYE": ReferPlan(notifies=(TRYING, RINGING), hang_up_s=0.3),
    "NOTIFY 200, and the BYE is ours": ReferPlan(notifies=(TRYING, TAKEN)),
    "NOTIFY 200, then BYE": ReferPlan(notifies=(TRYING, TAKEN), hang_up_s=0.0),
    "NOTIFY 200, BYE at once": ReferPlan(notifies=(TRYING, TAKEN), bye_beside_notify="after"),
    "BYE, NOTIFY 200 at once": ReferPlan(notifies=(TRYING, TAKEN), bye_beside_notify="before"),
    "NOTIFY without a body, then BYE": ReferPlan(notifies=(TRYING, BARE), hang_up_s=0.5),
    "NOTIFY without a body, BYE at once": ReferPlan(notifies=(BARE,), bye_beside_notify="after"),
    "BYE, NOTIFY without a body at once": ReferPlan(notifies=(TRYING, BARE), bye_beside_notify="before"),
}
REFUSED: dict[str, tuple[ReferPlan, int | None]] = {
    **{
        f"{status} to the REFER": (ReferPlan(answer=status, notifies=()), status)
        for status in (400, 403, 405, 501, 603)
    },
    "NOTIFY 486": (ReferPlan(notifies=(TRYING, BUSY)), 486),
    "NOTIFY 603 without 100": (ReferPlan(notifies=((0.1, 603),)), 603),
    "NOTIFY without a body, and no BYE": (ReferPlan(notifies=(TRYING, BARE)), None),
}
HUNG_UP = {
    "NOTIFY 486, then BYE": (ReferPlan(notifies=(TRYING, BUSY), hang_up_s=0.3), 486, "the destination is busy"),
    "NOTIFY 487, BYE at once": (
        ReferPlan(notifies=(TRYING, GIVEN_UP), bye_beside_notify="after"),
        487,
        "the transfer was cancelled",
    ),
}


@pytest.mark.parametrize("plan", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_far_end_that_leaves_after_it_took_the_refer_has_taken_the_caller(
    stage: Stage, plan: ReferPlan
) -> None:
    async with stage.connected(agent={"webhook_events": EVENTS}) as call:
        call.caller.refer_plan = plan
        await call.agent.transfer("+14155559999")
        await call.agent.gone()
    assert [message["transfer"]["status"] for message in call.agent.events("transfer")] == ["succeeded"]
    await told_as_transferred(stage, call)


@pytest.mark.parametrize("habit", ["202, then BYE", "NOTIFY 200, BYE at once", "NOTIFY without a body, then BYE"])
async def test_who_asks_over_the_api_is_told_the_same(stage: Stage, habit: str) -> None:
    async with stage.connected(agent={"webhook_events": EVENTS}) as call:
        call.caller.refer_plan = ACCEPTED[habit]
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "+14155559999"})
        assert reply.json["status"] == "succeeded"
        await call.agent.gone()
    await told_as_transferred(stage, call)


async def told_as_transferred(stage: Stage, call: Connected) -> None:
    """By the record, and once by each webhook."""
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "call_transfer"
    assert record["transfer_destination"] == "+14155559999"
    await stage.events.event("call_ended", call_id=call.call_id)
    assert stage.events.events(call_id=call.call_id) == EVENTS


@pytest.mark.parametrize(("plan", "sip_status"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_refusal_comes_back_at_once_with_the_caller(
    stage: Stage, plan: ReferPlan, sip_status: int | None
) -> None:
    async with stage.connected(echo) as call:
        call.caller.refer_plan = plan
        await call.agent.transfer("+14155559999")
        result = await call.agent.transfer_result()  # REFER_TIMEOUT_S is three times as long as this waits
        assert (result["status"], result.get("sip_status")) == ("failed", sip_status)
        await call.hears_itself()
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"


@pytest.mark.parametrize(("plan", "sip_status", "why"), HUNG_UP.values(), ids=HUNG_UP.keys())
async def test_a_refer_that_failed_is_no_transfer_although_the_far_end_hangs_up(
    stage: Stage, plan: ReferPlan, sip_status: int, why: str
) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = plan
        await call.agent.transfer("+14155559999")
        assert (await call.agent.transfer_result())["sip_status"] == sip_status
        await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "user_hangup"
    summary = " ".join(record["faults"])
    assert f"A transfer to +14155559999 failed: {why} ({sip_status})." in summary
    await stage.idle()


async def test_no_channel_stays_once_the_refers_subscription_has_run_out(stage: Stage) -> None:
    async with stage.connected() as call:
        call.caller.refer_plan = ReferPlan(notifies=(TRYING,), hang_up_s=0.1, subscribed_s=8)
        await call.agent.transfer("+14155559999")
        await call.agent.gone()
        await stage.idle(timeout_s=30)


@pytest.mark.parametrize("plan", [ReferPlan(answer=None), ReferPlan(notifies=(TRYING,))], ids=["nothing", "100 only"])
async def test_a_far_end_that_never_tells_the_outcome_gives_the_caller_back_with_408(
    stage: Stage, plan: ReferPlan
) -> None:
    await stage.pbx.cli("dialplan set global REFER_TIMEOUT_S 2")
    try:
        async with stage.connected(echo) as call:
            call.caller.refer_plan = plan
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
        await call.agent.transfer("109")
        assert "the dialplan's context desks has no such extension" in (await call.agent.transfer_result())["message"]
        reply = await stage.controller.post(f"/v2/transfer-call/{call.call_id}", {"to": "109"})
        assert reply.json["status"] == "failed"
        await call.hears_itself()
