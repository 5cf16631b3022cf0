"""The webhooks about a transfer, for an agent that asks for them: in order, with what a receiver needs to know."""

from __future__ import annotations

from tests.fakes.sip_caller import ReferPlan
from tests.fakes.webhook_server import Delivery
from tests.integration.stage import Stage

EVENTS = [
    "call_started",
    "transfer_started",
    "transfer_bridged",
    "transfer_cancelled",
    "transfer_ended",
    "call_ended",
]
WANTED = {"webhook_events": EVENTS}


async def _until(stage: Stage, call_id: str, last: str) -> list[Delivery]:
    await stage.events.event(last, call_id=call_id)
    found = stage.events.about(call_id=call_id)
    assert all(delivery.signed for delivery in found)
    return found


def _facts(delivery: Delivery) -> dict[str, object]:
    return {key: value for key, value in delivery.json.items() if key not in ("event", "call", "data")}


async def test_a_failed_and_a_successful_transfer(stage: Stage) -> None:
    async with stage.connected(agent=WANTED) as call:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        await call.agent.transfer("+14155551001")
        assert (await call.agent.transfer_result())["sip_status"] == 486
        call.caller.refer_plan = ReferPlan()
        await call.agent.transfer("+14155558888")
        await call.caller.bye()
    events = await _until(stage, call.call_id, "call_ended")
    assert [delivery.event for delivery in events] == [
        "call_started",
        "transfer_started",
        "transfer_cancelled",
        "transfer_started",
        "transfer_bridged",
        "transfer_ended",
        "call_ended",
    ]
    option = {"type": "cold_transfer", "coldTransferMode": "sip_refer"}
    first = {"transfer_destination": {"number": "+14155551001"}, "transfer_option": option}
    second = {"transfer_destination": {"number": "+14155558888"}, "transfer_option": option}
    assert [_facts(delivery) for delivery in events] == [{}, first, first, second, second, {}, {}]
    assert [delivery.call["call_status"] for delivery in events] == ["ongoing"] * 6 + ["ended"]
    assert events[-1].call["transfer_destination"] == "+14155558888"


async def test_a_caller_who_hangs_up_meanwhile_cancels_the_transfer(stage: Stage) -> None:
    async with stage.connected(agent=WANTED) as call:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 100), (0.2, 487)), bye_beside_notify="after")
        await call.agent.transfer("+14155559999")
        await call.agent.gone()
    events = await _until(stage, call.call_id, "call_ended")
    assert [delivery.event for delivery in events] == [
        "call_started",
        "transfer_started",
        "transfer_cancelled",
        "call_ended",
    ]


async def test_a_transfer_that_never_left_is_not_told(stage: Stage) -> None:
    async with stage.connected(agent=WANTED) as call:
        await call.agent.transfer("+19005550123", mode="warm")
        assert (await call.agent.transfer_result())["status"] == "failed"
    events = await _until(stage, call.call_id, "call_ended")
    assert [delivery.event for delivery in events] == ["call_started", "call_ended"]
