"""The playout queue: frames, marks, clear, the limit; what is trimmed after a stall and what never is."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ari_agent.media.audio import ULAW_SILENCE_FRAME
from ari_agent.media.playout import LIMIT_UNITS, MARKS_LIMIT, Playout

FRAME = 160
FRAME_S = 0.02


def frame(number: int) -> bytes:
    """Loud audio that carries its number."""
    return b"\x10" * 158 + bytes([number % 100, number // 100])


def speech(count: int, *, start: int = 0) -> bytes:
    return b"".join(frame(number) for number in range(start, start + count))


def number_of(audio: bytes | None) -> int | None:
    return audio[-2] + 100 * audio[-1] if audio and audio[100:-2] == b"\x10" * 58 else None


def run(arrivals: Iterable[tuple[float, bytes]], *, until_s: float, phase_s: float = 0.01) -> tuple[Playout, list[int]]:
    """Push what arrives, tick every 20 ms; the numbers of the frames in the order played, and their depths."""
    playout = Playout()
    ticks = ((phase_s + tick * FRAME_S, b"") for tick in range(int(until_s / FRAME_S)))
    played: list[int] = []
    for _, audio in heapq.merge(arrivals, ticks, key=lambda event: event[0]):
        if audio:
            playout.push(audio)
        elif (number := number_of(playout.next_frame())) is not None:
            played.append(number)
    return playout, played


def live(count: int, *, start: int = 0, from_s: float = 0.0) -> list[tuple[float, bytes]]:
    return [(from_s + number * FRAME_S, frame(start + number)) for number in range(count)]


# frames


def test_what_was_played_or_cleared_is_handed_over_and_what_waits_is_not() -> None:
    playout = Playout()
    playout.push(speech(3))
    playout.next_frame()
    assert (playout.handed_units, playout.queued_units) == (FRAME, 2 * FRAME)
    playout.clear()
    assert (playout.handed_units, playout.queued_units) == (3 * FRAME, 0)


def test_frames_come_out_as_they_went_in() -> None:
    playout = Playout()
    playout.push(speech(3))
    assert [number_of(playout.next_frame()) for _ in range(4)] == [0, 1, 2, None]
    assert playout.counters.played_frames == 3
    assert playout.counters.silent_frames == 1


def test_nothing_to_say_is_none() -> None:
    playout = Playout()
    assert playout.idle
    assert playout.next_frame() is None
    playout.push(b"")
    assert playout.next_frame() is None
    assert playout.counters.silent_frames == 2


@given(st.lists(st.integers(0, 700), max_size=30))
def test_chunks_of_any_size_give_the_same_sound(sizes: list[int]) -> None:
    audio = b"\x10" + bytes(random.Random(1).randrange(128) for _ in range(sum(sizes)))
    playout, at = Playout(), 0
    for size in sizes:
        playout.push(audio[at : at + size])
        at += size
    out = b"".join(heard for _ in range(sum(sizes) // FRAME + 4) if (heard := playout.next_frame()))
    whole = at - at % FRAME
    assert out[:whole] == audio[:whole]
    assert len(out) == -(-at // FRAME) * FRAME
    assert playout.queued_units == 0


def test_a_tail_is_faded_and_padded_when_nothing_follows() -> None:
    playout = Playout()
    playout.push(b"\x10" * 420)
    assert playout.next_frame() == playout.next_frame() == b"\x10" * 160
    tail = playout.next_frame()
    assert tail is not None
    assert tail[:60] == b"\x10" * 60
    assert tail[100:] == ULAW_SILENCE_FRAME[:60]
    assert playout.next_frame() is None


def test_a_sound_shorter_than_a_frame_is_played_after_one_tick() -> None:
    playout = Playout()
    playout.push(b"\x10" * 50)
    assert playout.next_frame() is None
    assert playout.next_frame() is not None
    assert playout.next_frame() is None


@pytest.mark.parametrize("chunk_bytes", [43, 100, 240])
def test_a_live_stream_of_odd_chunks_does_not_stutter(chunk_bytes: int) -> None:
    arrivals = [(number * chunk_bytes / 8000, b"\x10" * chunk_bytes) for number in range(20 * 8000 // chunk_bytes)]
    for phase_s in (0.001, 0.007, 0.013, 0.0199):
        playout, _ = run(arrivals, until_s=19.9, phase_s=phase_s)
        assert playout.counters.underruns == 0
        assert playout.counters.silent_frames <= 2
        passed_bytes = playout.counters.played_frames * FRAME + playout.counters.trimmed_ms * 8 + playout.queued_units
        assert passed_bytes == len(arrivals) * chunk_bytes, "no frame was padded"


def test_idle_is_before_a_talkspurt_and_not_within() -> None:
    playout = Playout()
    states = [playout.idle]
    playout.push(frame(1))
    for _ in range(3):
        states.append(playout.idle)
        playout.next_frame()
    states.append(playout.idle)
    assert states == [True, False, False, True, True], "the stream may go on within the tick after its last frame"


# marks and clear


def test_a_mark_comes_back_with_the_frame_that_ends_its_audio() -> None:
    playout = Playout()
    playout.push(speech(2))
    playout.mark("two")
    playout.push(speech(1))
    playout.mark("three")
    back = []
    for _ in range(4):
        playout.next_frame()
        back.append(playout.take_played_marks())
    assert back == [[], ["two"], ["three"], []]


def test_a_mark_within_a_frame_comes_back_with_it() -> None:
    playout = Playout()
    playout.push(speech(2) + b"\x10" * 10)
    playout.mark("in the third")
    playout.push(b"\x10" * 150)
    back = []
    for _ in range(3):
        playout.next_frame()
        back.append(playout.take_played_marks())
    assert back == [[], [], ["in the third"]]


def test_a_mark_after_the_tail_comes_back_with_the_tail() -> None:
    playout = Playout()
    playout.push(b"\x10" * 330)
    playout.mark("end")
    back = []
    for _ in range(3):
        playout.next_frame()
        back.append(playout.take_played_marks())
    assert back == [[], [], ["end"]]


def test_a_mark_with_nothing_queued_comes_back_at_once() -> None:
    playout = Playout()
    assert playout.mark("now")
    assert playout.take_played_marks() == ["now"]
    assert playout.take_played_marks() == []


def test_clear_is_silence_at_once_and_gives_the_marks_back_in_order() -> None:
    playout = Playout()
    playout.push(speech(100))
    playout.mark("a")
    playout.push(b"\x10" * 50)
    playout.mark("b")
    playout.next_frame()
    assert playout.clear() == ["a", "b"]
    assert playout.next_frame() is None
    assert playout.queued_units == 0
    assert playout.take_played_marks() == []
    assert playout.counters.cleared_ms == 99 * 20 + 6


def test_what_comes_after_clear_is_played() -> None:
    playout = Playout()
    playout.push(speech(10))
    playout.clear()
    playout.push(frame(7))
    playout.mark("after")
    assert number_of(playout.next_frame()) == 7
    assert playout.take_played_marks() == ["after"]


def test_marks_are_limited() -> None:
    playout = Playout()
    playout.push(frame(0))
    assert all(playout.mark("m") for _ in range(MARKS_LIMIT))
    assert not playout.mark("one too many")
    assert playout.counters.marks_refused == 1
    playout.next_frame()
    assert len(playout.take_played_marks()) == MARKS_LIMIT


# limit


def test_ten_minutes_are_kept_and_the_rest_is_counted() -> None:
    playout = Playout()
    for _ in range(61):
        playout.push(b"\x10" * 80_000)
    playout.push(b"\x10" * 160)
    playout.push(b"\x10" * 7)
    assert playout.queued_units == LIMIT_UNITS
    assert playout.counters.overflow_ms == 10_000 + 20
    playout.next_frame()
    playout.push(frame(5))
    assert playout.queued_units == LIMIT_UNITS


# what is never trimmed


@pytest.mark.parametrize("chunk_frames", [1, 5, 50, 500])
def test_a_burst_is_played_to_the_last_frame(chunk_frames: int) -> None:
    arrivals = [(0.1 + n * 0.001, speech(chunk_frames, start=n * chunk_frames)) for n in range(500 // chunk_frames)]
    _, played = run(arrivals, until_s=15)
    assert played == list(range(500))


@pytest.mark.parametrize("lead_frames", [5, 10, 50, 150])
@pytest.mark.parametrize("in_one_message", [True, False])
def test_a_burst_and_then_paced_is_played_to_the_last_frame(lead_frames: int, in_one_message: bool) -> None:
    lead = [(0.1, speech(lead_frames))] if in_one_message else [(0.1, frame(n)) for n in range(lead_frames)]
    _, played = run([*lead, *live(1000, start=lead_frames, from_s=0.12)], until_s=30)
    assert played == list(range(1000 + lead_frames))


def test_sentences_with_short_pauses_each_with_a_lead_are_complete() -> None:
    arrivals, at_s, number = [], 0.0, 0
    for _ in range(8):
        arrivals.append((at_s, speech(15, start=number)))
        arrivals += live(150, start=number + 15, from_s=at_s + 0.02)
        at_s, number = at_s + 165 * FRAME_S + 0.3, number + 165
    _, played = run(arrivals, until_s=at_s + 2)
    assert played == list(range(number))


def test_speech_made_in_pieces_with_gaps_is_complete() -> None:
    """A synthesiser that is slower than real time at first: 1 s of audio, 1.4 s later the rest in bursts."""
    arrivals = [(0.0, speech(50)), (1.4, speech(100, start=50)), (2.0, speech(300, start=150))]
    _, played = run(arrivals, until_s=15)
    assert played == list(range(450))


def test_live_talkspurts_are_complete() -> None:
    arrivals = [pair for spurt in range(10) for pair in live(60, start=spurt * 60, from_s=spurt * 1.7)]
    _, played = run(arrivals, until_s=20)
    assert played == list(range(600))


@pytest.mark.parametrize("jitter_s", [0.002, 0.005, 0.009])
@pytest.mark.parametrize("seed", range(4))
def test_a_live_stream_with_jitter_is_neither_trimmed_nor_broken_when_begun_in_the_middle(
    jitter_s: float, seed: int
) -> None:
    """The wheel places the first tick 10 ms behind the first audio."""
    dice = random.Random(seed)
    arrivals = [(0.02 * n + dice.uniform(-jitter_s, jitter_s) * (n > 0), frame(n)) for n in range(1500)]
    playout, played = run(sorted(arrivals), until_s=30.02, phase_s=0.01)
    assert played == list(range(1500))
    assert playout.counters.underruns == 0
    assert playout.counters.trimmed_ms == 0


# what is trimmed


@pytest.mark.parametrize("stall_frames", [3, 10, 25, 100])
def test_the_backlog_of_a_live_stream_is_gone_soon_after_a_stall(stall_frames: int) -> None:
    stalled = range(200, 200 + stall_frames)
    back_s = (200 + stall_frames) * FRAME_S
    arrivals = [(back_s if n in stalled else n * FRAME_S, frame(n)) for n in range(1000)]
    playout, played = run(arrivals, until_s=20)
    assert playout.counters.trimmed_ms == pytest.approx(stall_frames * 20, abs=20)
    assert playout.queued_units <= FRAME
    assert played == sorted(set(played))
    assert played[-400:] == list(range(played[-1] - 399, played[-1] + 1))


def test_a_stall_after_a_pause_is_noticed_too() -> None:
    """An agent that sends only while it speaks: 2 s of speech, 1 s of nothing, then a stall of 400 ms in its speech."""
    again = [(n * FRAME_S if not 250 <= n < 270 else 270 * FRAME_S, frame(n)) for n in range(150, 600)]
    playout, played = run([*live(100), *again], until_s=12)
    assert playout.counters.trimmed_ms == pytest.approx(400, abs=20)
    assert played == sorted(set(played))


def test_ticks_that_the_wheel_left_out_are_a_stall_too() -> None:
    playout = Playout()
    for number in range(100):
        playout.push(frame(number))
        playout.next_frame()
    playout.skip(20)
    playout.push(speech(20, start=100))
    for number in range(120, 320):
        playout.push(frame(number))
        last = number_of(playout.next_frame())
    assert playout.counters.trimmed_ms == 400
    assert last == 319


@pytest.mark.parametrize("lost", [0, 1, 5])
def test_the_backlog_of_every_one_of_many_stalls_is_gone_soon(lost: int) -> None:
    """Stalls of our own, of 200 ms each and then two late ticks that find nothing; part of the audio may be lost."""
    playout = Playout()
    for _ in range(12):
        for _ in range(100):
            playout.push(frame(1))
            playout.next_frame()
        assert playout.queued_units <= FRAME
        playout.skip(10)
        assert (playout.next_frame(), playout.next_frame()) == (None, None)
        playout.push(speech(12 - lost))


def test_a_fast_clock_of_the_agent_does_not_add_up() -> None:
    arrivals = [(n * FRAME_S / 1.001, frame(n % 5000)) for n in range(30_000)]
    playout, _ = run(arrivals[:29_900], until_s=arrivals[29_900][0])
    assert playout.counters.trimmed_ms == pytest.approx(600, abs=60)
    assert playout.queued_units <= 3 * FRAME


def test_a_stream_that_needs_its_queue_is_asked_ever_more_seldom() -> None:
    """One message in 150 comes 25 ms late: the frame more that this needs is not taken away every second."""
    arrivals = sorted((n * FRAME_S + (0.025 if n % 150 == 149 else 0), frame(n % 5000)) for n in range(6000))
    playout, _ = run(arrivals, until_s=119)
    assert playout.counters.underruns <= 8
    assert playout.counters.trimmed_ms <= 160


def test_marks_within_a_trimmed_piece_come_back() -> None:
    playout = Playout()
    back: Counter[str] = Counter()
    for number in range(400):
        if not 100 <= number < 130:
            for late in range(100, 131) if number == 130 else [number]:
                playout.push(frame(late))
                playout.mark(str(late))
        playout.next_frame()
        back.update(playout.take_played_marks())
    assert playout.counters.trimmed_ms > 0
    assert back == Counter(str(number) for number in range(400))


def test_an_agent_that_streamed_into_the_ringing_is_brought_back_by_its_pauses() -> None:
    playout = Playout()
    for _ in range(100):
        playout.push(ULAW_SILENCE_FRAME)
    words = 0
    for number in range(1500):
        talking = number % 150 >= 75
        playout.push(frame(number) if talking else ULAW_SILENCE_FRAME)
        words += number_of(playout.next_frame()) is not None
    assert playout.queued_units <= FRAME
    assert playout.counters.shortened_ms == pytest.approx(2000, abs=40)
    assert words == 750, "no word is lost"


def test_a_pause_is_never_shortened_below_200_ms() -> None:
    playout = Playout()
    playout.push(speech(100))
    runs, silent = [], 0
    for number in range(600):
        playout.push(ULAW_SILENCE_FRAME if number % 50 >= 30 else frame(number))
        if playout.next_frame() == ULAW_SILENCE_FRAME:
            silent += 1
        elif silent:
            runs.append(silent)
            silent = 0
    assert min(runs) == 10


class AnyAgent(RuleBasedStateMachine):
    """Whatever is done in whatever order: audio and marks come back once, in order, and nothing is made up."""

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout()
        self.pushed = 0
        self.marked: list[str] = []
        self.returned: list[str] = []
        self.clears = 0

    @rule(size=st.sampled_from([1, 43, 159, 160, 160, 160, 161, 240, 800, 8000]))
    def push(self, size: int) -> None:
        self.playout.push(b"\x10" * size)
        self.pushed += size

    @rule()
    def mark(self) -> None:
        name = str(len(self.marked))
        self.marked.append(name)
        assert self.playout.mark(name)

    @rule(count=st.integers(1, 80))
    def tick(self, count: int) -> None:
        for _ in range(count):
            heard = self.playout.next_frame()
            self.returned += self.playout.take_played_marks()
            assert heard is None or len(heard) == FRAME

    @rule(count=st.integers(1, 80))
    def live(self, count: int) -> None:
        for _ in range(count):
            self.push(FRAME)
            self.tick(1)

    @rule(count=st.integers(1, 200))
    def skip(self, count: int) -> None:
        self.playout.skip(count)

    @rule()
    def clear(self) -> None:
        self.returned += self.playout.take_played_marks()
        self.returned += self.playout.clear()
        self.clears += 1
        assert self.playout.next_frame() is None

    @invariant()
    def marks_come_back_in_order(self) -> None:
        assert self.returned == self.marked[: len(self.returned)]

    @invariant()
    def all_audio_is_accounted_for(self) -> None:
        counters = self.playout.counters
        left_out_ms = counters.trimmed_ms + counters.shortened_ms + counters.cleared_ms + counters.overflow_ms
        whole = counters.played_frames * FRAME + left_out_ms * 8 + self.playout.queued_units
        assert self.playout.queued_units <= self.pushed <= whole + 8 * self.clears

    def teardown(self) -> None:
        while not self.playout.idle or self.playout.queued_units:
            self.playout.next_frame()
        self.returned += self.playout.take_played_marks()
        assert self.returned == self.marked


AnyAgent.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyAgent = AnyAgent.TestCase


def test_what_waits_is_known_in_bytes_and_in_frames() -> None:
    playout = Playout()
    assert (playout.queued_units, playout.ready, playout.starved) == (0, False, False)
    playout.push(speech(3) + b"\x10" * 100)
    assert (playout.queued_units, playout.ready, playout.starved) == (580, True, False)
    assert number_of(playout.next_frame()) == 0
    assert (playout.queued_units, playout.ready) == (420, True)


def test_a_talkspurt_that_runs_dry_is_starved_until_something_comes() -> None:
    playout = Playout()
    playout.push(speech(2))
    states = []
    for _ in range(3):
        playout.next_frame()
        states.append(playout.starved)
    playout.push(speech(1, start=2))
    assert [*states, playout.starved] == [False, True, False, False]


def test_a_tick_that_comes_late_is_no_fault_of_the_stream() -> None:
    late, early = Playout(), Playout()
    for playout, samples in ((late, 80), (early, -80)):
        playout.push(speech(3))
        playout.pass_time(samples)
    assert [number_of(late.next_frame()) for _ in range(3)] == [number_of(early.next_frame()) for _ in range(3)]
