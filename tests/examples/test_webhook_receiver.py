"""examples/webhook_receiver.py against the product's own webhooks."""

from __future__ import annotations

import json

import aiohttp
import pytest

from ari_agent.clock import now_ms
from ari_agent.contract.inbound import InboundWebhookRequest
from ari_agent.webhooks.inbound import InboundWebhook
from ari_agent.webhooks.signed_post import PostFailed, SignedPost
from tests.examples.running import example

API_KEY = "key_of_the_example"


async def test_it_gives_a_call_that_rings_a_variable() -> None:
    asked = {"event_timestamp": now_ms(), "call_inbound": {"from_number": "+12025550100", "to_number": "+12025550199"}}
    async with (
        example("webhook_receiver.py", ARI_AGENT_API_KEY=API_KEY) as (port, _),
        aiohttp.ClientSession() as session,
    ):
        request = InboundWebhookRequest.model_validate(asked)
        answer = await InboundWebhook(session, API_KEY).ask(f"http://127.0.0.1:{port}/inbound", request)
    assert answer.dynamic_variables == {"customer": "caller +12025550100"}


async def test_it_prints_events_and_refuses_what_is_not_signed() -> None:
    body = json.dumps({"event": "call_ended", "call": {"call_id": "call_1"}}).encode()
    async with (
        example("webhook_receiver.py", ARI_AGENT_API_KEY=API_KEY) as (port, printed),
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{port}/events"
        with pytest.raises(PostFailed, match="401"):
            await SignedPost(session, "another key", now_ms).notify(url, body, delivery_id="d1", timeout_s=10)
        await SignedPost(session, API_KEY, now_ms).notify(url, body, delivery_id="d1", timeout_s=10)
        assert (await printed.readline()).decode() == 'call_ended {"call_id": "call_1"}\n'
