"""Who was heard, where everybody speaks with a tone of an own frequency: a piece of sound, frame by frame."""

from __future__ import annotations

from typing import Final

import numpy as np

from tests.fakes.sound import SILENCE_FLOOR_DBFS, Samples, level_dbfs

FRAME: Final = 160
"""Samples: 20 ms at 8 kHz."""
_SHARE: Final = 0.02  # of a frame's power, from which a tone is in it: another one may be louder


def frames(pcm: Samples) -> list[Samples]:
    """The whole frames of a piece of sound."""
    return [pcm[start : start + FRAME] for start in range(0, len(pcm) - FRAME + 1, FRAME)]


def heard_ms(pcm: Samples, frequency_hz: float) -> int:
    """For how long a tone was heard, alone or with others. Tones that are told apart are 100 Hz apart or more."""
    return sum(20 for frame in frames(pcm) if _has(frame, frequency_hz))


def first_ms(pcm: Samples, frequency_hz: float) -> int | None:
    """When a tone was heard first, in ms from the beginning; None where it was not."""
    return next((20 * index for index, frame in enumerate(frames(pcm)) if _has(frame, frequency_hz)), None)


def longest_silence_ms(pcm: Samples) -> int:
    """The longest silence in samples, whatever time they took to come."""
    longest = silent = 0
    for frame in frames(pcm):
        silent = silent + 20 if level_dbfs(frame) < SILENCE_FLOOR_DBFS else 0
        longest = max(longest, silent)
    return longest


def _has(frame: Samples, frequency_hz: float) -> bool:
    if level_dbfs(frame) < SILENCE_FLOOR_DBFS:
        return False
    signal = frame.astype(np.float64) * np.hanning(len(frame))
    angle = 2j * np.pi * frequency_hz / 8000 * np.arange(len(frame))
    power = abs(np.sum(signal * np.exp(-angle))) ** 2 / len(frame)
    return bool(power / max(1.0, float(np.sum(signal**2))) > _SHARE * 2)
