"""How the public log tells who answers a call, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.public_log.routing_log import RoutingLog
from ari_agent.contract.inbound import CallInbound, InboundWebhookAnswer, InboundWebhookRequest
from ari_agent.contract.inbound_answer import ReadAnswer
from ari_agent.contract.phone_number import AgentWeight, PhoneNumber
from ari_agent.routing.agent_choice import AgentChoice
from ari_agent.routing.inbound_decision import Connect
from ari_agent.routing.stasis_arguments import StasisArguments, parse_arguments

WEIGHTS = (AgentWeight(agent_id="agent_1", weight=0.75), AgentWeight(agent_id="agent_2", agent_version=2, weight=0.25))
NUMBER = PhoneNumber.model_construct(last_modification_timestamp=1, phone_number="+14155550100", inbound_agents=WEIGHTS)
WITHOUT_AGENTS = PhoneNumber.model_construct(
    last_modification_timestamp=1, phone_number="+14155550100", inbound_agents=None
)
OWN, OTHER = AgentChoice("agent_1"), AgentChoice("agent_2", 2)
NO_ARGUMENTS = parse_arguments(())


def told(tell: Callable[[RoutingLog], None]) -> dict[str, Any]:
    octets: list[bytes] = []
    log = PublicLog(lambda: octets.append, lambda: 0.0)
    log.open(keeps_content=True)
    tell(RoutingLog(log))
    (line,) = map(json.loads, octets)
    assert line.pop("ms") == 0
    return dict(line)


def test_the_number() -> None:
    assert told(lambda log: log.number(["s", "+14155550100"], NUMBER)) == {
        "event": "number",
        "candidates": ["s", "+14155550100"],
        "number": "+14155550100",
    }
    assert told(lambda log: log.number(["101"], None)) == {"event": "number", "candidates": ["101"]}


def test_the_draw() -> None:
    assert told(lambda log: log.draw(NUMBER, 0.80000004, OTHER, is_sticky=False)) == {
        "event": "draw",
        "agent_id": "agent_2",
        "agent_version": 2,
        "by": "chance",
        "weights": [weight.as_json() for weight in WEIGHTS],
        "dice": 0.8,
    }
    line = told(lambda log: log.draw(WITHOUT_AGENTS, 0.5, None, is_sticky=True))
    assert line == {"event": "draw", "by": "caller", "weights": [], "dice": 0.5}


def test_the_inbound_webhook() -> None:
    question = InboundWebhookRequest(event_timestamp=1, call_inbound=CallInbound(from_number="+1", to_number="+2"))
    asked = told(lambda log: log.asked("https://user:pw@host/hook?key=1", question))
    assert asked == {"event": "inbound_webhook_asked", "url": "https://host/hook", "content": question.as_json()}
    assert told(lambda log: log.attempt(2, "answered 500")) == {
        "event": "inbound_webhook_failed",
        "attempt": 2,
        "content": "answered 500",
    }
    answer = InboundWebhookAnswer(override_agent_id="agent_2", dynamic_variables={"name": "Bob"})
    assert told(lambda log: log.attempt(1, ReadAnswer(answer, ("reject: no boolean",)))) == {
        "event": "inbound_webhook_answered",
        "attempt": 1,
        "ignored": 1,
        "content": {
            "answer": {"override_agent_id": "agent_2", "dynamic_variables": {"name": "Bob"}},
            "ignored": ["reject: no boolean"],
        },
    }
    assert "ignored" not in told(lambda log: log.attempt(1, ReadAnswer(answer)))
    assert told(lambda log: log.ignored("agent_override: no"))["content"] == "agent_override: no"


@pytest.mark.parametrize(
    ("agent", "stasis", "rule"),
    [
        (OWN, NO_ARGUMENTS, "inbound_agents of the number"),
        (OWN, parse_arguments(("agent_id=agent_1",)), "agent_id of Stasis()"),
        (OTHER, NO_ARGUMENTS, "the inbound webhook's override_agent_id or override_agent_version"),
    ],
)
def test_the_rule(agent: AgentChoice, stasis: StasisArguments, rule: str) -> None:
    line = told(lambda log: log.connected(Connect(agent), OWN, stasis))
    assert (line["event"], line["decision"], line["rule"]) == ("routed", "connect", rule)
    assert (line["agent_id"], line.get("agent_version")) == (agent.agent_id, agent.version)


def test_a_registered_call() -> None:
    assert told(lambda log: log.registered("agent_1", 3)) == {
        "event": "routed",
        "decision": "connect",
        "rule": "the registered call that was dialled by its id",
        "agent_id": "agent_1",
        "agent_version": 3,
    }
