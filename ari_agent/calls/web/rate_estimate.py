"""At which sample rate a web client's audio really comes, told by its pace. Pure.

A client names its rate to nobody (retell-client-js-sdk 1.3.3 takes it from the page that runs it). If that is not the
rate of the call, both sides sound slow or fast, and nothing fails. But a microphone gives its samples in real time.
"""

from __future__ import annotations

from typing import Final

from ari_agent.calls.web.user_audio import BYTES_PER_SAMPLE
from ari_agent.contract.registered_call import AudioFormat

COMMON_HZ: Final = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
WINDOW_S: Final = 2.0
ALIKE: Final = 3
"""So many windows after one another must tell the same rate, so that neither a network nor a slow machine is judged."""
MAX_WINDOWS: Final = 20
_TOLERANCE: Final = 0.04
_OTHER_FROM: Final = 1.2
"""A rate that is nearer to the agreed one, up or down, is taken for it."""
_MAX_GAP_S: Final = 0.6
"""After a longer gap the client was silent or cut off; the longest message of a known client lasts 256 ms."""


class RateEstimate:
    """Compares the pace of the audio with the rate that was agreed, until it is certain of one."""

    def __init__(self, audio: AudioFormat) -> None:
        self._agreed_hz = audio.sample_rate
        self._sample_bytes = BYTES_PER_SAMPLE[audio.audio_encoding]
        self._windows = 0
        self._begun_s: float | None = None
        self._last_s = 0.0
        self._bytes = 0
        self._found: list[int] = []

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to find out: the rate is the agreed one, or the pace too unsteady."""
        return self._windows >= MAX_WINDOWS

    def hear(self, size_bytes: int, now_s: float) -> int | None:
        """Take note of a message of audio. Returns the rate that it comes at, in Hz, once it surely is another one."""
        if self._begun_s is None or now_s - self._last_s > _MAX_GAP_S:
            self._begin(now_s)
            self._found.clear()
            return None
        self._last_s = now_s
        self._bytes += size_bytes
        lasts_s = now_s - self._begun_s
        if lasts_s < WINDOW_S:
            return None
        self._judge(self._bytes / self._sample_bytes / lasts_s)
        self._begin(now_s)
        return self._found[0] if len(self._found) == ALIKE else None

    def _begin(self, now_s: float) -> None:
        self._begun_s = self._last_s = now_s
        self._bytes = 0

    def _judge(self, pace_hz: float) -> None:
        self._windows += 1
        if 1 - _TOLERANCE < pace_hz / self._agreed_hz < 1 + _TOLERANCE:
            self._windows = MAX_WINDOWS
        nearest_hz = min(COMMON_HZ, key=lambda hz: abs(hz - pace_hz))
        is_other = not 1 / _OTHER_FROM < nearest_hz / self._agreed_hz < _OTHER_FROM
        if not is_other or abs(pace_hz / nearest_hz - 1) > _TOLERANCE:
            self._found.clear()
            return
        if self._found and self._found[-1] != nearest_hz:
            self._found.clear()
        self._found.append(nearest_hz)
