"""Sounds of the demo: tones made here, speech from the WAV files beside this module, and G.711 mu-law.

Samples are numpy arrays of signed 16-bit integers, mono. mu-law is written out here although the product has it too:
a demo that shares the product's tables could not notice that they are wrong.
"""

from __future__ import annotations

import struct
import tempfile
import wave
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

SPEECH_RATE_HZ: Final = 8000
"""The sample rate of the demo's recordings."""

# ITU-T G.711: a bias of 33 in 13 bits is 132 in 16 bits; the largest magnitude that fits is 32635.
_BIAS, _CLIP = 132, 32635


def _ulaw_tables() -> tuple[NDArray[np.uint8], Samples]:
    linear = np.arange(-32768, 32768)
    magnitude = np.minimum(np.abs(linear), _CLIP) + _BIAS
    exponent = np.frexp(magnitude)[1] - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    encode = ~(np.where(linear < 0, 0x80, 0) | exponent << 4 | mantissa) & 0xFF
    code = ~np.arange(256) & 0xFF
    value = ((((code & 0x0F) << 3) + _BIAS) << ((code & 0x70) >> 4)) - _BIAS
    return encode.astype(np.uint8), np.where(code & 0x80, -value, value).astype(np.int16)


_ENCODE, _DECODE = _ulaw_tables()


def to_ulaw(samples: Samples) -> bytes:
    """Encode samples as G.711 mu-law, one byte a sample."""
    return bytes(_ENCODE[samples.astype(np.int32) + 32768].tobytes())


def from_ulaw(ulaw: bytes) -> Samples:
    """Decode G.711 mu-law bytes, one sample a byte."""
    return _DECODE[np.frombuffer(ulaw, np.uint8)]


def silence(duration_ms: float, rate_hz: int) -> Samples:
    """Return so many milliseconds of silence."""
    return np.zeros(round(duration_ms * rate_hz / 1000), np.int16)


def chirp(from_hz: float, to_hz: float, duration_ms: float, rate_hz: int, *, level_dbfs: float = -12.0) -> Samples:
    """Return a tone that glides from one frequency to another, faded over 5 ms at both ends.

    level_dbfs: peak relative to full scale.
    """
    count = round(duration_ms * rate_hz / 1000)
    frequency_hz = np.linspace(from_hz, to_hz, count)
    wave_form: NDArray[np.float64] = np.sin(2 * np.pi * np.cumsum(frequency_hz) / rate_hz)
    fade = max(1, min(count // 2, rate_hz // 200))
    wave_form[:fade] *= np.linspace(0, 1, fade)
    wave_form[count - fade :] *= np.linspace(1, 0, fade)
    peak = 32767 * 10 ** (level_dbfs / 20)
    samples: Samples = (wave_form * peak).astype(np.int16)
    return samples


def tone(frequency_hz: float, duration_ms: float, rate_hz: int) -> Samples:
    """Return a steady tone, faded over 5 ms at both ends."""
    return chirp(frequency_hz, frequency_hz, duration_ms, rate_hz)


def melody(frequencies_hz: Iterable[float], note_ms: float, rate_hz: int) -> Samples:
    """Return one tone after another, each `note_ms` long."""
    return np.concatenate([tone(frequency_hz, note_ms, rate_hz) for frequency_hz in frequencies_hz])


def speech(name: str, rate_hz: int = SPEECH_RATE_HZ) -> Samples:
    """Return the demo's recording `{name}.wav`, at the wanted rate."""
    return recording("ari_agent.demo", name, rate_hz)


def recording(package: str, name: str, rate_hz: int = SPEECH_RATE_HZ) -> Samples:
    """Return the recording `{name}.wav` that comes with a package, at the wanted rate."""
    with files(package).joinpath(f"{name}.wav").open("rb") as file, wave.open(file) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.int16)
        return at_rate(samples, wav.getframerate(), rate_hz)


def channels_of_wav(data: bytes) -> tuple[int, list[Samples]]:
    """Return the sample rate of a WAV file in Hz, and the samples of each of its channels.

    Read by hand, because Python's module `wave` knows no mu-law (format 7); 16-bit PCM (format 1) is read, too.

    Raises:
        ValueError: the bytes are no such file, or not the whole of one.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError(f"no WAV file: it begins with {data[:12]!r}")
    chunks, start = {}, 12
    while start + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, start)
        chunks[name] = data[start + 8 : start + 8 + size]
        start += 8 + size + size % 2
        if len(chunks[name]) != size:
            raise ValueError(f"the chunk {name!r} has {len(chunks[name])} bytes, {size} were announced")
    if len(chunks.get(b"fmt ", b"")) < 16 or b"data" not in chunks:
        raise ValueError(f"a WAV file has the chunks fmt and data; this one has {[*chunks]}")
    kind, count, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    match kind, bits:
        case 7, 8:
            samples = from_ulaw(chunks[b"data"])
        case 1, 16:
            samples = np.frombuffer(chunks[b"data"], "<i2").astype(np.int16)
        case _:
            raise ValueError(f"format {kind} of {bits} bits, expected was mu-law (7) of 8 or PCM (1) of 16")
    if not count or len(samples) % count:
        raise ValueError(f"{len(samples)} samples are not the same number for each of {count} channels")
    return rate_hz, [samples[channel::count] for channel in range(count)]


def keep(samples: Samples, path: Path | None, *, prefix: str) -> Path:
    """Write samples at 8 kHz to a WAV file and return its path.

    path: None for a new file in the folder for temporary files, whose name begins with `prefix`. Raises: OSError.
    """
    if path is None:
        with tempfile.NamedTemporaryFile(prefix=prefix, suffix=".wav", delete=False) as new:
            path = Path(new.name)
    with path.open("wb") as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return path.resolve()


def at_rate(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Return the same sound at another rate, by linear interpolation: good enough for a demo's own speech."""
    if from_hz == to_hz:
        return samples
    count = len(samples) * to_hz // from_hz
    moments = np.arange(count) * (from_hz / to_hz)
    interpolated: Samples = np.interp(moments, np.arange(len(samples)), samples).astype(np.int16)
    return interpolated
