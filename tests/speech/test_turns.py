"""Whose turn it is, told as scenes: facts with their times, and what is decided at which time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.turn_settings import TurnSettings
from ari_agent.speech.turns import (
    Begin,
    Decision,
    Dismissed,
    Duck,
    EndOfTurn,
    Interrupt,
    Remind,
    Turns,
    Unduck,
)

CAREFUL = TurnSettings(interruption_sensitivity=0.9)  # ducks at 224 ms, and a voice alone confirms
WORDS = TurnSettings(interruption_sensitivity=0.5)  # ducks at 480 ms, and words confirm


class Scene:
    """Plays facts at their times, ticks when a tick is due, and notes every decision with its time."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self.turns = Turns(settings)
        self.decided: list[tuple[float, Decision]] = []
        self.now = 0.0
        self._voice_stops: float | None = None

    def until(self, now: float) -> None:
        """Let time pass."""
        while (due := self.turns.next_tick_ms) is not None and due <= now:
            assert due > self.now
            self.now = due
            until = None if self._voice_stops is None else min(due, self._voice_stops)
            self._note(self.turns.tick(due, voice_until_ms=until))
        self.now = now

    def at(self, now: float, fact: Callable[..., list[Decision]], *args: Any, **more: Any) -> None:
        """A fact, after all that is due before it."""
        self.until(now)
        self._note(fact(*args, now_ms=now, **more))

    def voice(self, start: float, stop: float, *, final: str | None = "", text_after: float = 50) -> None:
        """A voice as voice activity tells it: 100 ms late, and with the silence that ends it; then its final text."""
        self.at(start + 100, self.turns.voice_started, since_ms=start)
        self._voice_stops = stop
        stopped = stop + self.turns.settings.silence_ms
        self.at(stopped, self.turns.voice_stopped, since_ms=stop)
        self._voice_stops = None
        if final is not None:
            self.at(stopped + text_after, self.turns.heard, final, final=True)

    def partial(self, now: float, text: str) -> None:
        self.at(now, self.turns.heard, text, final=False)

    def agent(self, began: float, **more: bool) -> None:
        self.at(began, self.turns.agent_began, **more)

    def finished(self, now: float) -> None:
        self.at(now, self.turns.agent_finished)

    def _note(self, decisions: list[Decision]) -> None:
        self.decided += [(self.now, decision) for decision in decisions]


def scene(settings: TurnSettings | None = None) -> Scene:
    """The agent has said its first words, from 0 to 1 s."""
    made = Scene(settings)
    made.agent(0)
    made.finished(1000)
    assert made.decided == []
    return made


# The end of a turn


@pytest.mark.parametrize(
    ("text", "responsiveness", "wait_ms"),
    [
        ("I want to book a flight.", 1, 350),  # the final text comes 50 ms after the pause is known
        ("I want to book a flight", 1, 500),
        ("I want to book a flight to", 1, 1000),
        ("my number is five five five", 1, 1000),
        ("yes", 1, 350),
        ("I want to book a flight.", 0, 1050),
        ("I want to book a flight", 0, 1200),
        ("I want to book a flight to", 0, 2400),
        ("I want to book a flight to", 0.5, 1700),
    ],
)
def test_the_turn_ends_sooner_the_more_complete_the_text_is(text: str, responsiveness: float, wait_ms: float) -> None:
    play = scene(TurnSettings(responsiveness=responsiveness))
    play.voice(2000, 4000, final=text)
    play.until(9000)
    assert play.decided == [(4000 + wait_ms, EndOfTurn(text, 4000))]


def test_the_recognizer_may_be_sure() -> None:
    play = scene()
    play.at(2100, play.turns.voice_started, since_ms=2000)
    play.at(3100, play.turns.heard, "a flight to", final=True, end_of_turn=True)
    assert play.decided == [(3100, EndOfTurn("a flight to", 3100))]
    play.at(3300, play.turns.voice_stopped, since_ms=3000)
    play.at(3400, play.turns.heard, "", final=True)
    play.until(9000)
    assert len(play.decided) == 1


def test_a_pause_within_the_wait_goes_on_with_the_turn() -> None:
    play = scene()
    play.voice(2000, 3000, final="I want to")
    play.voice(3500, 4500, final="fly to Rome.")
    play.until(9000)
    assert play.decided == [(4850, EndOfTurn("I want to fly to Rome.", 4500))]


def test_who_goes_on_after_the_end_is_answered_anew() -> None:
    play = scene()
    play.voice(2000, 3000, final="Hello.")
    play.voice(4000, 5000, final="Are you there?")
    play.until(9000)
    assert [decision for _, decision in play.decided] == [
        EndOfTurn("Hello.", 3000),
        EndOfTurn("Are you there?", 5000),
    ]


def test_a_final_text_that_never_comes_is_waited_for_3_s() -> None:
    play = scene()
    play.partial(2500, "I want")
    play.voice(2600, 3000, final=None)
    play.until(9000)
    assert play.decided == [(6000, EndOfTurn("I want", 3000))]


def test_a_final_text_after_its_turn_was_answered_is_dropped() -> None:
    play = scene()
    play.at(2100, play.turns.voice_started, since_ms=2000)
    play.partial(2500, "I want")
    play.voice(2000, 3000, final="I want a flight.", text_after=3500)
    play.voice(7000, 8000, final="To Rome.")
    play.until(12000)
    assert [decision for _, decision in play.decided] == [EndOfTurn("I want", 3000), EndOfTurn("To Rome.", 8000)]


def test_a_final_text_after_its_turn_was_dismissed_is_answered() -> None:
    play = scene()
    play.voice(2000, 2500, final="Hello?", text_after=4000)
    assert play.decided == [(5500, Dismissed("")), (6800, EndOfTurn("Hello?", 6800))]


def test_text_without_a_voice_is_a_turn() -> None:
    play = scene()
    play.partial(2000, "Hello")
    play.at(2500, play.turns.heard, "Hello there", final=True)
    play.until(5000)
    assert play.decided == [(2500, EndOfTurn("Hello there", 2500))]


def test_noise_is_dismissed_and_long_voice_without_words_is_answered() -> None:
    play = scene()
    play.voice(2000, 2300)
    assert play.decided == [(2650, Dismissed(""))]
    play.voice(4000, 5500)
    assert play.decided[1:] == [(5850, EndOfTurn("", 5500))]


def test_while_an_answer_is_awaited_a_voice_without_words_asks_for_no_other() -> None:
    play = scene()
    play.voice(2000, 3000, final="Hello.")
    play.at(4100, play.turns.voice_started, since_ms=4000)
    assert play.turns.user_has_floor
    play.voice(4000, 6000)
    assert play.decided[1:] == [(6350, Dismissed(""))]
    assert not play.turns.user_has_floor


@pytest.mark.parametrize(("partials", "held_ms"), [(True, 5000), (False, 30_000)])
def test_a_voice_without_words_does_not_hold_the_turn_for_ever(partials: bool, held_ms: float) -> None:
    play = scene()
    if partials:
        play.partial(1500, "hello")
        play.at(1600, play.turns.heard, "hello.", final=True)
        play.until(2500)
        play.finished(2600)
        play.decided.clear()
    play.at(3100, play.turns.voice_started, since_ms=3000)
    play.until(3000 + held_ms)
    assert play.decided == [(3000 + held_ms, Dismissed(""))]
    assert not play.turns.user_has_floor
    play.until(100_000)
    assert len(play.decided) == 1  # nor is there a reminder while that voice goes on


def test_words_that_were_answered_while_the_voice_went_on_are_not_answered_again() -> None:
    play = scene()
    play.at(2100, play.turns.voice_started, since_ms=2000)
    play.partial(3000, "i want a flight")
    play.until(8000)
    assert play.decided == [(8000, EndOfTurn("i want a flight", 8000))]
    play.partial(9000, "I want a flight")
    assert not play.turns.user_has_floor
    play.partial(10_000, "I want a flight, and a car")
    play.at(11_300, play.turns.voice_stopped, since_ms=11_000)
    play.at(11_400, play.turns.heard, "I want a flight, and a car.", final=True)
    assert play.decided[1:] == [(11_400, EndOfTurn("and a car.", 11_000))]


# Interruptions


def test_a_voice_silences_the_agent_after_160_ms_and_interrupts_it_once_it_is_longer_than_a_nod() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 5100, final="Wait a second.")
    play.until(9000)
    assert play.decided == [(4160, Duck()), (5000, Interrupt()), (5450, EndOfTurn("Wait a second.", 5100))]


def test_words_interrupt_as_soon_as_they_are_known() -> None:
    play = scene()
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.partial(4400, "tomorrow")
    assert play.decided == [(4160, Duck()), (4400, Interrupt())]


def test_a_short_word_interrupts_with_its_final_text_and_the_agent_is_silent_until_then() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4350, final="Tomorrow.", text_after=700)
    assert play.decided == [(4160, Duck()), (5350, Interrupt()), (5350, EndOfTurn("Tomorrow.", 4350))]


def test_a_text_that_does_not_come_lets_the_agent_go_on() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4350, final="Tomorrow.", text_after=2000)
    assert play.decided == [
        (4160, Duck()),
        (4350 + 300 + 840, Unduck()),
        (6650, Interrupt()),
        (6650, EndOfTurn("Tomorrow.", 4350)),
    ]


def test_noise_does_not_interrupt() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4300)
    assert play.decided == [(4160, Duck()), (4650, Unduck()), (4650, Dismissed(""))]


def test_a_voice_that_never_ends_without_a_word_interrupts_and_the_agent_is_asked_to_go_on() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 6000)
    assert play.decided == [(4160, Duck()), (5000, Interrupt()), (6350, EndOfTurn("", 6000))]


def test_a_cough_is_as_long_as_it_sounds() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4128)
    assert play.decided == [(4478, Dismissed(""))]


def test_the_agents_own_echo_does_not_interrupt_it() -> None:
    play = scene()
    play.agent(2000)
    play.voice(2050, 2280)
    assert [type(decision) for _, decision in play.decided] == [Dismissed]
    play.finished(3000)
    play.agent(5000)
    play.at(5200, play.turns.voice_started, since_ms=5100)
    play.until(6000)
    assert play.decided[1:] == [(5460, Duck())]  # who goes on is no echo
    play.until(7000)
    assert play.decided[2:] == [(6300, Interrupt())]


@pytest.mark.parametrize("sensitivity", [1, 0.5, 0.1])
def test_whoever_spoke_already_when_the_agent_began_silences_it_at_once(sensitivity: float) -> None:
    play = scene(TurnSettings(interruption_sensitivity=sensitivity))
    play.agent(2000)
    play.at(2070, play.turns.voice_started, since_ms=1960)
    play.until(2400)
    assert play.decided == [(2070, Duck())]
    play.at(2900, play.turns.voice_stopped, since_ms=2600)
    play.at(2950, play.turns.heard, "I was not done.", final=True)
    assert play.decided[1:] == [(2950, Interrupt()), (2950, EndOfTurn("I was not done.", 2600))]


def test_words_that_came_too_fast_for_the_voice_interrupt_at_the_end_of_the_turn() -> None:
    play = scene()
    play.agent(2000)
    play.at(4110, play.turns.voice_started, since_ms=4000)
    play.at(4140, play.turns.voice_stopped, since_ms=4120)
    play.at(4460, play.turns.heard, "Stop.", final=True)
    assert play.decided == [(4460, Interrupt()), (4460, EndOfTurn("Stop.", 4120))]


@pytest.mark.parametrize("text", ["uh huh", "Yeah, okay.", "Mm-hmm."])
@pytest.mark.parametrize("sensitivity", [1, 0.9, 0.5, 0.2])
@pytest.mark.parametrize("partials", [True, False])
def test_a_nod_ducks_the_agent_and_nothing_more(text: str, sensitivity: float, partials: bool) -> None:
    play = scene(TurnSettings(interruption_sensitivity=sensitivity))
    play.agent(2000)
    if partials:
        play.at(4100, play.turns.voice_started, since_ms=4000)
        play.partial(4300, text)
    play.voice(4000, 4900, final=text)
    play.until(9000)
    assert [decision for _, decision in play.decided] == [Duck(), Unduck(), Dismissed(text)]


@pytest.mark.parametrize("sensitivity", [1, 0.9, 0.5])
def test_a_nod_with_words_behind_it_interrupts(sensitivity: float) -> None:
    play = scene(TurnSettings(interruption_sensitivity=sensitivity))
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.partial(4500, "okay")
    play.partial(4800, "okay but")
    assert [decision for _, decision in play.decided] == [Duck(), Interrupt()]


def test_a_voice_behind_a_nod_interrupts_where_words_come_late() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4400, final="Okay.", text_after=0)
    play.at(4750, play.turns.voice_started, since_ms=4650)
    play.until(6000)
    assert [decision for _, decision in play.decided] == [Duck(), Unduck(), Duck(), Interrupt()]


def test_a_pause_after_a_nod_does_not_make_it_longer() -> None:
    play = scene(TurnSettings(responsiveness=0))  # 1 s of silence ends a voice
    play.agent(2000)
    play.voice(4000, 4500, final="okay")
    play.until(9000)
    assert [decision for _, decision in play.decided] == [Duck(), Unduck(), Dismissed("okay")]


@pytest.mark.parametrize(
    ("finished", "decided"),
    [(5500, [Duck(), Unduck(), EndOfTurn("Okay.", 4500)]), (7000, [Duck(), Unduck(), Dismissed("Okay.")])],
)
def test_a_nod_right_before_the_agent_ends_is_an_answer(finished: float, decided: list[Decision]) -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4500, final="Okay.")
    play.finished(finished)
    play.until(8000)
    assert [decision for _, decision in play.decided] == decided


def test_who_goes_on_after_a_nod_interrupts_with_all_that_was_said() -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4400, final="Okay.")
    play.voice(5500, 5900, final="Tomorrow.")
    assert [decision for _, decision in play.decided][-1] == EndOfTurn("Okay. Tomorrow.", 5900)


def test_words_confirm_an_interruption() -> None:
    play = scene(WORDS)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.partial(4600, "but")
    assert play.decided == [(4480, Duck()), (4600, Interrupt())]


def test_so_does_a_stop_before_the_agent_is_ducked() -> None:
    play = scene(WORDS)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.partial(4300, "hold on")
    assert play.decided == [(4300, Interrupt())]


def test_one_word_is_not_enough_for_an_agent_that_is_hard_to_interrupt() -> None:
    play = scene(TurnSettings(interruption_sensitivity=0.2))
    play.agent(2000)
    play.voice(4000, 4400, final="Tomorrow.")
    assert play.decided == []
    play.finished(7000)
    assert play.decided == [(7000, EndOfTurn("Tomorrow.", 4400))]


@pytest.mark.parametrize(
    ("settings", "partials", "decided"),
    [
        (CAREFUL, False, [Duck(), Interrupt()]),
        (CAREFUL, True, [Duck(), Interrupt()]),
        (WORDS, False, [Duck(), Interrupt()]),
        (WORDS, True, [Duck(), Unduck()]),
    ],
)
def test_a_voice_without_words_confirms_where_words_cannot_be_had_or_are_not_needed(
    settings: TurnSettings, partials: bool, decided: list[Decision]
) -> None:
    play = scene(settings)
    if partials:
        play.partial(1100, "hello")
        play.at(1200, play.turns.heard, "Hello.", final=True)
        play.until(1500)
        play.decided.clear()
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.until(5500)
    assert [decision for _, decision in play.decided] == decided


@pytest.mark.parametrize("never", ["setting", "piece"])
def test_an_agent_that_can_be_interrupted_no_more_is_unducked(never: str) -> None:
    play = scene(CAREFUL)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    if never == "setting":
        play.at(4300, play.turns.update, replace(CAREFUL, interruption_sensitivity=0))
    else:
        play.agent(4300, no_interruption=True)
    play.until(6000)
    assert play.decided == [(4224, Duck()), (4300, Unduck())]


def test_a_user_whom_the_agent_has_talked_down_can_interrupt_again() -> None:
    play = scene()
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.until(4200)
    play.agent(4300, cuts_in=True)
    play.at(4400, play.turns.voice_stopped, since_ms=4350)
    play.at(4800, play.turns.voice_started, since_ms=4700)
    play.until(5000)
    assert play.decided == [(4160, Duck()), (4300, Unduck()), (4860, Duck())]


def test_two_voices_in_one_turn_duck_the_agent_once() -> None:
    play = scene(CAREFUL)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.at(4300, play.turns.voice_stopped, since_ms=4250)
    play.at(4450, play.turns.voice_started, since_ms=4400)
    play.until(4800)
    assert play.decided == [(4224, Duck())]


def test_an_agent_that_finishes_while_ducked_is_unducked() -> None:
    play = scene(CAREFUL)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.finished(4300)
    assert play.decided == [(4224, Duck()), (4300, Unduck())]


def test_words_with_the_agents_last_words_are_an_answer() -> None:
    play = scene(WORDS)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.finished(4200)
    play.voice(4000, 4400, final="Yeah.")
    play.until(6000)
    assert play.decided[-1][1] == EndOfTurn("Yeah.", 4400)


@pytest.mark.parametrize("never", ["setting", "piece"])
def test_an_agent_that_is_never_interrupted_answers_when_it_has_finished(never: str) -> None:
    play = scene(TurnSettings(interruption_sensitivity=0) if never == "setting" else None)
    play.agent(2000, no_interruption=never == "piece")
    play.voice(3000, 5000, final="Stop it, please.")
    play.until(7000)
    assert play.decided == []
    play.finished(8000)
    assert play.decided == [(8000, EndOfTurn("Stop it, please.", 5000))]


def test_a_piece_that_may_be_interrupted_follows_one_that_may_not() -> None:
    play = scene()
    play.agent(2000, no_interruption=True)
    play.at(3100, play.turns.voice_started, since_ms=3000)
    play.until(4000)
    play.agent(4000)
    play.until(4100)
    assert play.decided == [(4000, Duck()), (4000, Interrupt())]


def test_an_agent_that_cuts_in_is_not_interrupted_by_the_voice_it_talks_down() -> None:
    play = scene()
    play.at(2100, play.turns.voice_started, since_ms=2000)
    play.agent(3000, cuts_in=True)
    play.until(4000)
    play.at(4300, play.turns.voice_stopped, since_ms=4000)
    play.at(4350, play.turns.heard, "I was saying.", final=True)
    assert play.decided == []
    play.at(5100, play.turns.voice_started, since_ms=5000)
    play.until(5500)
    assert play.decided == [(5160, Interrupt())]


# The first words, silence, and a call that is elsewhere


def test_the_agent_begins_after_its_delay() -> None:
    play = Scene(TurnSettings(begin_message_delay_ms=1500))
    play.at(100, play.turns.begin)
    play.until(5000)
    assert play.decided == [(1600, Begin())]


def test_it_begins_after_the_noise_and_not_at_all_after_words() -> None:
    noisy, spoken = Scene(TurnSettings(begin_message_delay_ms=1500)), Scene(TurnSettings(begin_message_delay_ms=1500))
    for play, text in ((noisy, ""), (spoken, "Hello?")):
        play.at(100, play.turns.begin)
        play.voice(1000, 1600, final=text)
        play.until(5000)
    assert noisy.decided == [(1950, Dismissed("")), (1950, Begin())]
    assert spoken.decided == [(1950, EndOfTurn("Hello?", 1600))]


def test_silence_is_reminded_of_as_often_as_wanted() -> None:
    play = scene(TurnSettings(reminder_max_count=2))
    play.until(11_000)
    assert play.decided == [(11_000, Remind(1))]
    play.until(50_000)  # no answer yet
    play.agent(50_000)
    play.finished(52_000)
    play.until(62_000)
    play.finished(63_000)  # the agent has nothing to say
    play.until(200_000)
    assert play.decided == [(11_000, Remind(1)), (62_000, Remind(2))]


def test_a_user_who_speaks_is_reminded_anew() -> None:
    play = scene()
    play.until(11_000)
    play.finished(11_500)
    play.voice(12_000, 13_000, final="I am here.")
    play.finished(14_000)
    play.until(30_000)
    assert [decision for _, decision in play.decided] == [Remind(1), EndOfTurn("I am here.", 13_000), Remind(1)]


def test_nobody_is_reminded_before_anything_was_said_or_never() -> None:
    silent, never = Scene(), scene(TurnSettings(reminder_max_count=0))
    silent.at(0, silent.turns.begin)
    silent.finished(100)  # nothing to say: the agent waits for the user
    silent.until(100_000)
    never.until(100_000)
    assert silent.decided == [(0, Begin())]
    assert never.decided == []


def test_noise_does_not_put_a_reminder_off_for_longer_than_it_lasts() -> None:
    play = scene()
    play.voice(10_800, 11_100)
    assert play.decided == [(11_450, Dismissed("")), (11_450, Remind(1))]


def test_settings_change_what_has_begun() -> None:
    play = scene()
    play.at(3000, play.turns.update, replace(TurnSettings(), reminder_trigger_ms=5000))
    play.until(20_000)
    assert play.decided == [(6000, Remind(1))]
    play.agent(21_000, no_interruption=True)
    play.voice(22_000, 23_000, final="Tell me more.")
    play.at(24_000, play.turns.update, TurnSettings(interruption_sensitivity=0))
    play.agent(24_500)
    play.at(25_000, play.turns.update, TurnSettings())
    assert play.decided[1:] == [(25_000, Interrupt()), (25_000, EndOfTurn("Tell me more.", 23_000))]


def test_a_call_that_is_elsewhere_has_no_turns() -> None:
    play = scene(CAREFUL)
    play.agent(2000)
    play.at(4100, play.turns.voice_started, since_ms=4000)
    play.until(4300)
    play.at(4300, play.turns.pause)
    assert play.decided == [(4224, Duck()), (4300, Unduck())]
    play.finished(4400)
    play.voice(5000, 8000, final="Hello, who is this?")
    play.until(50_000)
    assert len(play.decided) == 2
    play.at(50_000, play.turns.resume)
    play.voice(51_000, 52_000, final="I am back.")
    play.finished(53_000)
    play.until(70_000)
    assert [decision for _, decision in play.decided[2:]] == [EndOfTurn("I am back.", 52_000), Remind(1)]


def test_whoever_speaks_as_the_call_comes_back_has_a_turn() -> None:
    play = scene()
    play.at(2000, play.turns.pause)
    play.at(3100, play.turns.voice_started, since_ms=3000)
    play.at(4000, play.turns.resume)
    play.at(5300, play.turns.voice_stopped, since_ms=5000)
    play.at(5350, play.turns.heard, "back again.", final=True)
    assert play.decided == [(5350, EndOfTurn("back again.", 5000))]


# Any facts in any order

TEXTS = st.sampled_from(["", "Hello.", "uh huh", "hold on", "and", "I want to fly", "yes"])
FACTS = st.lists(
    st.tuples(
        st.integers(-50, 4000),
        st.one_of(
            st.sampled_from(
                [
                    ("begin", {}),
                    ("agent_began", {}),
                    ("agent_began", {"no_interruption": True}),
                    ("agent_began", {"cuts_in": True}),
                    ("agent_finished", {}),
                    ("pause", {}),
                    ("resume", {}),
                    ("tick", {}),
                    ("voice_started", {}),
                    ("voice_stopped", {}),
                ]
            ),
            st.tuples(
                st.just("heard"),
                st.fixed_dictionaries({"text": TEXTS, "final": st.booleans(), "end_of_turn": st.booleans()}),
            ),
        ),
        st.integers(0, 600),
    ),
    max_size=40,
)
SETTINGS = st.builds(
    TurnSettings,
    responsiveness=st.floats(0, 1),
    interruption_sensitivity=st.sampled_from([0, 0.3, 0.6, 0.9, 1]),
    reminder_trigger_ms=st.floats(1, 20_000),
    reminder_max_count=st.integers(0, 3),
    begin_message_delay_ms=st.floats(0, 5000),
)


@given(SETTINGS, FACTS, st.none() | SETTINGS)
def test_whatever_happens_the_rules_hold(
    settings: TurnSettings, facts: list[tuple[int, tuple[str, dict[str, Any]], int]], later: TurnSettings | None
) -> None:
    turns = Turns(settings)
    now = 0.0
    user = agent = ducked = spoke = False  # spoke: since the last EndOfTurn
    reminders = 0

    def check(decisions: list[Decision]) -> None:
        nonlocal agent, ducked, spoke, reminders
        for decision in decisions:
            match decision:
                case EndOfTurn():
                    assert spoke and not agent
                    spoke, reminders = user, 0
                case Interrupt():
                    assert agent and turns.settings.interruption_sensitivity > 0
                    agent = ducked = False
                case Duck():
                    assert agent and not ducked and turns.settings.interruption_sensitivity > 0
                    ducked = True
                case Unduck():
                    assert ducked
                    ducked = False
                case Remind(count=count):
                    assert not user and not agent
                    reminders += 1
                    assert count == reminders <= turns.settings.reminder_max_count
                case Begin() | Dismissed():
                    pass

    def pass_time(until: float) -> None:
        nonlocal now
        while (due := turns.next_tick_ms) is not None and due <= until:
            assert due > now
            now = due
            check(turns.tick(now))
        now = max(now, until)

    for number, (step, (name, more), since) in enumerate(facts):
        pass_time(now + step)
        if later and number == len(facts) // 2:
            check(turns.update(later, now))
        if name.startswith("voice"):
            user = name == "voice_started"
            more = {"since_ms": now - since}  # noqa: PLW2901
        spoke |= user or bool(more.get("text"))
        agent = name == "agent_began" or (agent and name != "agent_finished")
        check(getattr(turns, name)(now_ms=now + min(step, 0), **more))
    pass_time(now + 100_000)
    assert not ducked or agent


@pytest.mark.parametrize("text", ["Mm-hmm.", "Uh-huh.", "Okay.", "Yeah,", "Aha.", "Yes."])
def test_a_nod_that_is_text_when_it_is_over_lets_the_agent_go_on_as_soon_as_it_is_known(text: str) -> None:
    play = scene()
    play.agent(2000)
    play.voice(4000, 4400, final=text, text_after=150)
    play.until(10_000)
    assert play.decided == [(4160, Duck()), (4850, Unduck()), (pytest.approx(6500, abs=700), Dismissed(text))]


@pytest.mark.parametrize("text", ["Stop.", "Wait,", "Okay, wait."])
@pytest.mark.parametrize("sensitivity", [1.0, 0.5, 0.1])
def test_a_stop_that_is_text_when_it_is_over_stops_the_agent_at_any_sensitivity(text: str, sensitivity: float) -> None:
    play = scene(TurnSettings(interruption_sensitivity=sensitivity))
    play.agent(2000)
    play.voice(4000, 4400, final=text, text_after=150)
    assert [at for at, decision in play.decided if decision == Interrupt()] == [4850]
