"""Where a voice begins and ends, by a detector that says what the test wants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.speech.voice_activity import (
    WINDOW_BYTES,
    WINDOW_MS,
    VoiceActivity,
    VoiceChange,
    VoiceStarted,
    VoiceStopped,
)


class Script:
    """A detector that knows beforehand: a window of voice for each "x"; and silence after the last one."""

    def __init__(self, windows: str) -> None:
        self._windows = iter(windows)

    def open(self) -> Script:
        return self

    def hear(self, pcm: bytes) -> Sequence[float]:
        assert len(pcm) % WINDOW_BYTES == 0
        return [0.9 if next(self._windows, ".") == "x" else 0.1 for _ in range(len(pcm) // WINDOW_BYTES)]


def tone(windows: int, *, dbfs: float = -20) -> bytes:
    """So loud that its level is clear: a square wave."""
    amplitude = round(32767 * math.pow(10, dbfs / 20))
    return (amplitude.to_bytes(2, "little", signed=True) + (-amplitude).to_bytes(2, "little", signed=True)) * (
        windows * WINDOW_BYTES // 4
    )


def changes(script: str, *, silence_ms: int = 96, piece: int = 640) -> list[VoiceChange]:
    activity = VoiceActivity(Script(script), silence_ms=silence_ms)
    return list(heard(activity, tone(len(script)), piece=piece))


def heard(activity: VoiceActivity, pcm: bytes, *, piece: int = 640) -> Iterator[VoiceChange]:
    for start in range(0, len(pcm), piece):
        yield from activity.feed(pcm[start : start + piece])


@pytest.mark.parametrize(
    ("script", "started", "stopped"),
    [
        ("..xxx...", [2], [5]),
        ("..xx....", [], []),
        ("xxxx..x...xxx", [0, 10], [7]),
        ("x.x.x.x.x", [], []),
        ("xxx..xxx..xx..", [0], []),
    ],
    ids=["three", "two", "two-voices", "crackle", "short-pauses"],
)
def test_three_windows_make_a_voice_and_a_pause_of_silence_ms_ends_it(
    script: str, started: list[int], stopped: list[int]
) -> None:
    found = changes(script)
    assert [change.at_ms for change in found if isinstance(change, VoiceStarted)] == [at * WINDOW_MS for at in started]
    assert [change.at_ms for change in found if isinstance(change, VoiceStopped)] == [at * WINDOW_MS for at in stopped]


def test_it_is_speaking_from_one_change_to_the_other() -> None:
    activity = VoiceActivity(Script("xxxxx"), silence_ms=64)
    spoke = []
    for _ in range(8):
        activity.feed(tone(1))
        spoke.append(activity.speaking)
    assert spoke == [False, False, True, True, True, True, False, False]
    assert activity.heard_ms == 8 * WINDOW_MS
    assert activity.voice_ended_ms == 5 * WINDOW_MS


def test_a_window_of_voice_may_be_the_begin_of_one_until_it_is_known() -> None:
    activity = VoiceActivity(Script("x.xxx.x"), silence_ms=320)
    may_begin = []
    for _ in range(7):
        activity.feed(tone(1))
        may_begin.append(activity.may_begin)
    assert may_begin == [True, False, True, True, False, False, False]


def test_another_silence_holds_for_the_pause_that_has_begun() -> None:
    activity = VoiceActivity(Script("xxx"), silence_ms=1000)
    assert activity.feed(tone(6)) == [VoiceStarted(0)]
    activity.silence_ms = 100
    assert activity.feed(tone(1)) == [VoiceStopped(96)]


def test_what_is_far_below_the_voice_is_no_voice() -> None:
    activity = VoiceActivity(Script("x" * 100), silence_ms=96)
    assert activity.feed(tone(20, dbfs=-20)) == [VoiceStarted(0)]
    assert activity.feed(tone(5, dbfs=-30)) == []
    assert activity.feed(tone(5, dbfs=-40)) == [VoiceStopped(25 * WINDOW_MS)]


def test_whoever_speaks_low_after_another_who_was_loud_is_heard_within_two_seconds() -> None:
    activity = VoiceActivity(Script("x" * 30 + "." * 30 + "x" * 200), silence_ms=96)
    assert len(activity.feed(tone(30, dbfs=-10) + tone(30, dbfs=-90))) == 2
    found = activity.feed(tone(200, dbfs=-32))
    assert found and isinstance(found[0], VoiceStarted)
    assert found[0].at_ms < 60 * WINDOW_MS + 2000


def test_one_loud_window_does_not_deafen_it() -> None:
    activity = VoiceActivity(Script("x" * 40), silence_ms=96)
    activity.feed(tone(10, dbfs=-30) + tone(1, dbfs=0))
    assert activity.feed(tone(20, dbfs=-30)) == []
    assert activity.speaking


@given(st.text("x.", max_size=60), st.integers(1, 3000), st.integers(0, 500))
def test_changes_take_turns_and_do_not_depend_on_how_the_audio_was_cut(
    script: str, piece: int, silence_ms: int
) -> None:
    found = changes(script, silence_ms=silence_ms, piece=piece)
    assert found == changes(script, silence_ms=silence_ms, piece=640)
    for first, second in pairwise(found):
        assert type(first) is not type(second)
        assert first.at_ms < second.at_ms
    assert not found or isinstance(found[0], VoiceStarted)
    assert all(0 <= change.at_ms <= len(script) * WINDOW_MS for change in found)
