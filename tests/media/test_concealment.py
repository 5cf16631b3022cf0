"""Concealment: a tone goes on over the gap, fades, and comes back without a click."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat
from ari_agent.media.concealment import SILENT_AFTER, Concealer

AMPLITUDE = 8000


def tone(hz: float, start: int, count: int) -> bytes:
    at = np.arange(start, start + count)
    return ULAW.from_linear(np.rint(AMPLITUDE * np.sin(2 * math.pi * hz * at / 8000)).astype("<i2").tobytes())


def linear(audio: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(ULAW.to_linear(audio), "<i2").astype(np.float64)


def heard(hz: float) -> Concealer:
    """A concealer that has heard 100 ms of a tone."""
    concealer = Concealer()
    for start in range(0, 800, 160):
        concealer.hear(tone(hz, start, 160))
    return concealer


@pytest.mark.parametrize("hz", [100, 125, 160, 200, 330, 400])
def test_a_periodic_sound_goes_on_through_a_lost_frame(hz: int) -> None:
    made = linear(heard(hz).conceal(160))[:80]
    expected = linear(tone(hz, 800, 80))
    noise = np.sqrt(np.mean((made - expected) ** 2) / np.mean(expected**2))
    assert noise < 0.35, f"the first 10 ms differ from the tone by {20 * math.log10(noise):.1f} dB"


def test_there_is_no_step_where_the_gap_begins_or_ends() -> None:
    concealer = heard(170)
    gap, after = concealer.conceal(160), tone(170, 960 + 23, 160)
    joined = linear(tone(170, 640, 160) + gap + concealer.resume(after))
    steepest = 2 * math.pi * 170 / 8000 * AMPLITUDE
    assert np.abs(np.diff(joined)).max() < 2 * steepest


def test_it_falls_by_a_fifth_every_10_ms_and_is_silent_after_60() -> None:
    made = linear(heard(200).conceal(640))
    peaks = [np.abs(made[start : start + 80]).max() / AMPLITUDE for start in range(0, 640, 80)]
    assert peaks[0] == pytest.approx(1, abs=0.05)
    assert [later < earlier for earlier, later in pairwise(peaks[:6])] == [True] * 5
    assert peaks[3] == pytest.approx(0.6, abs=0.1)
    assert not made[SILENT_AFTER:].any()


def test_pieces_are_the_same_as_one_gap() -> None:
    whole, pieces = heard(150), heard(150)
    assert pieces.conceal(80) + pieces.conceal(160) + pieces.conceal(240) == whole.conceal(480)


def test_real_audio_is_faded_in_over_5_ms_and_then_untouched() -> None:
    concealer = heard(200)
    concealer.conceal(160)
    after = tone(330, 960, 160)
    assert concealer.resume(after)[40:] == after[40:]
    assert concealer.resume(after) == after


def test_after_silence_audio_comes_back_as_it_is() -> None:
    concealer = heard(200)
    concealer.conceal(800)
    assert concealer.silent
    after = tone(330, 0, 160)
    assert concealer.resume(after) == after
    assert not concealer.silent


def test_a_second_gap_is_concealed_like_the_first() -> None:
    concealer = heard(200)
    first = concealer.conceal(160)
    concealer.resume(tone(200, 960, 160))
    for start in range(1120, 1600, 160):
        concealer.hear(tone(200, start, 160))
    assert np.abs(linear(concealer.conceal(160)) - linear(first)).max() < AMPLITUDE / 4


@pytest.mark.parametrize("audio", [ULAW, LINEAR_16K])
def test_nothing_heard_is_silence(audio: SampleFormat) -> None:
    assert Concealer(audio).conceal(160) == audio.silence * 160


def test_silence_before_is_silence_after() -> None:
    concealer = Concealer()
    for _ in range(4):
        concealer.hear(b"\xff" * 160)
    assert not linear(concealer.conceal(160)).any()


@given(st.lists(st.binary(max_size=200), max_size=8), st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_whatever_was_heard_the_gap_has_the_asked_length(payloads: list[bytes], gaps: list[int]) -> None:
    concealer = Concealer()
    for payload in payloads:
        concealer.hear(payload)
    for gap in gaps:
        assert len(concealer.conceal(gap)) == gap
    assert len(concealer.resume(b"\x00" * 160)) == 160
