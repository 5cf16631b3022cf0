"""What the media half plays in its agent's place: a message, or the tone that says that two are connected. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import numpy as np

from ari_agent.media.audio import FRAME_MS, FRAME_UNITS, SampleFormat, linear_to_ulaw
from ari_agent.media.resampler import Resampler

SPEECH_HZ: Final = 16_000
"""The sample rate of what is announced: that of text to speech."""
_FLUSH_MS: Final = 40  # of silence, for what a resampler still holds back

_CUE_HZ: Final = (660.0, 880.0)
_CUE_NOTE_MS: Final = 120
_CUE_LEVEL: Final = 0.15  # of full scale
_EDGE_MS: Final = 10

_BEEP_HZ: Final = 1400.0  # for 200 ms: the warning tone of telephone recorders, 1260 to 1540 Hz (FCC, 1948)
_BEEP_FRAMES: Final = 10
_BEEP_LEVEL: Final = 0.1
_SENTENCES_KEPT: Final = 32  # the longest take 0.25 MB in mu-law, 1 MB in linear samples


def in_encoding(pcm: bytes, *, encoding: str, rate_hz: int) -> bytes:
    """Return speech (s16le, mono, SPEECH_HZ) as an agent of this encoding would send it.

    encoding: `mulaw` (rate_hz is then 8000) or `s16le`, 8000 to 48000 Hz.
    """
    if rate_hz != SPEECH_HZ:
        pcm = Resampler(SPEECH_HZ, rate_hz).process(pcm + bytes(2 * SPEECH_HZ * _FLUSH_MS // 1000))
    return linear_to_ulaw(pcm) if encoding == "mulaw" else pcm


def duration_s(pcm: bytes) -> float:
    """Return how long speech (s16le, mono, SPEECH_HZ) takes, in seconds."""
    return len(pcm) / 2 / SPEECH_HZ


@cache
def connected_cue() -> bytes:
    """Return the tone that caller and target hear when they are connected: two short notes, s16le at SPEECH_HZ."""
    samples = _CUE_NOTE_MS * SPEECH_HZ // 1000
    edge = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (_EDGE_MS * SPEECH_HZ / 1000)
    time_s = np.arange(samples) / SPEECH_HZ
    notes = [np.sin(2 * np.pi * pitch_hz * time_s) * np.minimum(1.0, edge) for pitch_hz in _CUE_HZ]
    pcm: bytes = np.rint(np.concatenate(notes) * _CUE_LEVEL * 32767).astype("<i2").tobytes()
    return pcm


@cache
def recording_tone(rate_hz: int) -> bytes:
    """Return the tone that says that a call is recorded, s16le at this rate; 200 ms, in whole samples."""
    samples = _BEEP_FRAMES * (rate_hz * FRAME_MS // 1000)
    edge = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (_EDGE_MS * rate_hz / 1000)
    tone = np.sin(2 * np.pi * _BEEP_HZ * np.arange(samples) / rate_hz) * np.minimum(1.0, edge)
    pcm: bytes = np.rint(tone * _BEEP_LEVEL * 32767).astype("<i2").tobytes()
    return pcm


def recording_beep(of: SampleFormat) -> Sequence[bytes]:
    """Return the frames of 20 ms of the tone that says that a call is recorded, in this format."""
    return _frames(recording_tone(of.rate_hz), of)


@lru_cache(maxsize=_SENTENCES_KEPT)
def kept_in_encoding(pcm: bytes, encoding: str, rate_hz: int) -> bytes:
    """Return what in_encoding does, the latest from memory: the sentence about recording is the same in every call."""
    return in_encoding(pcm, encoding=encoding, rate_hz=rate_hz)


@lru_cache(maxsize=_SENTENCES_KEPT)
def sentence_frames(pcm: bytes, of: SampleFormat) -> Sequence[bytes]:
    """Return speech (s16le, mono, SPEECH_HZ) as frames of 20 ms in this format, the last one filled with silence.

    Of no speech there are none. The latest come from memory, as those of kept_in_encoding do.
    """
    if not pcm:
        return ()
    encoded = in_encoding(pcm, encoding="s16le", rate_hz=of.rate_hz)
    frame_bytes = 2 * of.samples_per_unit * FRAME_UNITS
    return _frames(encoded + bytes(-len(encoded) % frame_bytes), of)


def _frames(pcm: bytes, of: SampleFormat) -> Sequence[bytes]:
    audio, size = of.from_linear(pcm), FRAME_UNITS * of.unit_bytes
    return tuple(audio[start : start + size] for start in range(0, len(audio), size))
