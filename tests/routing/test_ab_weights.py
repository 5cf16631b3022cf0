from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.phone_number import AgentWeight
from ari_agent.routing.ab_weights import draw, sticky_dice
from ari_agent.routing.agent_choice import AgentChoice


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


def test_dice_that_rounding_has_made_one_draw_the_last_agent() -> None:
    agents = (AgentWeight(agent_id="a", weight=0.2), AgentWeight(agent_id="b", agent_version=1, weight=0.8))
    assert draw(agents, 1.0) == AgentChoice("b", 1)
