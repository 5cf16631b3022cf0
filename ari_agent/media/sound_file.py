"""Reads a sound file of an operator's: WAV, as players and editors write it. Pure."""

from __future__ import annotations

import io
import wave
from typing import Final

from ari_agent.media.resampler import HIGHEST_HZ, LOWEST_HZ, Resampler

SOUND_HZ: Final = 16_000
"""The rate of what is read."""
_FLUSH_MS: Final = 40  # of silence, for what a resampler still holds back
_WANTED: Final = "must be a WAV file of 16-bit PCM, one channel, 8000 to 48000 Hz"


def read_sound(file: bytes, *, longest_s: float) -> bytes:
    """Return the sound of a WAV file as s16le, mono, SOUND_HZ.

    Raises:
        ValueError: it is no such file, is silent by its length, or longer than longest_s; says what would be right.
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
    if rate_hz == SOUND_HZ:
        return pcm
    return Resampler(rate_hz, SOUND_HZ).process(pcm + bytes(2 * (rate_hz * _FLUSH_MS // 1000)))
