"""Reads a sound file of an operator's: WAV, as players and editors write it. Pure, and safe in any thread.

So its rate is converted by the spectrum of all of it: a Resampler shares its arrays with those of all calls.
"""

from __future__ import annotations

import io
import math
import wave
from typing import Final

import numpy as np

from ari_agent.media.resampler import HIGHEST_HZ, LOWEST_HZ

SOUND_HZ: Final = 16_000
"""The rate of what is read."""
_END_MS: Final = 20  # of silence: to a spectrum, the beginning follows the end
_WANTED: Final = "must be a WAV file of 16-bit PCM, one channel, 8000 to 48000 Hz"


def read_sound(file: bytes, *, longest_s: float) -> bytes:
    """Return the sound of a WAV file as s16le, mono, SOUND_HZ.

    Raises:
        ValueError: it is no such file, is empty, or longer than longest_s; says what would be right.
    """
    try:
        with wave.open(io.BytesIO(file)) as sound:
            found = sound.getnchannels(), sound.getsampwidth() * 8, sound.getframerate()
            channels, bits, rate_hz = found
            if channels != 1 or bits != 16 or not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
                raise ValueError(f"{_WANTED}; it has {channels} channels of {bits} bit, {rate_hz} Hz")
            pcm: bytes = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:  # the last where a chunk is longer than the file
        raise ValueError(f"{_WANTED}; reading it failed: {error or 'it is cut off'}") from None
    pcm = pcm[: len(pcm) // 2 * 2]
    lasts_s = len(pcm) / 2 / rate_hz
    if not 0 < lasts_s <= longest_s:
        raise ValueError(f"must last more than 0 and at most {longest_s:g} s; it lasts {lasts_s:.1f} s")
    return pcm if rate_hz == SOUND_HZ else _converted(pcm, rate_hz)


def _converted(pcm: bytes, rate_hz: int) -> bytes:
    """Return the same sound at SOUND_HZ, and some silence."""
    samples = np.frombuffer(pcm, "<i2")
    period = rate_hz // math.gcd(rate_hz, SOUND_HZ)  # so many samples give a whole number of others
    size = -(-(len(samples) + rate_hz * _END_MS // 1000) // period) * period
    converted_size = size * SOUND_HZ // rate_hz
    spectrum = np.fft.rfft(samples, size)[: converted_size // 2 + 1]
    converted = np.fft.irfft(spectrum, converted_size) * (converted_size / size)
    sound: bytes = np.rint(converted.clip(-32768, 32767)).astype("<i2").tobytes()
    return sound
