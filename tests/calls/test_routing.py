from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.routing import (
    AgentChoice,
    Connect,
    Refuse,
    WebhookFailed,
    decide,
    draw,
    number_spellings,
    parse_arguments,
)
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.phone_number import AgentWeight

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


def test_stasis_arguments_name_agent_and_variables() -> None:
    arguments = parse_arguments(["agent_id=agent_x", " customer = Bob = Ltd ", "agent_version=2", "noise", ""])
    assert arguments.agent == AgentChoice("agent_x", 2)
    assert arguments.variables == {"customer": " Bob = Ltd "}
    assert arguments.ignored == ["noise"]


@given(st.lists(st.text()))
def test_no_stasis_argument_crashes(arguments: list[str]) -> None:
    parse_arguments(arguments)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), st.text(), max_size=8))
def test_variables_read_back_from_stasis_arguments(variables: dict[str, str]) -> None:
    variables.pop("agent_id", None)
    variables.pop("agent_version", None)
    assert parse_arguments([f"{name}={value}" for name, value in variables.items()]).variables == variables


@pytest.mark.parametrize(
    ("dialled", "spellings"),
    [
        ("+15551234567", ("+15551234567", "15551234567")),
        ("15551234567", ("15551234567", "+15551234567")),
        ("0049301234", ("0049301234", "+49301234")),
        ("100", ("100", "+100")),
        ("reception", ("reception",)),
    ],
)
def test_a_number_is_found_in_each_spelling(dialled: str, spellings: tuple[str, ...]) -> None:
    found = number_spellings(dialled)
    assert found[0] == dialled
    assert set(spellings) <= set(found)


def test_a_direction_without_agents_is_disabled() -> None:
    assert draw((), 0.5) is None


def test_weights_hold_over_ten_thousand_draws() -> None:
    agents = (AgentWeight(agent_id="a", weight=0.2), AgentWeight(agent_id="b", agent_version=1, weight=0.8))
    dice = random.Random(7)
    drawn = Counter(draw(agents, dice.random()) for _ in range(10_000))
    # Four standard deviations of a binomial with n = 10000, p = 0.2 are 160.
    assert abs(drawn[AgentChoice("a")] - 2000) < 160
    assert drawn[AgentChoice("a")] + drawn[AgentChoice("b", 1)] == 10_000


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_every_throw_draws_an_agent(dice: float) -> None:
    thirds = tuple(
        AgentWeight(agent_id=name, weight=weight) for name, weight in (("a", 1 / 3), ("b", 1 / 3), ("c", 1 / 3))
    )
    assert draw(thirds, dice) is not None
