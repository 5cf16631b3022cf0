"""What an agent tells of the conversation: in the record, in its webhooks, and nowhere that it must not be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.webhook_server import Answer, Delivery
from tests.integration.stage import Connected, Stage

HELLO = {"role": "agent", "content": "How can I help?"}
ORDER = {
    "role": "user",
    "content": "My order",
    "words": [{"word": "My", "start": 1.5, "end": 1.75}, {"word": "order", "start": 1.75, "end": 2}],
}
BYE = {"role": "agent", "content": "Goodbye."}
WANTED = {"webhook_events": ["call_started", "transcript_updated", "call_ended", "call_analyzed"]}


async def tell(call: Connected, *utterances: dict[str, Any], **more: str) -> None:
    """As its protocol does."""
    if call.agent.protocol == "web":
        await call.agent.send({"event_type": "update", "transcript": list(utterances), **more})
    else:
        await call.agent.send({"event": "update", "update": {"transcript": list(utterances), **more}})


def contents(items: list[dict[str, Any]]) -> list[str]:
    """What stands in each entry."""
    return [item["digit"] if item["role"] == "dtmf" else item["content"] for item in items]


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_what_was_said_is_in_the_record_and_its_webhooks(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await tell(call, HELLO, turntaking="user_turn")
        call.caller.audio.press("7")
        await call.agent.event("dtmf")
        await tell(call, HELLO, ORDER)
        await tell(call, HELLO, ORDER, BYE)
        await call.agent.hang_up()
        await call.agent.gone()
    record = await stage.controller.ended_call(call.call_id)
    assert record["transcript"] == "Agent: How can I help?\nUser: My order\nAgent: Goodbye.\n"
    assert contents(record["transcript_object"]) == ["How can I help?", "My order", "Goodbye."]
    assert record["transcript_object"][1]["words"] == ORDER["words"]
    assert contents(record["transcript_with_tool_calls"]) == ["How can I help?", "7", "My order", "Goodbye."]
    await stage.events.event("call_analyzed", call_id=call.call_id)
    started, ended, analyzed = stage.events.about(call_id=call.call_id)
    assert "transcript" not in started.call
    for delivery in (ended, analyzed):
        for key in ("transcript", "transcript_object", "transcript_with_tool_calls"):
            assert delivery.call[key] == record[key]
    criteria = {"call_id": {"type": "string", "op": "eq", "value": call.call_id}}
    listed = await stage.controller.post("/v3/list-calls", {"filter_criteria": criteria}, expect=200)
    assert [item["call_id"] for item in listed.json["items"]] == [call.call_id]
    assert not any("transcript" in key for key in listed.json["items"][0])


async def test_each_turn_is_told_and_the_last_time_everything(stage: Stage) -> None:
    async with stage.connected(agent=WANTED) as call:
        await tell(call, HELLO)
        first = await stage.events.event("transcript_updated", call_id=call.call_id)
        for end in range(1, len(ORDER["content"])):  # a burst: one turn that grows
            await tell(call, HELLO, {"role": "user", "content": ORDER["content"][:end]})
        await tell(call, HELLO, ORDER, BYE)
        await asyncio.sleep(1.5)
        during = [delivery.event for delivery in stage.events.about(call_id=call.call_id)]
        await tell(call, HELLO, ORDER, BYE, HELLO)
    await stage.events.event("call_analyzed", call_id=call.call_id)
    deliveries = stage.events.about(call_id=call.call_id)
    assert during == ["call_started", "transcript_updated", "transcript_updated"]
    assert [delivery.event for delivery in deliveries] == [*during, "transcript_updated", "call_ended", "call_analyzed"]
    assert all(delivery.signed for delivery in deliveries)
    told = [delivery for delivery in deliveries if delivery.event == "transcript_updated"]
    assert [contents(delivery.json["transcript_with_tool_calls"]) for delivery in told] == [
        ["How can I help?"],
        ["How can I help?", "My order", "Goodbye."],
        ["How can I help?", "My order", "Goodbye.", "How can I help?"],
    ]
    for delivery in told:
        assert delivery.call["transcript_with_tool_calls"] == delivery.json["transcript_with_tool_calls"]
    assert first.call["call_status"] == "ongoing"
    assert told[-1].call["disconnection_reason"] == "user_hangup"


async def test_a_receiver_that_was_away_gets_the_newest_alone(stage: Stage) -> None:
    def decide(delivery: Delivery) -> Answer:
        return Answer(503) if delivery.event == "transcript_updated" and not mended.is_set() else Answer()

    mended = asyncio.Event()
    own = stage.webhooks.hook(decide)
    async with stage.connected(agent={**WANTED, "webhook_url": own.url}) as call:
        for said in ((HELLO,), (HELLO, ORDER), (HELLO, ORDER, BYE)):
            await tell(call, *said)
            await asyncio.sleep(1.3)
        mended.set()
    await own.event("call_analyzed", call_id=call.call_id)
    told = [delivery for delivery in own.about(call_id=call.call_id) if delivery.event == "transcript_updated"]
    sizes = [len(delivery.json["transcript_with_tool_calls"]) for delivery in told]
    assert sizes == sorted(sizes)
    assert "disconnection_reason" in told[-1].call


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_a_malformed_transcript_is_refused_and_the_call_goes_on(stage: Stage, protocol: str) -> None:
    async with stage.connected(protocol=protocol) as call:
        await tell(call, HELLO)
        await tell(call, HELLO, {"role": "robot", "content": "beep"})
        refusal = (await call.agent.event("error"))["error"]
        assert refusal["event"] == "update"
        assert "transcript[1].role" in refusal["message"]
        await call.agent.send({"event": "update", "update": "Hello."})
        await call.agent.event("error", index=1)
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"
    record = await stage.controller.ended_call(call.call_id)
    assert (record["transcript"], record["disconnection_reason"]) == ("Agent: How can I help?\n", "user_hangup")


async def test_of_basic_attributes_nothing_that_was_said_is_kept(stage: Stage) -> None:
    settings = {**WANTED, "data_storage_setting": "basic_attributes_only"}
    async with stage.connected(agent=settings) as call:
        await tell(call, HELLO, ORDER)
        call.caller.audio.press("7")
        await call.agent.event("dtmf")
        await asyncio.sleep(1.5)
    await stage.events.event("call_analyzed", call_id=call.call_id)
    assert stage.events.events(call_id=call.call_id) == ["call_started", "call_ended", "call_analyzed"]
    record = await stage.controller.ended_call(call.call_id)
    for seen in (record, *(delivery.call for delivery in stage.events.about(call_id=call.call_id))):
        assert not any("transcript" in key for key in seen)


async def test_keys_that_are_not_for_the_agent_are_not_kept(stage: Stage) -> None:
    async with stage.connected(agent={"allow_user_dtmf": False}) as call:
        call.caller.audio.press("7")
        await call.caller.audio.said()
        await tell(call, HELLO)
        await asyncio.sleep(0.5)
    record = await stage.controller.ended_call(call.call_id)
    assert contents(record["transcript_with_tool_calls"]) == ["How can I help?"]
