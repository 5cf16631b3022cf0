from __future__ import annotations

from ari_agent.nodes.lease import Lease


class Clock:
    """Tells what it was set to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def lease() -> tuple[Clock, Lease]:
    clock = Clock()
    return clock, Lease(clock, stood_still_s=8)


def test_a_process_that_runs_holds_it_however_long_the_database_is_away() -> None:
    clock, held = lease()
    for _ in range(100):
        clock.now_s += 8
        assert held.holds
        held.ran()


def test_a_process_that_stood_still_holds_it_again_when_the_database_says_so() -> None:
    clock, held = lease()
    clock.now_s += 8.1
    assert not held.holds, "before anything else of the process has run"
    held.ran()
    held.ran()
    assert not held.holds
    held.confirm(held.now_s())
    assert held.holds


def test_an_answer_that_lay_there_meanwhile_says_nothing() -> None:
    clock, held = lease()
    asked_s = held.now_s()
    clock.now_s += 30
    held.ran()
    held.confirm(asked_s)
    assert not held.holds


def test_it_is_gone_as_soon_as_another_node_has_begun_to_take_over() -> None:
    _, held = lease()
    held.doubt()
    held.ran()
    assert not held.holds
