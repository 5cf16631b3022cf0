from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.inbound import InboundWebhookAnswer
from ari_agent.contract.phone_number import AgentWeight, PhoneNumber
from ari_agent.routing.inbound import (
    AgentChoice,
    Connect,
    Refuse,
    WebhookFailed,
    agent_tag,
    decide,
    draw,
    number_spellings,
    parse_arguments,
    refused_country,
    refused_destination,
    sticky_dice,
)

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


@pytest.mark.parametrize(
    ("argument", "sticky", "ignored"),
    [
        ("agent_draw=caller", True, []),
        ("agent_draw= caller ", True, []),
        ("agent_draw=random", False, []),
        ("agent_draw=moon", False, ["agent_draw=moon"]),
    ],
)
def test_the_dialplan_asks_for_a_caller_sticky_draw(argument: str, sticky: bool, ignored: list[str]) -> None:
    arguments = parse_arguments([argument, "plan=gold"])
    assert (arguments.sticky, arguments.ignored, arguments.variables) == (sticky, ignored, {"plan": "gold"})


def test_the_sticky_draw_falls_the_same_way_for_the_same_caller_and_number() -> None:
    assert sticky_dice("+14155550100", "+14155550199") == sticky_dice("+14155550100", "+14155550199")
    assert sticky_dice("+14155550100", "+14155550199") != sticky_dice("+14155550100", "+14155550198")
    # Kept for good: a new version of the software must not move callers to another agent.
    assert sticky_dice("+14155550100", "+14155550199") == 0.5783353548676562


def test_weights_hold_over_ten_thousand_callers_of_a_sticky_draw() -> None:
    agents = (AgentWeight(agent_id="a", weight=0.2), AgentWeight(agent_id="b", weight=0.8))
    drawn = Counter(draw(agents, sticky_dice(f"+1415{n:07d}", "+14155550199")) for n in range(10_000))
    assert abs(drawn[AgentChoice("a")] - 2000) < 160


def test_a_change_of_weights_moves_no_more_callers_of_a_sticky_draw_than_it_must() -> None:
    def agents(weight: float) -> tuple[AgentWeight, AgentWeight]:
        return AgentWeight(agent_id="a", weight=weight), AgentWeight(agent_id="b", weight=1 - weight)

    for n in range(1_000):
        dice = sticky_dice(f"+1415{n:07d}", "+14155550199")
        before, after = draw(agents(0.2), dice), draw(agents(0.3), dice)
        assert after in (before, AgentChoice("a"))


@given(st.text(), st.text())
def test_every_caller_gets_dice_in_range(caller: str, number: str) -> None:
    assert 0 <= sticky_dice(caller, number) < 1


US_ONLY, US_AND_DE = ("US",), ("US", "DE")


@pytest.mark.parametrize(
    ("caller", "dialled", "allowed", "let_in"),
    [
        ("+4930123456", "+14155550100", None, True),
        ("+4930123456", "+14155550100", (), True),
        ("anonymous", "+14155550100", None, True),
        ("+14155550123", "+14155550100", US_ONLY, True),
        ("14155550123", "+14155550100", US_ONLY, True),
        ("4155550123", "+14155550100", US_ONLY, True),
        ("+16135550123", "+14155550100", US_ONLY, False),
        ("+4930123456", "+14155550100", US_ONLY, False),
        ("004930123456", "+14155550100", US_AND_DE, True),
        ("4930123456", "+14155550100", US_AND_DE, True),
        ("030123456", "+493012345678", ("DE",), True),
        ("030123456", "+14155550100", ("DE",), False),
        ("anonymous", "+14155550100", US_ONLY, False),
        ("softphone", "100", US_ONLY, False),
        ("+14155550123", "100", US_ONLY, True),
    ],
)
def test_a_list_of_countries_lets_only_callers_from_there_in(
    caller: str, dialled: str, allowed: tuple[str, ...] | None, let_in: bool
) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": dialled, "allowed_inbound_country_list": allowed, "last_modification_timestamp": 1}
    )
    refusal = refused_country(caller, number)
    assert (refusal is None) == let_in
    assert refusal is None or (refusal.reason is None and "allowed" in refusal.why)


@pytest.mark.parametrize(
    ("to_number", "allowed", "reached"),
    [
        ("+4930123456", None, True),
        ("+4930123456", (), True),
        ("+14155550123", US_ONLY, True),
        ("4155550123", US_ONLY, True),
        ("+16135550123", US_ONLY, False),
        ("+4930123456", US_ONLY, False),
        ("+4930123456", US_AND_DE, True),
        ("004930123456", US_ONLY, False),
        ("0114930123456", US_ONLY, False),
        ("4930123456", US_ONLY, False),
        ("+49-30.123_456", US_ONLY, False),
        ("+88213000000", US_ONLY, False),
        ("+1999999999999", US_ONLY, False),
        ("1000", US_ONLY, True),
        ("911", US_ONLY, True),
        ("reception", US_ONLY, True),
        ("*43", US_ONLY, True),
    ],
)
def test_a_list_of_countries_lets_a_number_reach_only_those(
    to_number: str, allowed: tuple[str, ...] | None, reached: bool
) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_outbound_country_list": allowed, "last_modification_timestamp": 1}
    )
    why = refused_destination(to_number, number)
    assert (why is None) == reached
    assert why is None or ("allowed_outbound_country_list is US" in why and to_number in why)


@pytest.mark.parametrize(
    ("tags", "chosen", "tag"),
    [
        (None, None, None),
        (None, "latest", None),
        (("prod", "live"), "prod", "prod"),
        (("prod", "live"), 3, "live"),
        (("prod", "live"), None, "live"),
        (("prod", "live"), "latest_published", "live"),
    ],
)
def test_a_call_shows_the_tag_it_was_chosen_by_or_the_latest_of_its_version(
    tags: tuple[str, ...] | None, chosen: int | str | None, tag: str | None
) -> None:
    engine = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:1/agent"}
    agent = AgentCreate.model_validate({"response_engine": engine}).agent(agent_id="agent_a", now_ms=1)
    assert agent_tag(agent.model_copy(update={"assigned_tags": tags}), chosen) == tag


@given(st.text() | st.from_regex(r"\+?[0-9]{1,22}", fullmatch=True))
def test_no_caller_crashes_the_list_of_countries(caller: str) -> None:
    number = PhoneNumber.model_validate(
        {"phone_number": "+14155550100", "allowed_inbound_country_list": ["DE"], "last_modification_timestamp": 1}
    )
    refused_country(caller, number)
    refused_destination(caller, number.model_copy(update={"allowed_outbound_country_list": ("DE",)}))
