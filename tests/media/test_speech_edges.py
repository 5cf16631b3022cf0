"""When speech begins and ends, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.audio import linear_to_ulaw
from ari_agent.media.sound import Sound
from ari_agent.media.speech_edges import KEPT_FRAMES, LOOKED_AT, SpeechEdges, is_speech
from tests.fakes.sound import noise

FRAME_S = 0.02
BEGAN_S = 50.0


def frame(dbfs: float, *, is_linear: bool = False) -> bytes:
    """20 ms at 8 kHz."""
    pcm = noise(0.02, level_dbfs=dbfs + 3.0).astype("<i2").tobytes()  # tests measure a sine of full scale as 0 dBFS
    return pcm if is_linear else linear_to_ulaw(pcm)


class Line:
    """One side of a call, and the edges that were found, by the number of their frame."""

    def __init__(self, *, is_linear: bool = False) -> None:
        self.speech = SpeechEdges(is_linear=is_linear, rate_hz=8000)
        self.speech.on_edge = lambda speaks, at_s: self.edges.append((speaks, round((at_s - BEGAN_S) / FRAME_S)))
        self.edges: list[tuple[bool, int]] = []
        self.searched = 0
        self._is_linear = is_linear
        self._count = 0

    def hear(self, frames: str, *, loud_dbfs: float = -20.0, quiet_dbfs: float = -70.0) -> None:
        """`#` is a loud frame, any other a quiet one."""
        for kind in frames:
            self._count += 1
            piece = frame(loud_dbfs if kind == "#" else quiet_dbfs, is_linear=self._is_linear)
            self.speech.frames.append(piece)
            if len(self.speech.frames) == LOOKED_AT:
                if self.speech.is_loud(piece) is self.speech.usual:
                    self.speech.release()
                else:
                    self.searched += 1
                    self.speech.look(BEGAN_S + self._count * FRAME_S)

    def stop(self) -> None:
        self.speech.fall_silent(BEGAN_S + self._count * FRAME_S)


@pytest.mark.parametrize("is_linear", [False, True])
@pytest.mark.parametrize(
    ("frames", "edges"),
    [
        ("....####....", [(True, 4), (False, 8)]),
        ("...#####....", [(True, 3), (False, 8)]),
        ("......##########......", [(True, 6), (False, 16)]),
        ("#####...", [(True, 0), (False, 5)]),
        (".." + "#" * 40 + ".." * 3, [(True, 2), (False, 42)]),
        ("............", []),
    ],
)
def test_an_edge_is_found_to_the_frame(frames: str, edges: list[tuple[bool, int]], is_linear: bool) -> None:
    line = Line(is_linear=is_linear)
    line.hear(frames)
    assert line.edges == edges


def test_what_stays_as_it_is_is_not_searched() -> None:
    line = Line()
    line.hear("." * 40 + "#" * 40 + "." * 40)
    assert line.searched == 2


def test_a_sound_between_two_looks_is_found_while_it_is_looked_closely() -> None:
    line = Line()
    line.hear("....#...")
    assert line.edges == []
    line.speech.look_closely(True)
    line.hear("..#.")
    assert line.edges == [(True, 10), (False, 11)]
    line.speech.look_closely(False)
    line.hear("..#.")
    assert len(line.edges) == 2


def test_speech_ends_with_its_last_frame_where_none_follows() -> None:
    line = Line()
    line.hear("######")
    sounds = [line.speech.sounds]
    line.stop()
    assert line.edges == [(True, 0), (False, 6)]
    sounds.append(line.speech.sounds)
    line.hear("....#")  # the last was not looked at
    sounds.append(line.speech.sounds)
    line.stop()
    assert sounds == [True, False, True]
    assert line.edges[2:] == [(True, 10), (False, 11)]


@pytest.mark.parametrize("is_linear", [False, True])
def test_noise_is_no_speech_once_it_was_told_apart_from_the_voice(is_linear: bool) -> None:
    line = Line(is_linear=is_linear)
    line.speech.measure(frame(-36.0, is_linear=is_linear))
    line.speech.measure(frame(-12.0, is_linear=is_linear))
    line.hear("....########....########....", loud_dbfs=-12.0, quiet_dbfs=-36.0)
    assert line.edges == [(True, 4), (False, 12), (True, 16), (False, 24)]


def test_what_keeps_one_level_is_noise_and_was_no_speech() -> None:
    line = Line()
    line.hear("." * 8, quiet_dbfs=-36.0)
    assert line.edges == [(True, 0)], "it may be a voice"
    for _ in range(3):
        line.speech.measure(frame(-36.0))
    assert line.edges == [(True, 0), (False, 0)]
    line.hear("....####....", quiet_dbfs=-36.0, loud_dbfs=-12.0)
    assert line.edges[2:] == [(True, 12), (False, 16)]


def test_a_voice_that_is_not_told_apart_from_noise_yet_is_heard() -> None:
    line = Line()
    for dbfs in (-20.0, -30.0, -24.0, -31.0):
        line.speech.measure(frame(dbfs))
    line.hear("....####....")
    assert line.edges == [(True, 4), (False, 8)]


def test_noise_that_is_over_is_forgotten() -> None:
    line = Line()
    line.speech.measure(frame(-36.0))
    line.speech.measure(frame(-12.0))
    usual = [line.speech.usual]
    line.hear("####", loud_dbfs=-12.0)
    usual.append(line.speech.usual)
    line.speech.measure(frame(-70.0))
    usual.append(line.speech.usual)
    assert usual == [False, None, True], "what is loud is looked at twice on a noisy line, what is not is not"


def test_frames_of_other_lengths_are_timed_by_their_length() -> None:
    line = Line()
    told: list[float] = []
    line.speech.on_edge = lambda _, at_s: told.append(at_s)
    for level in (-70.0, -20.0, -20.0, -20.0):
        line.speech.frames.append(frame(level) * 3)  # ptime 60
    line.speech.look(10.0)
    assert told == [pytest.approx(10.0 - 0.18)]


class KeptLine(Line):
    """A line whose sound is kept, and what was heard at each edge."""

    def __init__(self) -> None:
        super().__init__()
        self.speech.keep_sound()
        self.heard: list[Sound | None] = []
        note = self.speech.on_edge

        def hear_again(speaks: bool, at_s: float) -> None:
            note(speaks, at_s)
            self.heard.append(self.speech.sound())

        self.speech.on_edge = hear_again


def test_at_each_edge_it_is_known_what_was_heard_before() -> None:
    line = KeptLine()
    line.hear("....#####...")
    began, ended = line.heard
    assert began is not None and ended is not None
    assert [len(began.frames), len(ended.frames)] == [8, 12]
    assert [began.ended_s, ended.ended_s] == pytest.approx([BEGAN_S + 8 * FRAME_S, BEGAN_S + 12 * FRAME_S])
    assert (ended.is_linear, ended.rate_hz) == (False, 8000)
    assert [is_speech(piece) for piece in ended.frames] == [4 <= index < 9 for index in range(12)]


def test_the_latest_two_seconds_are_kept() -> None:
    line = KeptLine()
    line.hear("." * 200 + "#" * 40 + "..")
    heard = line.speech.sound(7.0)
    assert heard is not None
    assert (len(heard.frames), heard.ended_s) == (KEPT_FRAMES + 2, 7.0)
    assert not is_speech(heard.frames[-1]) and is_speech(heard.frames[-3])


def test_between_two_looks_nobody_knows_when_the_latest_frame_ended() -> None:
    line = KeptLine()
    line.hear("####" * 3, loud_dbfs=-36.0)
    for _ in range(3):
        line.speech.measure(frame(-36.0))
    assert line.edges[-1][0] is False
    assert line.heard[-1] is None


def test_what_follows_a_silence_in_which_nothing_came_is_heard_apart() -> None:
    line = KeptLine()
    line.hear("######")
    line.stop()
    ended = line.heard[-1]
    assert ended is not None and len(ended.frames) == 6
    line.hear("####")
    began = line.heard[-1]
    assert began is not None and len(began.frames) == 4


def test_nothing_is_kept_without_being_asked_for() -> None:
    line = Line()
    line.hear("....####")
    assert line.speech.sound(1.0) is None


@given(st.lists(st.booleans(), max_size=80), st.lists(st.booleans(), min_size=20, max_size=20))
def test_edges_alternate_and_go_forward(loud: list[bool], closely: list[bool]) -> None:
    line = Line()
    for start in range(0, len(loud), LOOKED_AT):
        line.speech.look_closely(closely[start // LOOKED_AT])
        line.hear("".join("#" if is_loud else "." for is_loud in loud[start : start + LOOKED_AT]))
    line.stop()
    assert [speaks for speaks, _ in line.edges] == [index % 2 == 0 for index in range(len(line.edges))]
    places = [place for _, place in line.edges]
    assert places == sorted(places)
    assert len(line.edges) % 2 == 0


def test_the_noise_of_these_tests_is_as_loud_as_they_say() -> None:
    pcm = np.frombuffer(frame(-20.0, is_linear=True), "<i2").astype(float)
    assert 20 * np.log10(np.sqrt(np.mean(pcm**2)) / 32768) == pytest.approx(-20.0, abs=0.5)
