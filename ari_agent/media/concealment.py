"""Packet loss concealment: what is heard where a packet is missing. Pure.

After ITU-T G.711 Appendix I, also for G.722 once it is decoded: the last pitch period goes on, unchanged for 10 ms,
then falling by a fifth every 10 ms, silent from 60 ms on; real audio is faded in over 5 ms when it comes back. Unlike
the appendix it adds no delay: what was played cannot be changed any more, so the joint is smoothed on our side of it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.media.audio import ULAW, SampleFormat, crossfade

SILENT_AFTER: Final = 480
"""Units of 1/8000 s (60 ms) after which a gap is filled with silence alone."""
# These in the same units, as every count of this module.
_UNCHANGED: Final = 80  # 10 ms
_SHORTEST_PERIOD: Final = 40  # a voice of 200 Hz; higher ones are taken two periods at a time
_LONGEST_PERIOD: Final = 120  # 66 Hz
_COMPARED: Final = 160  # 20 ms of the past are compared when the period is looked for
_HISTORY: Final = _COMPARED + _LONGEST_PERIOD
_SMOOTHED: Final = 16  # 2 ms: over which a step at the joint is levelled
_FADE_IN: Final = 40  # 5 ms
_REMEMBERED_PACKETS: Final = 6
_GAIN: Final = np.clip(1 - (np.arange(SILENT_AFTER) - _UNCHANGED) / (SILENT_AFTER - _UNCHANGED), 0, 1)
_LEVELLING: Final = 1 - np.arange(_SMOOTHED) / _SMOOTHED


class Concealer:
    """Fills the gaps in one caller's audio with a continuation of what was heard before.

    Call `hear` with each piece of real audio, `conceal` for each missing piece, and `resume` with the first real piece
    after a gap.
    """

    __slots__ = ("_cycle", "_format", "_heard", "_made", "_step", "hear")

    def __init__(self, of: SampleFormat = ULAW) -> None:
        self._format = of
        self._heard: deque[bytes] = deque(maxlen=_REMEMBERED_PACKETS)
        self.hear = self._heard.append  # called for every packet: no more than the deque's own append
        self._made = 0  # units of this gap
        self._cycle: npt.NDArray[np.float64] | None = None
        self._step = 0.0

    @property
    def silent(self) -> bool:
        """Return whether the gap has lasted for 60 ms, after which `conceal` gives nothing but silence."""
        return self._made >= SILENT_AFTER

    def conceal(self, units: int) -> bytes:
        """Return the next `units` of the gap, in the format of the stream."""
        start, self._made = self._made, self._made + units
        if start >= SILENT_AFTER:
            return self._format.silence * units
        if start == 0:
            self._cycle = self._last_periods()
        return self._continued(start, units)

    def resume(self, audio: bytes) -> bytes:
        """Return the first real audio after a gap, crossfaded with 5 ms of concealment.

        Without a gap it is unchanged.
        """
        if not self._made:
            return audio
        start, self._made = self._made, 0
        if start >= SILENT_AFTER:
            return audio
        return self.splice(self._continued(start, _FADE_IN), audio)

    def splice(self, old: bytes, new: bytes) -> bytes:
        """Return `new`, its first 5 ms crossfaded with those of `old`, whose place it takes, so that nothing clicks."""
        return crossfade(old, new, self._format, over_units=_FADE_IN)

    def _continued(self, start: int, units: int) -> bytes:
        """Return `units` of concealment from the gap's unit `start` on."""
        sounding, per_unit = min(units, max(0, SILENT_AFTER - start)), self._format.samples_per_unit
        silence = self._format.silence * (units - sounding)
        if self._cycle is None or not sounding:
            return self._format.silence * sounding + silence
        end = start + sounding
        gain = np.repeat(_GAIN[start:end], per_unit)
        samples = np.resize(self._cycle, end * per_unit)[start * per_unit :] * gain
        if start < _SMOOTHED:
            level = np.repeat(_LEVELLING[start:end], per_unit)
            samples[: len(level)] += self._step * level
        return self._format.from_linear(samples.clip(-32768, 32767).astype("<i2").tobytes()) + silence

    def _last_periods(self) -> npt.NDArray[np.float64] | None:
        """Return the pitch periods to repeat, and note the step at the joint. None when too little was heard."""
        per_unit, history_bytes = self._format.samples_per_unit, _HISTORY * self._format.unit_bytes
        past = b"".join(self._heard)[-history_bytes:]
        if len(past) < history_bytes:
            return None
        compared = _COMPARED * per_unit
        samples = np.frombuffer(self._format.to_linear(past), "<i2").astype(np.float64)
        pattern = samples[-compared:]
        earlier = samples[: -_SHORTEST_PERIOD * per_unit]
        likeness = np.correlate(earlier, pattern, "valid")
        energy = np.cumsum(earlier * earlier)
        energy[compared:] -= energy[:-compared].copy()
        period = _LONGEST_PERIOD * per_unit - int(np.argmax(likeness / np.sqrt(energy[compared - 1 :] + 1)))
        length = period if period >= _UNCHANGED * per_unit else 2 * period
        cycle = samples[-length:].copy()
        overlap = period // 4
        before = samples[-length - overlap : -length]
        rising = np.arange(1, overlap + 1) / (overlap + 1)
        cycle[-overlap:] += (before - cycle[-overlap:]) * rising
        self._step = float(samples[-1] - samples[-length - 1])
        return cycle
