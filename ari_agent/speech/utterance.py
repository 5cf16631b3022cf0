"""One utterance's audio and words, and the audio just before it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ari_agent.speech.recognizer import BYTES_PER_MS, LOOK_BACK_MS, HeardWord

FRAME_BYTES: Final = 20 * BYTES_PER_MS

_LOOK_BACK_BYTES: Final = LOOK_BACK_MS * BYTES_PER_MS
_QUIET_RMS: Final = 50.0
"""-56 dBFS: below the noise of any telephone line, above that of a muted one."""
_VOICE_BELOW_PEAK: Final = 0.1
"""20 dB: what is softer beside somebody's loudest vowel is a pause."""

_SILENCE_BELOW_PEAK: Final = 0.05
"""26 dB: softer than the softest end of a word."""


class LookBack:
    """The last LOOK_BACK_MS of a stream, and where in it we are."""

    __slots__ = ("_kept", "fed_bytes")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.fed_bytes = 0

    def feed(self, pcm: bytes) -> None:
        """Keep this audio until LOOK_BACK_MS of newer audio has come."""
        self.fed_bytes += len(pcm)
        self._kept += pcm
        if (surplus := len(self._kept) - _LOOK_BACK_BYTES) > 0:
            del self._kept[:surplus]

    def take(self) -> bytearray:
        """Return the kept audio, and keep nothing of it."""
        kept, self._kept = self._kept, bytearray()
        return kept


@dataclass(slots=True, eq=False)
class Utterance:
    """What a caller says between two pauses.

    start_bytes: where in all that was fed `audio` begins; audio: what may still be needed of it; sent_bytes: how much
    of `audio` a provider has; said, words: what is final of it; draft: what is understood past that, and may change.
    is_unfinished: it sounded as if more were to come.
    stopped: the caller pauses, nothing is added.
    """

    start_bytes: int
    audio: bytearray
    sent_bytes: int = 0
    said: list[str] = field(default_factory=list)
    words: list[HeardWord] = field(default_factory=list)
    draft: str = ""
    is_unfinished: bool = False
    stopped: bool = False

    @property
    def end_bytes(self) -> int:
        """The place in the stream, in bytes, where the utterance ends so far."""
        return self.start_bytes + len(self.audio)

    @property
    def text(self) -> str:
        """Everything that was understood of the utterance so far."""
        return " ".join(part for part in (*self.said, self.draft) if part)

    def unsent(self) -> bytes:
        """Return the audio that the provider does not have yet, and count it as sent."""
        piece = bytes(memoryview(self.audio)[self.sent_bytes :])
        self.sent_bytes = len(self.audio)
        return piece

    def forget(self, size_bytes: int) -> bytes:
        """Remove the oldest size_bytes of the audio, and return them."""
        old = bytes(memoryview(self.audio)[:size_bytes])
        del self.audio[:size_bytes]
        self.start_bytes += len(old)
        self.sent_bytes = max(0, self.sent_bytes - len(old))
        return old


def voice_ms(pcm: bytes | bytearray) -> int:
    """Return how many ms of the audio, in steps of 20, are loud enough for a voice beside its loudest frame.

    A cough, a click or a breath has little. It is no voice activity: steady noise is all of one loudness.
    """
    rms = _frame_rms(pcm)
    if not len(rms):
        return 0
    return int(np.count_nonzero(rms >= max(_QUIET_RMS, float(rms.max()) * _VOICE_BELOW_PEAK))) * 20


def quiet_end_ms(pcm: bytes | bytearray) -> int:
    """Return how many ms at the end of the audio, in steps of 20, are silent or 26 dB softer than its loudest."""
    rms = _frame_rms(pcm)
    loud = np.flatnonzero(rms >= max(_QUIET_RMS, float(rms.max(initial=0.0)) * _SILENCE_BELOW_PEAK))
    return (len(rms) - (int(loud[-1]) + 1 if len(loud) else 0)) * 20


def quietest_cut(pcm: bytes | bytearray, *, within_ms: int, window_ms: int = 100) -> int:
    """Where to cut long speech between words, in bytes: in the middle of the quietest part of the last within_ms."""
    tail_bytes = min(len(pcm), within_ms * BYTES_PER_MS) // FRAME_BYTES * FRAME_BYTES
    rms = _frame_rms(pcm[len(pcm) - tail_bytes :])
    frames = window_ms // 20
    if len(rms) < frames:
        return len(pcm)
    quietest = int(np.argmin(np.convolve(rms, np.ones(frames), "valid")))
    return len(pcm) - tail_bytes + (quietest + frames // 2) * FRAME_BYTES


def _frame_rms(pcm: bytes | bytearray) -> npt.NDArray[np.float64]:
    frames = len(pcm) // FRAME_BYTES
    samples = np.frombuffer(pcm, np.dtype("<i2"), count=frames * FRAME_BYTES // 2).astype(np.float64)
    power: npt.NDArray[np.float64] = np.square(samples).reshape(frames, FRAME_BYTES // 2).mean(axis=1)
    return np.sqrt(power)
