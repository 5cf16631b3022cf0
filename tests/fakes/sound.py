"""Sound for the fakes: tones, G.711 mu-law, levels and comparisons, written without the product's own audio code.

Samples are numpy arrays of int16, mono. Levels are dBFS by AES17: a sine of full scale is 0 dBFS.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
FULL_SCALE: Final = 32767.0
SILENCE_FLOOR_DBFS: Final = -60.0  # one step of mu-law around zero is about -72 dBFS
_BIAS: Final = 33  # ITU-T G.711 table 2a, in 14-bit steps


def _decode_table() -> Samples:
    codes = np.arange(256, dtype=np.int32) ^ 0xFF
    segment = (codes >> 4) & 7
    magnitude = (((((codes & 0x0F) << 1) + _BIAS) << segment) - _BIAS) << 2
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


_DECODE: Final = _decode_table()


def _encode_table() -> NDArray[np.uint8]:
    samples = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.minimum(np.abs(samples) >> 2, 8158) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    octets: NDArray[np.uint8] = ((code | np.where(samples < 0, 0x80, 0)) ^ 0xFF).astype(np.uint8)
    return octets


_ENCODE: Final = _encode_table()


def ulaw_decode(ulaw: bytes) -> Samples:
    """G.711 mu-law octets as samples."""
    return _DECODE[np.frombuffer(ulaw, dtype=np.uint8)]


def ulaw_encode(pcm: Samples) -> bytes:
    """Samples as G.711 mu-law octets."""
    return _ENCODE[pcm.astype(np.int32) + 32768].tobytes()


def silence(seconds: float, *, rate_hz: int = 8000) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * rate_hz), dtype=np.int16)


def tone(frequency_hz: float, seconds: float, *, rate_hz: int = 8000, level_dbfs: float = -10.0) -> Samples:
    """A sine that starts at phase zero."""
    amplitude = FULL_SCALE * 10 ** (level_dbfs / 20)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)


def noise(seconds: float, *, rate_hz: int = 8000, level_dbfs: float = -10.0) -> Samples:
    """Noise of 300..3400 Hz, unlike itself at any other moment: where it is found, it was said there."""
    spectrum_size = round(seconds * rate_hz)
    frequencies_hz = np.fft.rfftfreq(spectrum_size, 1 / rate_hz)
    phases = np.random.default_rng(4).uniform(0, 2 * np.pi, len(frequencies_hz))
    spectrum = np.where((frequencies_hz > 300) & (frequencies_hz < 3400), np.exp(1j * phases), 0)
    sound = np.fft.irfft(spectrum, spectrum_size)
    wanted_rms = FULL_SCALE / np.sqrt(2) * 10 ** (level_dbfs / 20)
    scaled = np.round(sound / np.sqrt(np.mean(sound**2)) * wanted_rms)
    samples: Samples = np.clip(scaled, -32768, 32767).astype(np.int16)
    return samples


def level_dbfs(pcm: Samples) -> float:
    """RMS level; -120 for digital silence or nothing at all."""
    if not len(pcm):
        return -120.0
    rms = float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))
    return max(-120.0, 20 * float(np.log10(max(rms, 1e-9) * np.sqrt(2) / FULL_SCALE)))


@dataclass(frozen=True, slots=True)
class Tone:
    """The strongest sine of a piece of sound."""

    frequency_hz: float
    level_dbfs: float
    share: float
    """Of the whole power, 0..1: near 1 means that there is nothing but this tone."""


def strongest_tone(pcm: Samples, *, rate_hz: int = 8000) -> Tone:
    """Frequency to a tenth of a bin, level to about 0.1 dB, by a Hann window and parabolic interpolation."""
    window = np.hanning(len(pcm))
    spectrum = np.abs(np.fft.rfft(pcm * window))
    peak = int(np.argmax(spectrum[1:-1])) + 1
    left, centre, right = (float(np.log(max(value, 1e-9))) for value in spectrum[peak - 1 : peak + 2])
    curve = left - 2 * centre + right
    offset = 0.5 * (left - right) / curve if curve else 0.0
    power = float(np.sum(spectrum[max(0, peak - 3) : peak + 4] ** 2))
    total = float(np.sum(spectrum**2))
    rms = np.sqrt(2 * power / len(pcm) / float(np.sum(window**2)))
    return Tone(
        frequency_hz=(peak + offset) * rate_hz / len(pcm),
        level_dbfs=20 * float(np.log10(max(float(rms), 1e-9) * np.sqrt(2) / FULL_SCALE)),
        share=power / total if total else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Match:
    """Where a piece of sound was found in a longer one."""

    offset: int
    """Samples from the start of the longer one."""
    similarity: float
    """Normalised correlation, 1 for the same shape at any level."""
    gain_db: float


def find(needle: Samples, haystack: Samples) -> Match:
    """The best place of `needle` in `haystack`; similarity 0 when the haystack is the shorter one."""
    if len(haystack) < len(needle) or not len(needle):
        return Match(0, 0.0, -120.0)
    wanted = needle.astype(np.float64)
    heard = haystack.astype(np.float64)
    size = 1 << (len(heard) + len(wanted)).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    products = products[: len(heard) - len(wanted) + 1]
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    local = np.sqrt(np.maximum(energy[len(wanted) :] - energy[: -len(wanted)], 1.0))
    own = np.sqrt(float(np.sum(wanted**2)))
    similarity = products / (local * max(own, 1.0))
    offset = int(np.argmax(similarity))
    gain = local[offset] / max(own, 1.0)
    return Match(offset, float(similarity[offset]), 20 * float(np.log10(max(float(gain), 1e-6))))


def find_pieces(needle: Samples, haystack: Samples, *, piece: int = 800) -> list[Match]:
    """Each piece of so many samples, found by itself: a slip anywhere spoils only its own."""
    return [find(needle[start : start + piece], haystack) for start in range(0, len(needle) - piece + 1, piece)]


def read_wav(path: Path) -> tuple[Samples, int]:
    """Samples and rate of a mono 16-bit WAV file."""
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{path} is not mono 16-bit")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16), file.getframerate()


def write_wav(path: Path, pcm: Samples, *, rate_hz: int = 8000, channels: int = 1) -> None:
    """A 16-bit WAV file with the same sound in each channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(pcm.astype("<i2"), channels).tobytes())
