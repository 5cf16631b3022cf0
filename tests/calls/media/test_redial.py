from __future__ import annotations

import pytest

from ari_agent.calls.media.owed_marks import OwedMarks
from ari_agent.calls.media.redial import STEADY_S, AgentState, Redial, Return

LIMIT_S = 3.0


def connected(limit_s: float = LIMIT_S, *, dice: float = 0.5) -> Redial:
    redial = Redial(limit_s, dice=lambda: dice)
    assert redial.state is AgentState.DIALLED
    assert redial.opened(100.0) is None
    return redial


def attempts(redial: Redial, now_s: float) -> list[float]:
    """When the agent is dialled that is never reached, from now on."""
    found = list[float]()
    while (pause_s := redial.next_attempt(now_s)) is not None:
        now_s += pause_s
        found.append(now_s)
    return found


def test_a_lost_agent_is_dialled_at_once_and_then_ever_less_often_until_the_time_is_over() -> None:
    redial = connected()
    assert redial.lost(200.0)
    assert (redial.state, redial.left_s(200.5)) == (AgentState.LOST, 2.5)
    assert attempts(redial, 200.0) == [200.0, 200.25, 200.75, 201.75, 202.75]
    assert redial.left_s(204.0) == 0.0


@pytest.mark.parametrize(("dice", "second_s"), [(0.0, 200.125), (1.0, 200.375)])
def test_calls_that_lose_one_server_together_do_not_come_back_to_it_together(dice: float, second_s: float) -> None:
    redial = connected(dice=dice)
    assert redial.lost(200.0)
    assert attempts(redial, 200.0)[:2] == [200.0, second_s]


def test_an_agent_that_is_reached_tells_how_long_it_was_away() -> None:
    redial = connected()
    assert redial.lost(200.0)
    redial.next_attempt(200.0)
    redial.next_attempt(200.1)
    assert redial.is_lost
    assert redial.opened(200.5) == Return(0.5, 2)
    assert redial.state is AgentState.CONNECTED


def test_without_a_limit_nobody_is_dialled_again() -> None:
    assert not connected(0.0).lost(200.0)


@pytest.mark.parametrize("lasts_s", [0.0, STEADY_S])
def test_only_a_connection_that_has_lasted_gets_all_the_time_again(lasts_s: float) -> None:
    redial = connected()
    assert redial.lost(200.0)
    redial.next_attempt(200.0)
    redial.opened(202.0)
    lost_s = 202.0 + lasts_s
    assert redial.lost(lost_s)
    assert redial.left_s(lost_s) == (LIMIT_S if lasts_s else 1.0)
    assert redial.next_attempt(lost_s) == (0.0 if lasts_s else 0.25)


def test_an_agent_that_takes_calls_and_drops_them_does_not_go_on_for_ever() -> None:
    redial, now_s, dialled = connected(), 200.0, 0
    while redial.lost(now_s) and (pause_s := redial.next_attempt(now_s)) is not None:
        now_s += pause_s
        redial.opened(now_s)
        dialled += 1
    assert (dialled, now_s) == (5, 202.75)
    assert not redial.lost(203.0)


def test_marks_of_a_lost_connection_are_not_reported_and_later_ones_are() -> None:
    marks = OwedMarks()
    for _ in range(3):
        marks.set()
    assert marks.due(["a"]) == ["a"]
    marks.forget()
    marks.set()
    assert marks.due(["b"]) == []
    assert marks.due(["c", "d"]) == ["d"]
    assert marks.due(["one that nobody has set"]) == ["one that nobody has set"]
