"""Packet loss concealment for G.711: what is heard where a packet is missing. Pure.

After ITU-T G.711 Appendix I: the last pitch period goes on, unchanged for 10 ms, then falling by a fifth every 10 ms,
silent from 60 ms on; real audio is faded in over 5 ms when it comes back. Unlike the appendix it adds no delay: what
was played cannot be changed any more, so the joint is smoothed on our side of it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.media.audio import ULAW, Law, crossfade

SILENT_AFTER: Final = 480  # samples: 60 ms
_UNCHANGED: Final = 80  # 10 ms
_SHORTEST_PERIOD: Final = 40  # samples: a voice of 200 Hz; higher ones are taken two periods at a time
_LONGEST_PERIOD: Final = 120  # 66 Hz
_COMPARED: Final = 160  # 20 ms of the past are compared when the period is looked for
_HISTORY: Final = _COMPARED + _LONGEST_PERIOD
_SMOOTHED: Final = 16  # 2 ms: over which a step at the joint is levelled
_FADE_IN: Final = 40  # 5 ms
_REMEMBERED_PACKETS: Final = 6
_GAIN: Final = np.clip(1 - (np.arange(SILENT_AFTER) - _UNCHANGED) / (SILENT_AFTER - _UNCHANGED), 0, 1)
_LEVELLING: Final = 1 - np.arange(_SMOOTHED) / _SMOOTHED


class Concealer:
    """Continues one caller's audio over gaps. `hear` what is real, `conceal` what is missing, `resume` at the end."""

    __slots__ = ("_cycle", "_heard", "_law", "_made", "_step", "hear")

    def __init__(self, law: Law = ULAW) -> None:
        self._law = law
        self._heard: deque[bytes] = deque(maxlen=_REMEMBERED_PACKETS)
        self.hear = self._heard.append  # called for every packet: no more than the deque's own append
        self._made = 0  # samples of this gap
        self._cycle: npt.NDArray[np.float64] | None = None
        self._step = 0.0

    @property
    def silent(self) -> bool:
        """Whether the gap has lasted so long that silence is all there is to say."""
        return self._made >= SILENT_AFTER

    def conceal(self, samples: int) -> bytes:
        """The next piece of the gap, in the law of the stream."""
        start, self._made = self._made, self._made + samples
        if start >= SILENT_AFTER:
            return bytes([self._law.silence]) * samples
        if start == 0:
            self._cycle = self._last_periods()
        return self._continued(start, samples)

    def resume(self, payload: bytes) -> bytes:
        """The first real audio after a gap, faded in over what the gap ended with."""
        if not self._made:
            return payload
        start, self._made = self._made, 0
        if start >= SILENT_AFTER:
            return payload
        return self.splice(self._continued(start, _FADE_IN), payload)

    def splice(self, old: bytes, new: bytes) -> bytes:
        """`new` in the place of `old`, without a click."""
        return crossfade(old, new, self._law, over_samples=_FADE_IN)

    def _continued(self, start: int, count: int) -> bytes:
        sounding = min(count, max(0, SILENT_AFTER - start))
        silence = bytes([self._law.silence]) * (count - sounding)
        if self._cycle is None or not sounding:
            return bytes([self._law.silence]) * sounding + silence
        end = start + sounding
        samples = np.resize(self._cycle, end)[start:] * _GAIN[start:end]
        if start < _SMOOTHED:
            level = _LEVELLING[start:end]
            samples[: len(level)] += self._step * level
        return self._law.from_linear(samples.clip(-32768, 32767).astype("<i2").tobytes()) + silence

    def _last_periods(self) -> npt.NDArray[np.float64] | None:
        """One or more periods to repeat, and the step from the past into them; None if too little was heard."""
        past = b"".join(self._heard)[-_HISTORY:]
        if len(past) < _HISTORY:
            return None
        samples = np.frombuffer(self._law.to_linear(past), "<i2").astype(np.float64)
        pattern = samples[-_COMPARED:]
        earlier = samples[:-_SHORTEST_PERIOD]
        likeness = np.correlate(earlier, pattern, "valid")
        energy = np.cumsum(earlier * earlier)
        energy[_COMPARED:] -= energy[:-_COMPARED].copy()
        period = _LONGEST_PERIOD - int(np.argmax(likeness / np.sqrt(energy[_COMPARED - 1 :] + 1)))
        length = period if period >= _UNCHANGED else 2 * period
        cycle = samples[-length:].copy()
        overlap = period // 4
        before = samples[-length - overlap : -length]
        rising = np.arange(1, overlap + 1) / (overlap + 1)
        cycle[-overlap:] += (before - cycle[-overlap:]) * rising
        self._step = float(samples[-1] - samples[-length - 1])
        return cycle
