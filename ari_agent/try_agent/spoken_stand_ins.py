"""The speech of a trial call with a text agent, in which nobody needs to be recognised: the caller's words are known.

recognizer   gives each utterance the words that the caller is about to say
detector     what is loud is voice: the caller's recordings have no noise
voice        flite where it is installed, else a hum for each word, so that all times and interruptions are right
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import numpy as np

from ari_agent.errors import SpeechFailed
from ari_agent.media.audio import level_dbfs
from ari_agent.speech.recognizer import Heard, ListeningOptions
from ari_agent.speech.synthesizer import SAMPLE_RATE_HZ, Spoken, Voice
from ari_agent.speech.voice_activity import WINDOW_BYTES

_VOICE_DBFS: Final = -45.0
_HUM_HZ: Final = 180.0
_HUM_AMPLITUDE: Final = 4000.0
_CHARACTER_MS: Final = 55
_PAUSE_MS: Final = 50


class KnownWords:
    """A recognizer, and the recognition of its only call. words: what the caller says next; taken by one utterance."""

    def __init__(self) -> None:
        self.words = ""
        self._on_heard: Callable[[Heard], None] = lambda _: None
        self._speaking = False

    async def start(self) -> None:
        """Do nothing, because nothing is needed. See Recognizer."""

    def open(
        self, _options: ListeningOptions, on_heard: Callable[[Heard], None], _on_failed: Callable[[SpeechFailed], None]
    ) -> KnownWords:
        """Begin to listen. See Recognizer."""
        self._on_heard = on_heard
        return self

    def feed(self, pcm: bytes) -> None:
        """Do nothing with the audio, whose words are known. See Recognition."""

    def speech_started(self) -> None:
        """Note that an utterance begins. See Recognition."""
        if not self._speaking:
            self._speaking = True
            if self.words:
                self._on_heard(Heard(self.words, final=False))

    def speech_stopped(self) -> None:
        """Tell the words of the utterance. See Recognition."""
        if self._speaking:
            self._speaking = False
            words, self.words = self.words, ""
            asyncio.get_running_loop().call_soon(lambda: self._on_heard(Heard(words, final=True)))

    async def close(self) -> None:
        """Tell nothing any more. See Recognition."""
        self._on_heard = lambda _: None


class LoudIsVoice:
    """A detector, and its memory of the only call: every window above -45 dBFS is voice."""

    def open(self) -> LoudIsVoice:
        """Return itself, because there is nothing to remember. See VoiceDetector."""
        return self

    def hear(self, pcm: bytes) -> Sequence[float]:
        """Return 1.0 for each loud window and 0.0 for each other. See VoiceListening."""
        windows = [pcm[start : start + WINDOW_BYTES] for start in range(0, len(pcm), WINDOW_BYTES)]
        return [float(level_dbfs(window) > _VOICE_DBFS) for window in windows]


class HummedWords:
    """A synthesizer that hums each word for as long as it would take to say it."""

    async def start(self) -> None:
        """Do nothing, because nothing is needed. See Synthesizer."""

    async def speak(self, text: str, _voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Hum the words of a text. See Synthesizer."""
        for word in text.split():
            count = len(word) * _CHARACTER_MS * SAMPLE_RATE_HZ // 1000
            moments = np.arange(count) / SAMPLE_RATE_HZ
            hum = np.sin(2 * np.pi * _HUM_HZ * moments) * np.hanning(count) * _HUM_AMPLITUDE
            pause = np.zeros(_PAUSE_MS * SAMPLE_RATE_HZ // 1000)
            yield Spoken(np.concatenate([hum, pause]).astype("<i2").tobytes())

    async def close(self) -> None:
        """Do nothing, because nothing is held. See Synthesizer."""
