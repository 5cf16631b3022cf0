"""Tells from what is heard after the answer whether a human or a machine took the call. Pure.

    voice  ▁▁▁▇▇▇▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   some words, and half a second of silence: a human, who waits for an answer
    voice  ▁▁▁▇▇▇▁▇▇▇▇▇▁▇▇▇▇▇▇▇▇▁   2.2 s of voice before the first second of silence: a machine
    voice  ▁▁▁▇▇▇▁▁▁▁▇▇▇▇▇▇▇▁▁▁██   a beep: a machine, whatever was thought before

The agent talks from the answer on, so nobody waits for what is found here. That it is a human is therefore told early,
and taken back when more is heard. The first second of silence behind some words begins a conversation, in which voices
mean nothing any more, and only a beep tells of a machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np

from ari_agent.calls.media.beep_detector import FRAME_MS, BeepDetector

FRAME_BYTES: Final = 320
DETECTION_MS: Final = 180_000
"""After the answer; what is heard later is no greeting (Retell, "Handle voicemail", 2026-08: the first 3 minutes)."""

_PAUSE_MS: Final = 500  # those within a sentence are shorter
_CONVERSATION_MS: Final = 1000  # a machine's pauses between sentences are shorter
_MACHINE_MS: Final = 2200  # of voice: humans who answer are briefer, also those who say their company's name
_LEAST_VOICE_MS: Final = 120  # less is a click
_OVER_MS: Final = 1500  # of silence: the greeting had no beep, or one that is not known as such
_LONGEST_GREETING_MS: Final = 60_000
_VOICE_DBFS: Final = -42.0
_ABOVE_NOISE_DB: Final = 12.0
_NOISE_UP_DB: Final = 0.3  # in a frame
_NOISE_DBFS: Final = (-80.0, -60.0)  # the least, and what it is at first
_SINE_POWER: Final = 32768**2 / 2


class Heard(Enum):
    """What has been found out. GREETING_OVER: the machine's, beep and all, so that it records now."""

    HUMAN = "human"
    MACHINE = "machine"
    GREETING_OVER = "greeting over"


class GreetingListener:
    """Listens to one call from its answer on. is_done: there is nothing more to find out."""

    def __init__(self) -> None:
        self.is_done = False
        self._answerer: Heard | None = None
        self._beeps = BeepDetector()
        self._noise_dbfs = _NOISE_DBFS[1]
        self._is_conversation = False
        self._heard_ms = self._voice_ms = self._silence_ms = 0

    def hear(self, pcm: bytes) -> Sequence[Heard]:
        """Listen to the next 20 ms of s16le at 8 kHz; return what is known now that was not known before, in order."""
        self._heard_ms += FRAME_MS
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        is_loud = self._is_loud(float(samples @ samples) / len(samples))
        self._silence_ms = 0 if is_loud else self._silence_ms + FRAME_MS
        has_beeped = self._beeps.hear(samples, is_loud=is_loud)
        if self._answerer is Heard.MACHINE:
            return self._wait_for_end(has_beeped=has_beeped)
        if has_beeped:
            self._answerer, self.is_done = Heard.MACHINE, True
            return Heard.MACHINE, Heard.GREETING_OVER
        self.is_done = self._heard_ms >= DETECTION_MS
        return () if self._is_conversation else self._hear_first_words(is_loud=is_loud)

    def _is_loud(self, power: float) -> bool:
        dbfs = 10 * float(np.log10(max(power, 1.0) / _SINE_POWER))
        is_loud = dbfs > max(_VOICE_DBFS, self._noise_dbfs + _ABOVE_NOISE_DB)
        self._noise_dbfs = max(min(dbfs, self._noise_dbfs + _NOISE_UP_DB), _NOISE_DBFS[0])
        return is_loud

    def _hear_first_words(self, *, is_loud: bool) -> Sequence[Heard]:
        before = self._answerer
        if is_loud:
            self._voice_ms += FRAME_MS
            if self._voice_ms >= _MACHINE_MS:
                self._answerer, self._heard_ms = Heard.MACHINE, 0
        elif self._voice_ms >= _LEAST_VOICE_MS and self._silence_ms >= _PAUSE_MS:
            self._answerer = Heard.HUMAN
            self._is_conversation = self._silence_ms >= _CONVERSATION_MS
        elif self._silence_ms >= _PAUSE_MS:
            self._voice_ms = 0
        return (self._answerer,) if self._answerer not in (before, None) else ()

    def _wait_for_end(self, *, has_beeped: bool) -> Sequence[Heard]:
        self.is_done = has_beeped or self._silence_ms >= _OVER_MS or self._heard_ms >= _LONGEST_GREETING_MS
        return (Heard.GREETING_OVER,) if self.is_done else ()
