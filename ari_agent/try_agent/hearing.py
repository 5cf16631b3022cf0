"""Where there is sound in what a caller has heard, at 8 kHz. Pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ari_agent.media.audio import FRAME_UNITS

SAMPLES_PER_MS: Final = 8
FRAME_MS: Final = FRAME_UNITS // SAMPLES_PER_MS
_LOUD: Final = 32768 * 10 ** (-40 / 20)
"""RMS of a frame from which on it counts as sound: -40 dBFS, above line noise and the hiss of a codec."""


def _loud_frames(heard: NDArray[np.int16], since: int) -> NDArray[np.intp]:
    part = heard[since : since + (len(heard) - since) // FRAME_UNITS * FRAME_UNITS].astype(np.float64)
    level = np.sqrt(np.mean(np.square(part.reshape(-1, FRAME_UNITS)), axis=1)) if len(part) else np.zeros(0)
    return np.flatnonzero(level > _LOUD)


def first_sound(heard: NDArray[np.int16], since: int) -> int | None:
    """Return the first sample of the first frame of 20 ms with sound, from sample `since` on; None without any."""
    loud = _loud_frames(heard, since)
    return since + int(loud[0]) * FRAME_UNITS if len(loud) else None


def last_sound(heard: NDArray[np.int16], since: int) -> int | None:
    """Return the sample behind the last frame of 20 ms with sound, from sample `since` on; None without any."""
    loud = _loud_frames(heard, since)
    return since + int(loud[-1] + 1) * FRAME_UNITS if len(loud) else None


def sounding_ms(heard: NDArray[np.int16], since: int) -> int:
    """Return how many milliseconds have sound, from sample `since` on, in steps of 20."""
    return len(_loud_frames(heard, since)) * FRAME_MS
