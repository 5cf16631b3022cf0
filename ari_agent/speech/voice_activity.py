"""Where a caller's voice begins and ends, in the time of the audio. Pure, but for the detector that it is given.

    p(voice) of each 32 ms   ▁▁▇▇▇▇▇▇▇▂▂▇▇▇▁▁▁▁▁▁▁▁▁▁▁
                               └ at_ms       └ at_ms   └ silence_ms later: VoiceStopped
                                  └ 3 windows later: VoiceStarted

Three windows in a row make a start, so that a click makes none. A pause shorter than `silence_ms` belongs to the voice.
Both events are back-dated: they say where the voice began and ended, not when that was known.

Whatever the detector says, a window is no voice that `is_echo` takes for the agent's own sound (echo.py), nor is one
16 dB below the caller's own level: this takes the detector's tail off the ends, and leaves out people who talk in the
background, behind which no turn would ever end. The level follows the caller fast upwards, and falls by 3 dB a second,
so that whoever takes over the telephone and speaks low is heard too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol, TypeAlias

from ari_agent.media.audio import level_dbfs

RATE_HZ: Final = 16000
WINDOW_MS: Final = 32
WINDOW_BYTES: Final = RATE_HZ * WINDOW_MS // 1000 * 2

_THRESHOLD: Final = 0.5
_WINDOWS_OF_A_START: Final = 3
_GATE_DB: Final = 16.0  # 12 dB cuts soft ends off, and sentences in two
_LEVEL_UP: Final = 0.3  # of the difference, in a window
_LEVEL_DOWN_DB: Final = 0.1  # in a window


class VoiceListening(Protocol):
    """One call's audio as a detector hears it, with what the detector remembers of it."""

    def hear(self, pcm: bytes) -> Sequence[float]:
        """Return for each window how likely it holds voice, 0..1. pcm: whole windows, in order, without a gap."""


class VoiceDetector(Protocol):
    """Tells voice from other sounds. The process has one for all calls."""

    def open(self) -> VoiceListening:
        """Return the detector's fresh memory for one call."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """A voice has begun. at_ms: where it began, in ms of the audio fed."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The voice has ended. at_ms: where it ended, in ms of the audio fed."""

    at_ms: int


VoiceChange: TypeAlias = VoiceStarted | VoiceStopped


class VoiceActivity:
    """Finds where the voice of one caller begins and ends.

    silence_ms: how long a pause must be to end the voice; may be set at any time, and holds from the next window on.
    speaking: between VoiceStarted and VoiceStopped. is_echo: tells of what was fed last that it is no voice of the
    caller's; it is asked only about what the detector takes for a voice.
    """

    def __init__(
        self, detector: VoiceDetector, *, silence_ms: int, is_echo: Callable[[], bool] = lambda: False
    ) -> None:
        self.silence_ms = silence_ms
        self._is_echo = is_echo
        self.speaking = False
        self._listening = detector.open()
        self._rest = bytearray()  # less than a window
        self._now_ms = 0  # end of the last window
        self._voiced = 0  # windows of voice in a row
        self._ended_ms = 0  # end of the last window of voice
        self._level_dbfs = -inf  # of the caller's voice

    @property
    def heard_ms(self) -> int:
        """How much audio has been looked at: up to 31 ms less than was fed."""
        return self._now_ms

    @property
    def voice_ended_ms(self) -> int:
        """Where the last window of voice ended, in ms of the audio fed; while `speaking`, the voice is that long."""
        return self._ended_ms

    @property
    def may_begin(self) -> bool:
        """Whether the last window held voice and not enough of them have come in a row: a voice begins, or a click."""
        return not self.speaking and self._voiced > 0

    def feed(self, pcm: bytes) -> Sequence[VoiceChange]:
        """The next s16le at 16 kHz, of any length; what it shows of the voice, in order.

        Costs a copy, and 0.1 ms where it completes a window.
        """
        self._rest += pcm
        size = len(self._rest) - len(self._rest) % WINDOW_BYTES
        if not size:
            return ()
        windows = bytes(self._rest[:size])
        del self._rest[:size]
        changes: list[VoiceChange] = []
        for number, probability in enumerate(self._listening.hear(windows)):
            window = windows[number * WINDOW_BYTES : (number + 1) * WINDOW_BYTES]
            change = self._step(self._is_voice(probability, window))
            if change is not None:
                changes.append(change)
        return changes

    def _is_voice(self, probability: float, window: bytes) -> bool:
        self._level_dbfs -= _LEVEL_DOWN_DB
        if probability <= _THRESHOLD or self._is_echo():
            return False
        dbfs = level_dbfs(window)
        if self._level_dbfs == -inf:
            self._level_dbfs = dbfs
        elif dbfs > self._level_dbfs:
            self._level_dbfs += _LEVEL_UP * (dbfs - self._level_dbfs)
        return dbfs >= self._level_dbfs - _GATE_DB

    def _step(self, is_voice: bool) -> VoiceChange | None:
        self._now_ms += WINDOW_MS
        if is_voice:
            self._voiced += 1
            self._ended_ms = self._now_ms
            if not self.speaking and self._voiced >= _WINDOWS_OF_A_START:
                self.speaking = True
                return VoiceStarted(self._now_ms - self._voiced * WINDOW_MS)
            return None
        self._voiced = 0
        if self.speaking and self._now_ms - self._ended_ms >= self.silence_ms:
            self.speaking = False
            return VoiceStopped(self._ended_ms)
        return None
