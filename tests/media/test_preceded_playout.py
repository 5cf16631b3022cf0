"""A sentence in front of what the agent says."""

from __future__ import annotations

from ari_agent.media.audio import LINEAR_16K
from ari_agent.media.preceded_playout import PrecededPlayout

SENTENCE = [bytes([0x40 + number]) * 160 for number in range(3)]
HELLO, BYE = bytes([0x10]) * 160, bytes([0x20]) * 160


def playout(ends: list[str] | None = None) -> PrecededPlayout:
    return PrecededPlayout(SENTENCE, lambda: (ends if ends is not None else []).append("ended"))


def test_the_sentence_comes_first_then_what_was_queued_before_and_meanwhile() -> None:
    ends: list[str] = []
    queue = playout(ends)
    queue.push(HELLO)
    frames = [queue.next_frame()]
    queue.push(BYE)
    frames += [queue.next_frame() for _ in range(2)]
    assert ends == []
    assert queue.sentence_units == 160, "the last frame is being played"
    frames += [queue.next_frame() for _ in range(3)]
    assert frames == [*SENTENCE, HELLO, BYE, None]
    assert ends == ["ended"]


def test_marks_wait_for_the_audio_before_them() -> None:
    queue = playout()
    queue.push(HELLO)
    queue.mark("hello")
    for _ in SENTENCE:
        queue.next_frame()
    assert not queue.has_played_marks
    queue.next_frame()
    assert queue.take_played_marks() == ["hello"]


def test_a_mark_behind_nothing_comes_at_once() -> None:
    queue = playout()
    queue.mark("nothing")
    assert queue.take_played_marks() == ["nothing"]


def test_clear_drops_what_the_agent_has_said_and_nothing_of_the_sentence() -> None:
    queue = playout()
    queue.push(HELLO)
    queue.mark("hello")
    queue.next_frame()
    assert queue.clear() == ["hello"]
    assert queue.counters.cleared_ms == 20
    assert not queue.idle, "else the next talkspurt would move the tick, and tear the sentence"
    queue.push(BYE)
    assert [queue.next_frame() for _ in range(4)] == [*SENTENCE[1:], BYE, None]
    queue.clear()
    assert queue.idle


def test_an_agent_that_is_silent_leaves_silence_after_it() -> None:
    queue = playout()
    assert [queue.next_frame() for _ in range(4)] == [*SENTENCE, None]
    assert queue.idle


def test_what_is_left_of_it_is_known_and_can_be_left_out() -> None:
    ends: list[str] = []
    queue = playout(ends)
    queue.push(HELLO)
    assert (queue.sentence_units, queue.queued_units) == (480, 160)
    queue.next_frame()
    assert queue.sentence_units == 320
    queue.cut_sentence()
    assert queue.sentence_units == 0
    assert queue.next_frame() == HELLO
    assert ends == []


def test_a_stall_in_the_sentence_costs_the_agent_nothing_and_one_after_it_is_noted() -> None:
    live = [bytes([0x30 + number]) * 160 for number in range(40)]
    queue = playout()
    for frame in live:
        queue.push(frame)
    queue.skip(10)
    heard = [queue.next_frame() for _ in range(len(SENTENCE) + len(live))]
    assert heard == [*SENTENCE, *live]
    queue.skip(1)
    assert queue.counters.trimmed_ms == 0


def test_it_is_in_the_format_of_the_line() -> None:
    frame = bytes(640)
    queue = PrecededPlayout([frame], lambda: None, LINEAR_16K)
    queue.push(frame)
    assert (queue.sentence_units, queue.queued_units) == (160, 160)
