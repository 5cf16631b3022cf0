"""The peaks of recordings: each channel's own, whatever the pieces, and no more points than a screen has."""

from __future__ import annotations

import struct

import pytest

from ari_agent.media.audio import LINEAR_16K, ULAW, linear_to_ulaw
from ari_agent.media.peaks import MOST_PEAKS, PeakMeter
from ari_agent.media.wave_file import WaveFormat


def stereo(*blocks: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<hh", *block) for block in blocks)


def peaks_of(recording: WaveFormat, audio: bytes, *, piece_bytes: int) -> list[list[int]]:
    meter = PeakMeter(recording, len(audio))
    for start in range(0, len(audio), piece_bytes):
        meter.feed(audio[start : start + piece_bytes])
    return [list(channel) for channel in meter.peaks()]


AUDIO = stereo(*[(0, -32768)] * 4000, *[(16384, 0)] * 4000, *[(-3277, 100)] * 30)


@pytest.mark.parametrize("piece_bytes", [1, 7, 4096, 10**6])
def test_each_channel_has_its_own_peaks_whatever_the_pieces(piece_bytes: int) -> None:
    left, right = peaks_of(WaveFormat(LINEAR_16K), AUDIO, piece_bytes=piece_bytes)
    assert (left, right) == ([0] * 800 + [50] * 800 + [10] * 6, [100] * 800 + [0] * 806)


def test_mu_law_is_as_loud_as_what_it_stands_for() -> None:
    left, right = peaks_of(WaveFormat(ULAW), linear_to_ulaw(AUDIO), piece_bytes=1000)
    assert (left[0], left[800], right[0], right[800]) == (0, 51, 98, 0)
    (mixed,) = peaks_of(WaveFormat(ULAW, 1), linear_to_ulaw(AUDIO[:80]), piece_bytes=9)
    assert mixed == [0, 98] * 20


def test_a_long_recording_has_no_more_points_and_half_a_block_is_none() -> None:
    hour = PeakMeter(WaveFormat(ULAW), 57_600_001)
    for _ in range(225):
        hour.feed(bytes(256_000))
    hour.feed(b"\0")
    assert hour.duration_s == 3600.0
    assert [len(channel) for channel in hour.peaks()] == [MOST_PEAKS, MOST_PEAKS]
    assert peaks_of(WaveFormat(ULAW), b"", piece_bytes=1) == [[], []]
    assert peaks_of(WaveFormat(ULAW), b"\0", piece_bytes=1) == [[], []]
