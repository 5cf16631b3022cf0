"""Finds the beep after which an answering machine records. Pure.

A beep is one steady tone of 0.3 to 1.5 s between 400 and 2000 Hz, with silence behind it. The tones of keys are two at
once, and so are the ringing and busy tones of North America; those of most other countries are one, of 425 Hz, which is
therefore no beep.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FRAME_MS: Final = 20
RATE_HZ: Final = 8000

_BEEP_HZ: Final = (400.0, 2000.0)
_RINGING_HZ: Final = (410.0, 455.0)
"""Ringing tones are 425 Hz, give or take 15, and some 440 or 450."""
_BEEP_MS: Final = (300, 1500)
_SILENCE_MS: Final = 60
"""So much silence ends a beep; the first frame after it may hold its end."""
_PURE: Final = 0.9
"""So much of the power of a frame is within 100 Hz of the tone; of a voice, its overtones are further away."""
_DRIFT_HZ: Final = 20.0
_SAMPLES: Final = RATE_HZ * FRAME_MS // 1000
_BIN_HZ: Final = RATE_HZ / _SAMPLES
_BINS_AROUND: Final = 2
_WINDOW: Final = np.hanning(_SAMPLES)


class BeepDetector:
    """Listens to one call, 20 ms at a time."""

    def __init__(self) -> None:
        self._hz = 0.0
        self._lasts_ms = self._after_ms = 0

    def hear(self, samples: npt.NDArray[np.float64], *, is_loud: bool) -> bool:
        """Listen to the next 160 samples, of 8 kHz; return whether a beep has ended.

        is_loud: they are no silence. Silence costs next to nothing, what is loud some 20 us.
        """
        tone_hz = _tone_hz(samples) if is_loud else 0.0
        if tone_hz:
            goes_on = not self._after_ms and abs(tone_hz - self._hz) < _DRIFT_HZ
            self._lasts_ms = FRAME_MS + (self._lasts_ms if goes_on else 0)
            self._hz, self._after_ms = tone_hz, 0
            return False
        if not self._lasts_ms:
            return False
        self._after_ms += FRAME_MS
        if is_loud and self._after_ms > FRAME_MS:
            self._lasts_ms = self._after_ms = 0
        if self._after_ms < _SILENCE_MS:
            return False
        shortest_ms, longest_ms = _BEEP_MS
        is_beep = shortest_ms <= self._lasts_ms <= longest_ms
        self._lasts_ms = self._after_ms = 0
        return is_beep


def _tone_hz(samples: npt.NDArray[np.float64]) -> float:
    """Return the frequency of the one tone that these samples are; 0 where they are none that a beep may have."""
    power = np.abs(np.fft.rfft(samples * _WINDOW)) ** 2
    first = max(0, int(np.argmax(power)) - _BINS_AROUND)
    around = power[first : first + 2 * _BINS_AROUND + 1]
    tone_power = float(around.sum())
    if tone_power < _PURE * float(power.sum()):
        return 0.0
    tone_hz = float(around @ np.arange(first, first + len(around))) / tone_power * _BIN_HZ
    is_ringing = _RINGING_HZ[0] <= tone_hz <= _RINGING_HZ[1]
    return tone_hz if _BEEP_HZ[0] <= tone_hz <= _BEEP_HZ[1] and not is_ringing else 0.0
