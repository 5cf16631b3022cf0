"""How long a caller waited, by where the voice ended in what was heard."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from math import inf

import pytest

from ari_agent.calls.media.turn_clock import Heard, Turn, TurnClock
from ari_agent.calls.media.turn_voice import DOUBT_S, waited_by_voice_s
from ari_agent.media.sound import Sound


def sound(ended_s: float) -> Sound:
    """Up to then; its end is what tells it from others here."""
    return Sound((), ended_s, is_linear=False, rate_hz=8000)


def waited(turn: Turn, voices: Mapping[float, float | None]) -> float | None:
    """voices: when a sound ended -> when the last voice in it did."""

    def since(of: Sound) -> float | None:
        ended_s = voices[of.ended_s]
        return None if ended_s is None else of.ended_s - ended_s

    return waited_by_voice_s(turn, since)


def turn(*heard: Heard, began_s: float = 10.0, since_s: float = 0.0, spoke_until_s: float = 0.0) -> Turn:
    return Turn(began_s, spoke_until_s, since_s, heard)


@pytest.mark.parametrize(
    ("voice_ended_s", "waited_s"),
    [(9.05, 1.0), (9.0, 1.0), (9.0 - DOUBT_S + 0.01, 1.0), (8.2, 1.8), (None, None), (4.9, None)],
    ids=[
        "the voice ends with the sound",
        "and the level knows its end to a frame",
        "a model may be so far off",
        "noise follows",
        "it was all noise",
        "the voice was answered before",
    ],
)
def test_it_is_measured_from_the_end_of_the_voice(voice_ended_s: float | None, waited_s: float | None) -> None:
    found = waited(turn(Heard(9.0, sound(9.06)), since_s=5.0), {9.06: voice_ended_s})
    assert found == (None if waited_s is None else pytest.approx(waited_s))


def test_what_was_said_before_the_noise_is_answered_too() -> None:
    heard = Heard(9.0, sound(9.0)), Heard(6.0, sound(6.0)), Heard(3.0, sound(3.0))
    assert waited(turn(*heard), {9.0: None, 6.0: 5.0, 3.0: 3.0}) == pytest.approx(5.0)
    assert waited(turn(*heard), {9.0: None, 6.0: None, 3.0: None}) is None
    assert waited(turn(Heard(9.0, None), Heard(6.0, sound(6.0))), {6.0: 6.0}) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("voice_ended_s", "waited_s"),
    [(9.2, 0.8), (9.8, None), (None, None)],
    ids=["noise goes on behind the voice", "the agent interrupts", "it was noise all along"],
)
def test_an_agent_may_answer_while_noise_goes_on(voice_ended_s: float | None, waited_s: float | None) -> None:
    asked = turn(Heard(inf, sound(10.0)))
    assert asked.waited_s is None, "the level takes it for an interruption"
    found = waited(asked, {10.0: voice_ended_s})
    assert found == (None if waited_s is None else pytest.approx(waited_s))


def test_an_agent_that_speaks_on_after_the_voice_does_not_answer_it() -> None:
    assert waited(turn(Heard(9.0, sound(9.0)), spoke_until_s=8.8), {9.0: 8.0}) is None


def test_a_clock_brings_along_what_was_heard_up_to_each_end() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    clock.caller(False, 2.0, sound(2.05))
    clock.caller(True, 3.0)
    clock.caller(False, 3.5, sound(3.55))
    clock.agent(True, 4.0)
    (found,) = clock.settle(inf)
    assert found.heard == [Heard(3.5, sound(3.55)), Heard(2.0, sound(2.05))]
    assert waited(found, {3.55: None, 2.05: 2.0}) == pytest.approx(2.0)


def test_a_clock_keeps_the_sound_of_the_latest_utterances_alone() -> None:
    clock = TurnClock()
    for second in range(8):
        clock.caller(True, second)
        clock.caller(False, second + 0.5, sound(second + 0.5))
    assert sum(isinstance(kept, Sound) for kept in gc.get_referents(*clock._utterances)) == 4  # of 16 kB each
    clock.agent(True, 9.0)
    (found,) = clock.settle(inf)
    assert [heard.ended_s for heard in found.heard] == [7.5, 6.5, 5.5, 4.5]
    assert all(heard.sound for heard in found.heard)


def test_a_clock_asks_whether_the_caller_speaks_on_while_the_agent_begins() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    assert clock.hears_caller
    clock.agent(True, 4.0, sound(4.05))
    clock.agent(False, 5.0)
    clock.caller(False, 6.0, sound(6.05))
    clock.agent(True, 7.0)
    asked, second = clock.settle(inf)
    assert (asked.waited_s, second.waited_s) == (None, 1.0)
    assert waited(asked, {4.05: 3.0}) == pytest.approx(1.0)
    assert waited(second, {6.05: 3.0}) is None, "that was answered"
    assert waited(second, {6.05: 5.9}) == pytest.approx(1.0)


def test_what_lies_ahead_is_not_compared_with_what_is_heard_now() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    clock.agent(True, 6.0, sound(4.0))
    assert list(clock.settle(inf)) == []


def test_what_was_said_during_an_absence_is_not_answered() -> None:
    clock = TurnClock()
    clock.pause(1.0)
    clock.resume(5.0)
    clock.caller(True, 5.5)
    clock.caller(False, 6.0, sound(6.0))
    clock.agent(True, 7.0)
    (found,) = clock.settle(inf)
    assert waited(found, {6.0: 4.5}) is None


def test_noise_that_was_told_apart_late_leaves_the_sound_before_it() -> None:
    clock = TurnClock()
    clock.caller(True, 1.0)
    clock.caller(False, 2.0, sound(2.0))
    clock.caller(True, 2.1)
    clock.caller(False, 2.1)  # unsaid: nobody knows up to when it was heard
    clock.agent(True, 3.0)
    (found,) = clock.settle(inf)
    assert found.heard == [Heard(2.1, sound(2.0))]
