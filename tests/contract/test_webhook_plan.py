from __future__ import annotations

import pytest

from ari_agent.contract.agent import Agent
from ari_agent.contract.webhook_plan import WebhookPlan
from tests.contract.samples import AUDIO


@pytest.mark.parametrize(
    ("chosen", "events"),
    [
        (None, ("call_started", "call_ended", "call_analyzed")),
        ([], ()),
        (["transfer_started"], ("transfer_started",)),
    ],
)
def test_a_call_keeps_what_its_agent_says_of_webhooks(chosen: list[str] | None, events: tuple[str, ...]) -> None:
    agent = Agent.model_validate(
        {
            "agent_id": "agent_1",
            "response_engine": AUDIO,
            "webhook_url": "https://example.com/{{customer}}",
            "webhook_timeout_ms": 5000,
            "webhook_events": chosen,
            "timezone": "Europe/Berlin",
            "last_modification_timestamp": 1,
        }
    )
    plan = WebhookPlan.of(agent)
    assert plan == WebhookPlan(
        url="https://example.com/{{customer}}", events=events, timeout_ms=5000, timezone="Europe/Berlin"
    )
    assert WebhookPlan.model_validate(plan.as_record()) == plan
