"""How much was heard of what the agent says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.dialogue.playback_tracker import INTERPOLATED_MS, OVERDUE_MS, PlaybackTracker
from ari_agent.calls.dialogue.spoken_sentence import SpokenSentence
from ari_agent.calls.dialogue.spoken_transcript import SpokenTranscript
from ari_agent.speech.sentences import Sentence

TEXT = "One two three four."
LASTS_MS = 1900.0  # 100 ms a character


class Played:
    """A tracker with sentences of this text, whose sound is there from the beginning."""

    def __init__(self, sentences: int = 1, *, whole: bool = True) -> None:
        self.transcript = SpokenTranscript()
        self.tracker = PlaybackTracker(self.transcript)
        for number in range(1, sentences + 1):
            sentence = SpokenSentence(number, 1, Sentence(TEXT, 0), response_id=0)
            self.tracker.add(sentence)
            self.tracker.begin(sentence, 0.0)
            sentence.sound(LASTS_MS)
            sentence.is_whole = whole

    def said(self) -> str:
        return " ".join(utterance.content for utterance in self.transcript.utterances())


def test_sentences_are_heard_one_after_the_other_and_kept_when_they_are_over() -> None:
    play = Played(2)
    second = play.tracker.find(2)
    assert second
    assert second.began_ms == LASTS_MS
    play.tracker.played(1, LASTS_MS, LASTS_MS)
    assert play.tracker.take_over()
    assert play.said() == TEXT
    assert play.tracker.heard_so_far == (2, 0.0)
    assert play.tracker.unheard_ms == LASTS_MS
    assert not play.tracker.take_over()


def test_a_mark_of_a_later_sentence_tells_of_those_before_it() -> None:
    play = Played(2)
    play.tracker.played(2, 500, 2400)
    assert play.tracker.take_over()
    assert play.tracker.heard_so_far == (2, 500.0)


def test_but_not_of_one_of_which_more_is_to_come() -> None:
    play = Played(2, whole=False)
    play.tracker.played(2, 500, 2400)
    assert not play.tracker.take_over()
    assert play.tracker.heard_so_far == (1, 0.0)


def test_marks_that_come_in_the_wrong_order_take_nothing_back() -> None:
    play = Played()
    play.tracker.played(1, 800, 800)
    play.tracker.played(1, 400, 900)
    assert play.tracker.heard_so_far == (1, 800.0)


@pytest.mark.parametrize(("after_ms", "text"), [(0, "One two"), (100, "One two"), (5000, "One two")])
def test_the_clock_tells_a_little_beyond_the_last_mark(after_ms: float, text: str) -> None:
    play = Played()
    play.tracker.played(1, 750, 750)
    play.tracker.clear(750 + after_ms)
    assert play.said() == text
    assert play.tracker.is_empty
    play = Played()
    play.tracker.played(1, 1200, 1200)
    play.tracker.clear(1200 + INTERPOLATED_MS)
    assert play.said() == "One two three"


def test_nothing_is_heard_while_it_is_paused_and_it_goes_on_from_there() -> None:
    play = Played(2)
    play.tracker.played(1, 600, 600)
    play.tracker.pause(700)
    assert play.tracker.heard_so_far == (1, 700.0)
    assert not play.tracker.overdue_ms
    assert play.tracker.resume(5000) == (1, 700)
    second = play.tracker.find(2)
    assert second
    assert second.began_ms == 5000 + LASTS_MS - 700
    assert play.tracker.overdue_ms == 5000 + LASTS_MS - 700 + OVERDUE_MS


def test_there_may_be_nothing_to_pause_and_nothing_to_go_on_with() -> None:
    tracker = PlaybackTracker(SpokenTranscript())
    assert not tracker.clear(0)
    tracker.pause(0)
    assert tracker.resume(10) == (0, 0)
    tracker.pause(20)
    assert tracker.clear(30)
    assert tracker.heard_so_far is None


def test_what_is_never_told_is_taken_as_heard_after_a_while() -> None:
    play = Played()
    due_ms = play.tracker.overdue_ms
    assert due_ms == LASTS_MS + OVERDUE_MS
    assert not play.tracker.tick(due_ms - 1)
    assert play.tracker.tick(due_ms)
    assert play.tracker.take_over()
    assert play.said() == TEXT


def test_a_long_sentence_that_waits_for_room_to_be_made_gets_it() -> None:
    play = Played(whole=False)
    due_ms = play.tracker.overdue_ms
    assert due_ms == LASTS_MS + OVERDUE_MS
    assert play.tracker.tick(due_ms)
    assert play.tracker.unheard_ms == 0
    assert not play.tracker.is_empty
    assert play.tracker.overdue_ms is None


def test_sentences_without_sound_are_dropped_and_the_others_are_whole() -> None:
    play = Played(whole=False)
    play.tracker.add(SpokenSentence(2, 1, Sentence("Never said.", 0)))
    play.tracker.drop_soundless()
    assert play.tracker.find(2) is None
    play.tracker.played(1, LASTS_MS, LASTS_MS)
    assert play.tracker.take_over()
    assert play.tracker.is_empty


def test_a_sentence_of_which_no_sound_came_is_over_and_not_said() -> None:
    play = Played(0)
    silent = SpokenSentence(1, 1, Sentence("Never said.", 0))
    silent.is_whole = True
    play.tracker.add(silent)
    assert not play.tracker.take_over()
    assert play.tracker.is_empty
    assert play.said() == ""


STEPS = st.lists(
    st.tuples(st.sampled_from(["mark", "pause", "resume", "keep", "tick"]), st.floats(0, 1), st.floats(0, 3000)),
    max_size=20,
)


@given(STEPS)
def test_whatever_happens_what_was_heard_only_grows_and_is_kept_once(steps: list[tuple[str, float, float]]) -> None:
    play, tracker = Played(3), None
    tracker = play.tracker
    now_ms, before = 0.0, (1, 0.0)
    for step, share, passed_ms in steps:
        now_ms += passed_ms
        match step:
            case "mark" if tracker.heard_so_far:
                tracker.played(tracker.heard_so_far[0], share * LASTS_MS, now_ms)
            case "pause" if not tracker.is_paused:
                tracker.pause(now_ms)
            case "resume" if tracker.is_paused:
                assert tracker.resume(now_ms) == (tracker.heard_so_far or (0, 0.0))
            case "keep":
                tracker.keep_heard(now_ms)
            case "tick" if tracker.overdue_ms is not None:
                assert tracker.tick(max(now_ms, tracker.overdue_ms))
                assert tracker.take_over()
        tracker.take_over()
        now = tracker.heard_so_far or (4, 0.0)
        assert now >= before
        before = now
    tracker.clear(now_ms)
    assert f"{TEXT} {TEXT} {TEXT}".startswith(play.said())


def test_nothing_is_taken_as_heard_while_the_caller_hears_something_else_first() -> None:
    tracker = PlaybackTracker(SpokenTranscript())
    tracker.heard_from_ms = 5000.0
    sentence = SpokenSentence(1, 1, Sentence(TEXT, 0), response_id=0)
    tracker.add(sentence)
    tracker.begin(sentence, 100.0)
    sentence.sound(LASTS_MS)
    assert tracker.overdue_ms == 5000 + LASTS_MS + OVERDUE_MS
    tracker.pause(1000.0)
    assert tracker.resume(1500.0) == (1, 0.0)
    assert tracker.overdue_ms == 5000 + LASTS_MS + OVERDUE_MS
