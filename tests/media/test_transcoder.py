"""One stream from any encoding and rate to any other: in pieces as in one go, at the right pitch and level."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.media.transcoder import Transcoder
from tests.fakes.sound import Samples, strongest_tone, tone, ulaw_decode, ulaw_encode

pytestmark = pytest.mark.slow

Format = tuple[str, int]

RATES_HZ = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]
FORMATS: list[Format] = [("mulaw", 8000), *(("s16le", rate_hz) for rate_hz in RATES_HZ)]
BYTES_PER_SAMPLE = {"mulaw": 1, "s16le": 2}
formats = st.sampled_from(FORMATS)


def transcoder(came: Format, goes: Format) -> Transcoder:
    return Transcoder(from_encoding=came[0], from_hz=came[1], to_encoding=goes[0], to_hz=goes[1])


def octets(pcm: Samples, encoding: str) -> bytes:
    return ulaw_encode(pcm) if encoding == "mulaw" else pcm.astype("<i2").tobytes()


def samples(payload: bytes, encoding: str) -> Samples:
    return ulaw_decode(payload) if encoding == "mulaw" else np.frombuffer(payload, "<i2").astype(np.int16)


@pytest.mark.parametrize("came", FORMATS)
@pytest.mark.parametrize("goes", FORMATS)
def test_a_tone_keeps_its_pitch_its_level_and_its_length(came: Format, goes: Format) -> None:
    said = octets(tone(440, 0.5, rate_hz=came[1]), came[0])
    heard = samples(transcoder(came, goes).process(said), goes[0])
    assert len(heard) == pytest.approx(goes[1] / 2, abs=2)
    found = strongest_tone(heard[goes[1] // 20 :], rate_hz=goes[1])
    assert found.frequency_hz == pytest.approx(440, abs=1)
    assert found.level_dbfs == pytest.approx(-10, abs=0.6)  # the ripple of the resampler
    assert found.share > 0.99


@given(formats, st.binary(max_size=2000))
def test_what_is_equal_on_both_sides_passes_untouched(both: Format, payload: bytes) -> None:
    whole = payload[: len(payload) - len(payload) % BYTES_PER_SAMPLE[both[0]]]
    assert transcoder(both, both).process(payload) == whole


@given(formats, formats, st.lists(st.binary(max_size=300), max_size=20))
def test_no_stream_crashes_it_and_all_that_comes_out_is_whole_samples(
    came: Format, goes: Format, pieces: list[bytes]
) -> None:
    stream = transcoder(came, goes)
    out = [stream.process(piece) for piece in pieces]
    assert all(len(piece) % BYTES_PER_SAMPLE[goes[0]] == 0 for piece in out)
    said = sum(map(len, pieces)) // BYTES_PER_SAMPLE[came[0]] * goes[1] / came[1]
    assert sum(map(len, out)) // BYTES_PER_SAMPLE[goes[0]] == pytest.approx(said, abs=goes[1] / came[1] + 1)


@given(formats, formats, st.binary(max_size=1500), st.lists(st.integers(0, 1500), max_size=10))
def test_where_a_stream_is_cut_makes_no_difference(came: Format, goes: Format, payload: bytes, cuts: list[int]) -> None:
    stream = transcoder(came, goes)
    edges = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    in_pieces = b"".join(stream.process(payload[start:end]) for start, end in itertools.pairwise(edges))
    assert in_pieces == transcoder(came, goes).process(payload)


@given(formats, formats, st.binary(max_size=500), st.binary(max_size=500))
def test_after_a_reset_nothing_is_left_of_what_was_before(
    came: Format, goes: Format, before: bytes, after: bytes
) -> None:
    stream = transcoder(came, goes)
    stream.process(before)
    stream.reset()
    assert stream.process(after) == transcoder(came, goes).process(after)


def test_half_a_sample_waits_for_its_other_half() -> None:
    stream = transcoder(("s16le", 8000), ("s16le", 8000))
    assert [stream.process(piece) for piece in (b"\x01", b"\x02\x03", b"", b"\x04")] == [
        b"",
        b"\x01\x02",
        b"",
        b"\x03\x04",
    ]
