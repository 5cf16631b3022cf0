"""What a user has heard, by a clock that the test turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.message import Mark
from ari_agent.calls.web.playback_position import AHEAD_LIMIT_S, MARKS_LIMIT, PlaybackPosition
from ari_agent.calls.web.pre_answer_audio import MESSAGES_LIMIT, PreAnswerAudio, PreAnswerItem, PreAnswerSound


def test_a_mark_is_due_when_the_sound_before_it_was_heard() -> None:
    position = PlaybackPosition(100.0)
    position.mark("at once", 100.0)
    position.send(2.0, 100.0)
    position.mark("after two seconds", 100.5)
    position.send(1.0, 100.5)
    position.mark("after three", 100.5)
    assert position.take_due(101.9) == ["at once"]
    assert position.next_mark_s == 102.0
    assert position.take_due(102.0) == ["after two seconds"]
    assert position.take_due(103.0) == ["after three"]
    assert position.next_mark_s is None


def test_sound_after_a_pause_begins_when_it_is_sent() -> None:
    position = PlaybackPosition(0.0)
    position.send(1.0, 0.0)
    position.send(1.0, 10.0)
    assert position.until_s == 11.0
    assert position.remaining_s(10.25) == 0.75
    assert position.remaining_s(12.0) == 0.0


def test_after_clear_nothing_waits_and_what_comes_next_is_heard_at_once() -> None:
    position = PlaybackPosition(0.0)
    position.send(30.0, 0.0)
    position.mark("far away", 0.0)
    position.clear(10.0)
    assert position.cleared_s == 20.0
    assert position.take_all() == ["far away"]
    position.send(1.0, 10.0)
    position.mark("near", 10.0)
    assert position.next_mark_s == 11.0
    position.clear(12.0)
    assert position.cleared_s == 20.0


def test_it_runs_ten_minutes_ahead_and_not_further() -> None:
    position = PlaybackPosition(0.0)
    assert position.has_room(AHEAD_LIMIT_S, 0.0)
    position.send(AHEAD_LIMIT_S, 0.0)
    assert not position.has_room(0.02, 0.0)
    assert position.has_room(0.02, 0.02)


def test_marks_that_wait_are_counted() -> None:
    position = PlaybackPosition(0.0)
    assert all(position.mark("same name", 0.0) for _ in range(MARKS_LIMIT))
    assert not position.mark("one too many", 0.0)
    assert position.take_returned("same name")
    assert position.mark("has room again", 0.0)
    assert not position.take_returned("never sent")


def test_of_two_marks_of_one_name_the_unsent_one_is_the_later() -> None:
    position = PlaybackPosition(0.0)
    for name in ("a", "b", "a"):
        position.mark(name, 0.0)
        position.send(1.0, 0.0)
    assert position.take_unsent(["a", "never sent"]) == ["a"]
    assert (position.take_due(0.5), position.take_due(1.5), position.take_all()) == (["a"], ["b"], [])


steps = st.lists(
    st.tuples(st.sampled_from(["send", "mark", "clear", "due", "returned"]), st.integers(0, 4000), st.text(max_size=2)),
    max_size=60,
)


@given(steps)
def test_every_mark_comes_back_once_whatever_happens(steps: list[tuple[str, int, str]]) -> None:
    position, now_s = PlaybackPosition(0.0), 0.0
    sent: list[str] = []
    back: list[str] = []
    for what, amount, name in steps:
        now_s += amount / 1000
        match what:
            case "send":
                position.send(amount / 1000, now_s)
            case "mark" if position.mark(name, now_s):
                sent.append(name)
            case "clear":
                position.clear(now_s)
                back += position.take_all()
                assert position.remaining_s(now_s) == 0
            case "due":
                back += position.take_due(now_s)
                assert position.next_mark_s is None or position.next_mark_s > now_s
            case "returned" if position.take_returned(name):
                back.append(name)
    back += position.take_due(position.until_s + now_s + 1)
    assert sorted(back) == sorted(sent)


words = st.lists(st.binary(max_size=30) | st.text(max_size=3), max_size=30)


@given(words, st.integers(0, 200))
def test_pre_answer_audio_come_out_as_they_went_in_up_to_their_limit(
    words: list[bytes | str], limit_bytes: int
) -> None:
    early, room = PreAnswerAudio(limit_bytes=limit_bytes), limit_bytes
    kept: list[PreAnswerItem] = []
    for word in words:
        if isinstance(word, str):
            assert early.mark(word)
            kept.append(Mark(word))
        else:
            assert early.play(word) is (len(word) <= room)
            if len(word) <= room:
                kept.append(PreAnswerSound(word))
                room -= len(word)
    assert early.take() == kept
    assert early.take() == []


def test_pre_answer_audio_are_bounded_in_number_too() -> None:
    early = PreAnswerAudio(limit_bytes=10)
    assert all(early.mark("a") for _ in range(MARKS_LIMIT))
    assert not early.mark("a")
    assert all(early.play(b"") for _ in range(MESSAGES_LIMIT - MARKS_LIMIT))
    assert not early.play(b"")
