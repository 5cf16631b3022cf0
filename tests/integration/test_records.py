"""The record of a call, and the three webhooks that tell of it."""

from __future__ import annotations

import asyncio
import json

from tests.fakes.webhook_server import Answer, Delivery
from tests.integration.stage import Stage

LIFECYCLE = ["call_started", "call_ended", "call_analyzed"]


async def test_each_lifecycle_webhook_comes_once_in_order_and_signed(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Caller", "Zoë")]) as call:
        started = await stage.events.event("call_started", call_id=call.call_id)
        ongoing = await stage.controller.call(call.call_id)
    await stage.events.event("call_analyzed", call_id=call.call_id)
    await asyncio.sleep(1.0)
    deliveries = stage.events.about(call_id=call.call_id)
    assert [delivery.event for delivery in deliveries] == LIFECYCLE
    assert all(delivery.signed for delivery in deliveries)
    assert started.call["call_status"] == ongoing["call_status"] == "ongoing"
    assert "disconnection_reason" not in started.call
    ended = deliveries[1].call
    assert ended["disconnection_reason"] == "user_hangup"
    assert ended["custom_sip_headers"]["x-caller"] == "Zoë"
    record = await stage.controller.call(call.call_id)
    for field in ("call_id", "call_type", "agent_id", "agent_version", "from_number", "to_number", "direction"):
        assert ended[field] == record[field]
    assert record["call_type"] == "phone_call"


async def test_a_webhook_is_compact_utf8_json(stage: Stage) -> None:
    async with stage.connected(headers=[("X-Caller", "Zoë ☎")]) as call:
        pass
    delivery = await stage.events.event("call_ended", call_id=call.call_id)
    assert delivery.body == json.dumps(delivery.json, separators=(",", ":"), ensure_ascii=False).encode()
    assert delivery.headers["Content-Type"].startswith("application/json")


async def test_the_agents_webhook_url_replaces_the_accounts(stage: Stage) -> None:
    own = stage.webhooks.hook()
    async with stage.connected(agent={"webhook_url": own.url}) as call:
        pass
    await own.event("call_analyzed", call_id=call.call_id)
    assert own.events(call_id=call.call_id) == LIFECYCLE
    assert stage.events.about(call_id=call.call_id) == []


async def test_only_the_events_asked_for_are_sent(stage: Stage) -> None:
    own = stage.webhooks.hook()
    async with stage.connected(agent={"webhook_url": own.url, "webhook_events": ["call_ended"]}) as call:
        pass
    await own.event("call_ended", call_id=call.call_id)
    await asyncio.sleep(1.0)
    assert own.events(call_id=call.call_id) == ["call_ended"]


async def test_a_failed_webhook_is_retried_and_does_not_hold_back_the_next(stage: Stage) -> None:
    def decide(delivery: Delivery) -> Answer:
        started = [found for found in own.deliveries if found.event == "call_started"]
        return Answer(500) if delivery.event == "call_started" and len(started) < 2 else Answer()

    own = stage.webhooks.hook(decide)
    async with stage.connected(agent={"webhook_url": own.url}) as call:
        pass
    await own.event("call_analyzed", call_id=call.call_id)
    for _ in range(100):
        if own.events(call_id=call.call_id).count("call_started") == 2:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    names = own.events(call_id=call.call_id)
    assert sorted(names) == ["call_analyzed", "call_ended", "call_started", "call_started"]
    first, second = (found for found in own.about(call_id=call.call_id) if found.event == "call_started")
    assert first.body == second.body
    assert second.signed


async def test_a_listed_call_can_be_found_by_its_numbers_and_reason(stage: Stage) -> None:
    async with stage.connected() as call:
        pass
    await stage.controller.ended_call(call.call_id)
    criteria = {"to_number": [call.number], "disconnection_reason": ["user_hangup"]}
    found = await stage.controller.post("/v2/list-calls", {"filter_criteria": criteria}, expect=200)
    assert [item["call_id"] for item in found.json] == [call.call_id]


async def test_a_wrong_key_sees_nothing(stage: Stage) -> None:
    reply = await stage.controller.request("GET", "/v2/get-call/x", headers={"Authorization": "Bearer wrong"})
    assert reply.status == 401
    assert reply.json["status"] == "error"


async def test_metrics_count_the_calls(stage: Stage) -> None:
    text = (await stage.controller.get("/metrics")).text
    assert "ari_agent" in text
