from __future__ import annotations

from typing import Any

import pytest

from ari_agent.contract.agent import AgentUpdate
from ari_agent.contract.agent_override import AgentOverride
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.errors import AgentNotUsable, OverrideUnfit, UnknownAgent, UnservedAgent
from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.inbound_decision import Connect, Refuse, WebhookFailed, decide, next_best

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


UNFIT = AgentOverride(agent=AgentUpdate(voice_speed=1.5))
OTHER_ENGINE = AgentOverride.model_validate(
    {"agent": {"response_engine": {"type": "custom-llm", "llm_websocket_url": "wss://agent.example.com/llm"}}}
)
UNSERVED = UnservedAgent("agent_b", "retell-llm", "takes no calls")


@pytest.mark.parametrize(
    ("answer", "error", "fields", "left"),
    [
        ({"override_agent_id": "agent_b"}, UnknownAgent("agent_b", None), "override_agent_id", {}),
        (
            {"override_agent_id": "agent_b", "override_agent_version": 7, "agent_override": UNFIT},
            UnknownAgent("agent_b", 7),
            "override_agent_id, override_agent_version",
            {"agent_override": UNFIT},
        ),
        ({"override_agent_version": 7}, UnknownAgent("agent_own", 7), "override_agent_version", {}),
        ({"override_agent_id": "agent_b"}, UNSERVED, "override_agent_id", {}),
        (
            {"override_agent_id": "agent_b", "agent_override": UNFIT},
            OverrideUnfit("agent_b", "too fast"),
            "agent_override",
            {"override_agent_id": "agent_b"},
        ),
        (
            {"override_agent_id": "agent_b", "agent_override": OTHER_ENGINE},
            UNSERVED,
            "agent_override",
            {"override_agent_id": "agent_b"},
        ),
    ],
)
def test_what_the_webhook_named_in_vain_is_left_out(
    answer: dict[str, Any], error: UnknownAgent | AgentNotUsable, fields: str, left: dict[str, Any]
) -> None:
    given = {"dynamic_variables": {"name": "Ann"}}
    decision = decide(OWN, InboundWebhookAnswer(**given, **answer))
    assert isinstance(decision, Connect)
    better = next_best(decision, error)
    assert better is not None
    assert better[0] == decide(OWN, InboundWebhookAnswer(**given, **left))
    assert better[1].startswith(f"left out of the inbound webhook's answer: {fields}: {error}; agent ")


def test_a_number_in_quotes_is_explained() -> None:
    decision = decide(OWN, InboundWebhookAnswer(override_agent_version="0"))
    assert isinstance(decision, Connect)
    better = next_best(decision, UnknownAgent("agent_own", "0"))
    assert better is not None
    assert "agent_own version 0 not found (a number in quotes is the name of a tag); agent agent_own" in better[1]


@pytest.mark.parametrize(
    ("own", "answer"),
    [(OWN, None), (OWN, InboundWebhookAnswer()), (None, InboundWebhookAnswer(override_agent_id="agent_b"))],
    ids=["no webhook", "nothing named", "no agent of its own"],
)
@pytest.mark.parametrize("error", [UnknownAgent("agent_b", None), UNSERVED])
def test_nothing_is_left_out_where_nobody_else_could_take_the_call(
    own: AgentChoice | None, answer: InboundWebhookAnswer | None, error: UnknownAgent | AgentNotUsable
) -> None:
    decision = decide(own, answer)
    assert isinstance(decision, Connect)
    assert next_best(decision, error) is None
