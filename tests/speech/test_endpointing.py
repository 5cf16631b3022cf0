"""When the user's turn is over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.barge_in import BargeInStep
from ari_agent.speech.endpointing import LONGEST_TEXT, Endpointing, TurnEnd
from ari_agent.speech.turn_settings import TurnSettings

SETTINGS = TurnSettings()  # a pause of 300 ms


class Listening:
    """An end-pointing, and the time."""

    def __init__(self) -> None:
        self.user = Endpointing()

    def voice(self, start_ms: float, stop_ms: float) -> Listening:
        self.user.voice_started(start_ms, is_paused=False)
        self.user.voice_stopped(stop_ms, is_paused=False)
        return self

    def text(self, text: str, now_ms: float, *, final: bool = True, is_sure: bool = False, **more: Any) -> Listening:
        self.user.heard(text, now_ms, final=final, is_sure=is_sure, is_paused=more.pop("is_paused", False), **more)
        return self

    def due_ms(self, *, agent_speaks: bool = False) -> float | None:
        return self.user.end_due_ms(SETTINGS, agent_speaks=agent_speaks)


@pytest.mark.parametrize(("text", "due_ms"), [("I want to fly.", 2000 + 1000), ("", None)])
def test_a_voice_that_sounds_unfinished_is_waited_for_as_words_that_hang(text: str, due_ms: float | None) -> None:
    listening = Listening().voice(0, 2000).text(text, 2100, is_unfinished=True)
    assert listening.due_ms() == (due_ms or 2000 + 300)
    assert listening.text("To Rome.", 2200).due_ms() == 2000 + 300


@pytest.mark.parametrize(
    ("text", "due_ms"),
    [
        ("I want to fly.", 2000 + 300),
        ("Yeah,", 2000 + 500),
        ("I want to fly", 2000 + 500),
        ("I want to fly,", 2000 + 1000),
        ("I want to fly to.", 2000 + 1000),
        ("I want to fly because.", 2000 + 1000),
    ],
)
@pytest.mark.parametrize("known_ms", [2410, 2600])
def test_a_text_with_punctuation_that_comes_after_the_pause_ends_the_turn_then_or_has_more_awaited(
    text: str, due_ms: float, known_ms: float
) -> None:
    """The text of a recognizer that hears an utterance when it is over, 100 or 300 ms after the pause is known."""
    play = Listening().voice(1000, 2000)
    assert play.text(text, known_ms).due_ms() == due_ms  # what is past is due at once


def test_who_goes_on_before_the_text_of_the_first_part_is_there_is_not_cut_off() -> None:
    play = Listening().voice(1000, 2000)
    play.user.voice_started(2350, is_paused=False)
    play.text("I want to fly.", 2500)
    assert (play.due_ms() or 0) > 30_000  # as long as the voice lasts
    play.user.voice_stopped(3500, is_paused=False)
    play.text("To Rome.", 3900)
    assert play.due_ms() == 3800
    assert play.user.turn
    assert play.user.turn.text == "I want to fly. To Rome."


@pytest.mark.parametrize(("at_ms", "is_early"), [(2500, True), (16_000, False)])
def test_a_recognizer_that_tells_a_long_speech_in_parts_tells_no_words_while_they_are_spoken(
    at_ms: float, is_early: bool
) -> None:
    play = Listening()
    play.user.voice_started(1000, is_paused=False)
    play.text("I want to fly", at_ms, final=False)
    assert play.user.has_partials is is_early
    assert play.due_ms() == at_ms + (5000 if is_early else 30_000)


def test_a_part_of_a_long_speech_that_comes_after_its_end_is_no_early_word() -> None:
    assert not Listening().voice(1000, 17_000).text("I want to fly", 17_100, final=False).user.has_partials


@pytest.mark.parametrize(
    ("text", "wait_ms"),
    [("I want to fly.", 300), ("I want to fly", 500), ("I want to", 1000), ("", 300)],
)
def test_the_turn_ends_sooner_the_more_complete_the_text_is(text: str, wait_ms: float) -> None:
    assert Listening().voice(1000, 2000).text(text, 2400).due_ms() == 2000 + wait_ms


def test_without_a_word_nobody_has_a_turn() -> None:
    assert Listening().due_ms() is None
    assert Listening().text("", 100).user.turn is None


def test_a_final_text_is_waited_for_3_s_from_the_end_of_the_voice() -> None:
    assert Listening().voice(1000, 2000).due_ms() == 5000
    assert Listening().voice(1000, 2000).text("I want", 2500, final=False).due_ms() == 5500


@pytest.mark.parametrize(("partials", "held_ms"), [(True, 5000), (False, 30_000)])
def test_a_voice_without_a_word_does_not_hold_the_turn_for_ever(partials: bool, held_ms: float) -> None:
    play = Listening()
    play.user.has_partials = partials
    play.user.voice_started(1000, is_paused=False)
    assert play.due_ms() == 1000 + held_ms


def test_the_recognizer_may_be_sure() -> None:
    play = Listening()
    play.user.voice_started(1000, is_paused=False)
    assert play.text("I want to", 2000, is_sure=True).due_ms() == 2000
    play.user.voice_started(2100, is_paused=False)  # the same voice
    assert play.due_ms() == 2000
    play.user.voice_stopped(2200, is_paused=False)
    play.user.voice_started(2300, is_paused=False)
    assert play.due_ms() == 2300 + SETTINGS.endless_ms  # another one goes on


def test_the_recognizer_may_become_sure_of_a_text_that_it_told_before() -> None:
    play = Listening().voice(1000, 2000).text("I want to", 2100)
    assert play.due_ms() == 3000
    assert play.text("", 2500, final=False, is_sure=True).due_ms() == 2100


def test_text_without_a_voice_is_late_enough() -> None:
    assert Listening().text("I want to", 2500).due_ms() == 2500


def test_what_did_not_interrupt_waits_for_the_agent() -> None:
    play = Listening().voice(1000, 2000).text("Tomorrow.", 2100)
    assert play.user.turn is not None
    play.user.turn.end = TurnEnd.AFTER_AGENT
    assert play.due_ms(agent_speaks=True) is None
    assert play.due_ms(agent_speaks=False) == 2300
    play.user.reconsider()
    assert play.due_ms(agent_speaks=True) == 2300
    play.user.turn.end = TurnEnd.AT_ONCE
    play.user.reconsider()
    assert play.due_ms(agent_speaks=True) == 2100


def test_a_text_after_its_turn_was_answered_is_dropped() -> None:
    play = Listening().voice(1000, 2000)
    turn = play.user.turn
    assert turn is not None
    assert play.user.answered(turn, 5000) == 2000
    assert play.text("too late", 5100).user.turn is None
    assert play.text("another one", 5200).user.turn is not None


def test_a_text_after_its_turn_was_dismissed_is_a_turn() -> None:
    play = Listening().voice(1000, 2000)
    play.user.dismiss_turn()
    assert play.text("Hello?", 5100).due_ms() == 5100


def test_words_that_were_answered_while_the_voice_went_on_are_not_told_again() -> None:
    play = Listening()
    play.user.voice_started(1000, is_paused=False)
    turn = play.text("I want a flight", 2000, final=False).user.turn
    assert turn is not None
    assert play.user.answered(turn, 8000) == 8000
    play.user.voice_until_ms = 7900
    assert play.user.answered(turn, 8000) == 7900
    play.text("I want a flight and a car", 9000, final=False)
    assert play.user.turn is not None
    assert play.user.turn.text == "and a car"


def test_where_the_turn_ended_is_told_of_a_text_without_a_voice_too() -> None:
    play = Listening().text("Hello", 2500)
    assert play.user.turn is not None
    assert play.user.answered(play.user.turn, 2600) == 2500


def test_nobody_has_a_turn_while_the_call_is_elsewhere() -> None:
    play = Listening()
    play.user.voice_started(1000, is_paused=True)
    play.user.voice_stopped(2000, is_paused=True)
    play.text("music", 2100, is_paused=True)
    play.user.resume(3000)
    assert play.due_ms() is None
    play.user.voice_started(3500, is_paused=True)
    play.user.resume(4000)
    assert play.user.turn is not None
    assert play.user.turn.barge_in.may_interrupt


def test_a_voice_stops_once() -> None:
    play = Listening().voice(1000, 2000)
    play.user.voice_stopped(2500, is_paused=False)
    assert play.user.turn is not None
    assert play.user.turn.voice_ended_ms == 2000


def test_a_voice_that_was_answered_while_it_went_on_has_no_turn_when_it_stops() -> None:
    play = Listening()
    play.user.voice_started(1000, is_paused=False)
    play.user.dismiss_turn()
    play.user.voice_stopped(9000, is_paused=False)
    assert play.user.turn is None


def test_nobody_says_more_than_so_much_in_a_turn() -> None:
    play = Listening()
    for start in range(5):
        play.text("word " * 1000, 1000 + start)
    assert play.user.turn is not None
    assert len(play.user.turn.text) <= LONGEST_TEXT + len(play.user.turn.texts)


FACTS = st.lists(
    st.tuples(
        st.sampled_from(["starts", "stops", "partial", "final", "sure", "talked down", "drop", "dismiss", "answer"]),
        st.integers(1, 3000),
        st.sampled_from(["", "yes.", "and", "my number is", "I want to fly"]),
    ),
    max_size=30,
)


@given(FACTS)
def test_whatever_is_heard_a_turn_ends_in_time(facts: list[tuple[str, int, str]]) -> None:
    play, now_ms = Listening(), 0.0
    user = play.user
    for fact, passed_ms, text in facts:
        now_ms += passed_ms
        match fact:
            case "starts":
                user.voice_started(now_ms, is_paused=False)
            case "stops":
                user.voice_stopped(now_ms, is_paused=False)
            case "partial" | "final" | "sure":
                play.text(text, now_ms, final=fact != "partial", is_sure=fact == "sure")
            case "talked down" if user.turn:
                user.turn.barge_in.move(BargeInStep.TALKED_DOWN)
            case "drop":
                user.drop_turn()
            case "dismiss":
                user.dismiss_turn()
            case "answer" if user.turn:
                assert user.answered(user.turn, now_ms) <= now_ms
        due_ms = play.due_ms()
        assert (due_ms is None) == (user.turn is None)
        assert due_ms is None or due_ms <= now_ms + SETTINGS.endless_ms
