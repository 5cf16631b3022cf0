"""Resampling, measured with tones: flat where speech is, closed where aliases come from, late by 2 ms, exact."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_agent.media.resampler import Resampler

pytestmark = pytest.mark.slow

RATES_HZ = [16000, 22050, 24000, 32000, 44100, 48000]
PAIRS = [(8000, rate) for rate in RATES_HZ] + [(rate, 8000) for rate in RATES_HZ] + [(16000, 24000), (48000, 16000)]
LEVEL = 20000.0
FRAMES = 10


def tone(hz: float, rate_hz: int, *, seconds: float = 0.52) -> bytes:
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.rint(LEVEL * np.sin(2 * math.pi * hz * time_s)).astype("<i2").tobytes()


def spectrum_db(pcm: bytes, rate_hz: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequencies (every 2 Hz) and their levels against LEVEL, without the first 20 ms."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)[rate_hz // 50 :]
    window = np.blackman(len(samples))
    magnitude = np.abs(np.fft.rfft(samples * window)) * 2 / window.sum() / LEVEL
    frequencies: npt.NDArray[np.float64] = np.fft.rfftfreq(len(samples), 1 / rate_hz).astype(np.float64)
    return frequencies, 20 * np.log10(magnitude + 1e-9)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_pass_band_is_flat_to_3400_hz(from_hz: int, to_hz: int) -> None:
    for hz in range(200, 3401, 160):
        frequencies, level_db = spectrum_db(Resampler(from_hz, to_hz).process(tone(hz, from_hz)), to_hz)
        at_tone = level_db[np.abs(frequencies - hz) < 10].max()
        assert abs(at_tone) < 0.6, f"{hz} Hz comes out at {at_tone:.2f} dB"


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_aliases_and_images_are_60_db_down_across_the_band(from_hz: int, to_hz: int) -> None:
    for hz in range(150, from_hz // 2, 310):
        if min(from_hz, to_hz) // 2 - 100 < hz < min(from_hz, to_hz) // 2 + 100:
            continue  # the tone and its alias are too near one another to be told apart
        frequencies, level_db = spectrum_db(Resampler(from_hz, to_hz).process(tone(hz, from_hz)), to_hz)
        others = level_db[np.abs(frequencies - hz) > 25]
        assert others.max() < -60, f"{hz} Hz brings something at {others.max():.1f} dB"


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_delay_is_at_most_3_ms_and_as_stated(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    click = np.zeros(from_hz // 10, "<i2")
    click[from_hz // 50] = 30000
    out = np.frombuffer(resampler.process(click.tobytes()), "<i2")
    delay_ms = (int(np.argmax(np.abs(out))) / to_hz - 0.02) * 1000
    assert resampler.delay_ms <= 3
    assert delay_ms == pytest.approx(resampler.delay_ms, abs=1000 / to_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_frame_in_is_a_frame_out_from_the_first_on(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    frame = tone(440, from_hz, seconds=0.02)
    assert [len(resampler.process(frame)) for _ in range(FRAMES)] == [to_hz // 50 * 2] * FRAMES


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from([*PAIRS, (8000, 12345), (47999, 8000)]),
    cuts=st.lists(st.integers(0, 700), max_size=40),
    seed=st.integers(0, 2**32 - 1),
    loud=st.booleans(),
)
def test_the_output_does_not_depend_on_the_chunks(
    pair: tuple[int, int], cuts: list[int], seed: int, loud: bool
) -> None:
    noise = np.random.default_rng(seed).standard_normal(3000) * (16000 if loud else 2000)
    pcm = noise.clip(-32768, 32767).astype("<i2").tobytes()
    whole, pieces = Resampler(*pair).process(pcm), Resampler(*pair)
    out, at = b"", 0
    for cut in cuts:
        out += pieces.process(pcm[at : at + cut])
        at += cut
    out += pieces.process(pcm[at:])
    assert out == whole
    assert len(whole) // 2 == math.ceil(3000 * pair[1] / pair[0])


def test_a_chunk_of_many_seconds_is_no_different() -> None:
    pcm = tone(1000, 8000, seconds=5)
    frames = Resampler(8000, 16000)
    assert Resampler(8000, 16000).process(pcm) == b"".join(
        frames.process(pcm[start : start + 320]) for start in range(0, len(pcm), 320)
    )


def test_a_loud_square_wave_is_clipped_and_does_not_wrap() -> None:
    square = np.where(np.arange(800) // 20 % 2, 32767, -32768).astype("<i2")
    out = np.frombuffer(Resampler(8000, 16000).process(square.tobytes()), "<i2").astype(int)
    assert out.max() == 32767
    assert out.min() == -32768
    settled = out[1032:1592].reshape(-1, 40)  # 40 samples of one sign, then 40 of the other
    assert all(abs(int(np.sign(half[8:-8]).sum())) == 24 for half in settled)


def test_reset_begins_anew() -> None:
    resampler = Resampler(16000, 8000)
    first = resampler.process(tone(700, 16000)[:641])
    resampler.reset()
    assert resampler.process(tone(700, 16000)[:641]) == first


def test_silence_stays_digital_silence() -> None:
    resampler = Resampler(8000, 22050)
    assert set(resampler.process(bytes(3200))) == {0}


def test_the_same_rate_keeps_the_waveform() -> None:
    pcm = tone(1000, 8000)
    out = np.frombuffer(Resampler(8000, 8000).process(pcm), "<i2")[16:].astype(int)
    before = np.frombuffer(pcm, "<i2")[: len(out)].astype(int)
    assert np.abs(out[100:] - before[100:]).max() < LEVEL * 0.06


@pytest.mark.parametrize("rates", [(7999, 8000), (8000, 48001), (0, 8000), (8000, -1)])
def test_a_rate_out_of_range_is_refused_by_name(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected 8000 to 48000"):
        Resampler(*rates)


@pytest.mark.parametrize("rate_hz", [8001, 11025, 12000, 12345, 47999])
def test_odd_rates_work_too(rate_hz: int) -> None:
    for from_hz, to_hz in ((8000, rate_hz), (rate_hz, 8000)):
        frequencies, level_db = spectrum_db(Resampler(from_hz, to_hz).process(tone(1000, from_hz)), to_hz)
        assert abs(level_db[np.abs(frequencies - 1000) < 20].max()) < 0.6
        assert level_db[np.abs(frequencies - 1000) > 50].max() < -60


@pytest.mark.parametrize("rate_hz", [12345, 16000])
def test_an_empty_chunk_gives_nothing_and_changes_nothing(rate_hz: int) -> None:
    sound = tone(1000, 8000)
    one, other = Resampler(8000, rate_hz), Resampler(8000, rate_hz)
    first = one.process(sound[:500])
    assert one.process(b"") == b""
    assert first + one.process(sound[500:]) == other.process(sound)
