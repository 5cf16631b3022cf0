"""G.711, byte order, levels and fades."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media import audio

EVERY_CODE = bytes(range(256))


def itu_ulaw(code: int) -> int:
    """ITU-T G.711 table 2, in 16 bits: 14-bit values times 4."""
    inverted = ~code & 0xFF
    step, segment = inverted & 0x0F, inverted >> 4 & 0x07
    magnitude = ((step * 2 + 33) << segment) - 33
    return -4 * magnitude if inverted & 0x80 else 4 * magnitude


def samples(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def test_mu_law_is_that_of_the_itu() -> None:
    assert samples(audio.ulaw_to_linear(EVERY_CODE)) == tuple(itu_ulaw(code) for code in EVERY_CODE)


def test_every_code_survives_the_way_through_linear() -> None:
    negative_zero = 0x7F  # the same sample as positive zero, 0xFF
    back = audio.linear_to_ulaw(audio.ulaw_to_linear(EVERY_CODE))
    assert back == EVERY_CODE.replace(bytes([negative_zero]), b"\xff")


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_mu_law_is_never_further_off_than_half_its_step_and_14_bits(values: list[int]) -> None:
    pcm = struct.pack(f"<{len(values)}h", *values)
    for value, coded in zip(values, samples(audio.ulaw_to_linear(audio.linear_to_ulaw(pcm))), strict=True):
        clipped = max(-32124, min(32124, value))
        assert abs(clipped - coded) <= max(8, abs(value) / 16) + 4


def test_silence_is_silent() -> None:
    assert not any(samples(audio.ulaw_to_linear(audio.ULAW_SILENCE_FRAME)))
    assert len(audio.ULAW_SILENCE_FRAME) == audio.FRAME_UNITS


@given(st.binary(max_size=40).map(lambda pcm: pcm * 2))
def test_swapping_bytes_twice_changes_nothing(pcm: bytes) -> None:
    assert audio.swap_bytes(audio.swap_bytes(pcm)) == pcm


def test_swapped_samples_are_big_endian() -> None:
    assert audio.swap_bytes(struct.pack("<2h", 258, -2)) == struct.pack(">2h", 258, -2)


@pytest.mark.parametrize("convert", [audio.linear_to_ulaw, audio.swap_bytes, audio.level_dbfs])
def test_half_a_sample_is_refused(convert: object) -> None:
    assert callable(convert)
    with pytest.raises(ValueError, match="3 bytes are not a whole number of 16-bit samples"):
        convert(b"abc")


def test_levels_are_in_decibels_of_full_scale() -> None:
    sine = (32767 * np.sin(np.arange(8000) * 2 * math.pi / 80)).astype("<i2").tobytes()
    assert audio.level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert audio.level_dbfs(struct.pack("<2h", 327, -327)) == pytest.approx(-40.0, abs=0.1)
    assert audio.level_dbfs(bytes(320)) == audio.SILENCE_DBFS
    assert audio.level_dbfs(b"") == audio.SILENCE_DBFS


def test_quiet_is_below_what_is_heard() -> None:
    hiss = struct.pack("<4h", 30, -30, 0, 8)
    voice = struct.pack("<4h", 30, -30, 200, 8)
    assert audio.is_quiet_ulaw(audio.linear_to_ulaw(hiss))
    assert audio.is_quiet_ulaw(audio.ULAW_SILENCE_FRAME)
    assert not audio.is_quiet_ulaw(audio.linear_to_ulaw(voice))


def test_a_fade_keeps_the_beginning_and_ends_in_silence() -> None:
    loud = audio.linear_to_ulaw(struct.pack("<100h", *[8000] * 100))
    faded = samples(audio.ulaw_to_linear(audio.fade_out(loud)))
    assert len(faded) == 100
    assert faded[:60] == samples(audio.ulaw_to_linear(loud))[:60]
    assert all(later <= earlier for earlier, later in pairwise(faded[59:]))
    assert faded[-1] < 400


@given(st.binary(max_size=60))
def test_a_fade_of_any_length_keeps_it(ulaw: bytes) -> None:
    assert len(audio.fade_out(ulaw)) == len(ulaw)


def test_a_crossfade_passes_from_old_to_new() -> None:
    old = audio.linear_to_ulaw(struct.pack("<160h", *[8000] * 160))
    new = audio.linear_to_ulaw(struct.pack("<160h", *[-8000] * 160))
    mixed = samples(audio.ulaw_to_linear(audio.crossfade(old, new, over_units=40)))
    assert mixed[0] > 7000
    assert all(later <= earlier for earlier, later in pairwise(mixed))
    assert mixed[40:] == samples(audio.ulaw_to_linear(new))[40:]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_crossfade_is_as_long_as_the_new_audio(old: bytes, new: bytes) -> None:
    assert len(audio.crossfade(old, new)) == len(new)


def test_amplified_sound_is_louder_and_clipped_at_full_scale() -> None:
    quiet = struct.pack("<4h", 100, -100, 0, 20_000)
    assert samples(audio.amplify(quiet, 2.0)) == (200, -200, 0, 32767)
    assert samples(audio.amplify(quiet, 0.5)) == (50, -50, 0, 10_000)
