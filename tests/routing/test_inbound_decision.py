from __future__ import annotations

import pytest

from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.inbound_decision import Connect, Refuse, WebhookFailed, decide

OWN = AgentChoice("agent_own", 3)
FAILED = WebhookFailed("timed out")


@pytest.mark.parametrize(
    ("own", "answer", "agent"),
    [
        (OWN, None, OWN),
        (OWN, FAILED, OWN),
        (OWN, InboundWebhookAnswer(), OWN),
        (OWN, InboundWebhookAnswer(override_agent_id="agent_b"), AgentChoice("agent_b")),
        (None, InboundWebhookAnswer(override_agent_id="agent_b", override_agent_version=2), AgentChoice("agent_b", 2)),
        (OWN, InboundWebhookAnswer(override_agent_version="prod"), AgentChoice("agent_own", "prod")),
    ],
)
def test_who_takes_the_call(
    own: AgentChoice | None, answer: InboundWebhookAnswer | WebhookFailed | None, agent: AgentChoice
) -> None:
    decision = decide(own, answer)
    assert isinstance(decision, Connect)
    assert decision.agent == agent


@pytest.mark.parametrize(
    ("own", "answer", "reason"),
    [
        (None, None, None),
        (None, FAILED, DisconnectionReason.ERROR_INBOUND_WEBHOOK),
        (None, InboundWebhookAnswer(), None),
        (OWN, InboundWebhookAnswer(reject=True), None),
        (OWN, InboundWebhookAnswer(reject=True, override_agent_id="agent_b"), None),
    ],
)
def test_who_is_turned_away(
    own: AgentChoice | None, answer: InboundWebhookAnswer | WebhookFailed | None, reason: DisconnectionReason | None
) -> None:
    decision = decide(own, answer)
    assert isinstance(decision, Refuse)
    assert decision.reason is reason
    assert decision.why


def test_the_webhook_gives_variables_and_metadata() -> None:
    decision = decide(OWN, InboundWebhookAnswer(dynamic_variables={"name": "Ann"}, metadata={"id": 7}))
    assert isinstance(decision, Connect)
    assert decision.webhook_variables == {"name": "Ann"}
    assert decision.metadata == {"id": 7}
