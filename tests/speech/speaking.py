"""A caller who speaks to a recognition, and an ear that keeps what comes back."""

from __future__ import annotations

import asyncio
import wave
from functools import cache
from pathlib import Path
from typing import Final

from ari_agent.errors import SpeechFailed
from ari_agent.media.resampler import Resampler
from ari_agent.speech.recognizer import Heard, ListeningOptions, Recognition, Recognizer

SPEECH: Final = Path(__file__).parents[1] / "data" / "speech"
OPTIONS: Final = ListeningOptions("call_1", "en-US", ("Retell",))
PIECE_BYTES: Final = 640
MS_BYTES: Final = 32

YES: Final = ("rms_yes.wav", "yes")
NO_THANK_YOU: Final = ("slt_no_thank_you.wav", "no thank you")
TRANSFER: Final = ("rms_transfer_agent.wav", "transfer me to an agent")
BARGE: Final = ("rms_barge.wav", "wait stop i have a question")


@cache
def speech(file: str) -> bytes:
    """s16le, mono, 16 kHz: 0.3 s of silence, words, 0.5 s of silence."""
    with wave.open(str(SPEECH / file)) as telephone:
        return Resampler(telephone.getframerate(), 16000).process(telephone.readframes(telephone.getnframes()))


class Ear:
    """Keeps what a recognition says, for whom it may concern."""

    def __init__(self) -> None:
        self.partials: list[Heard] = []
        self.finals: list[Heard] = []
        self.failures: list[SpeechFailed] = []
        self._changes = asyncio.Event()

    def on_heard(self, heard: Heard) -> None:
        (self.finals if heard.final else self.partials).append(heard)
        self._changes.set()

    def on_failed(self, error: SpeechFailed) -> None:
        self.failures.append(error)
        self._changes.set()

    def listen(self, recognizer: Recognizer, options: ListeningOptions = OPTIONS) -> Recognition:
        return recognizer.open(options, self.on_heard, self.on_failed)

    async def finals_of(self, count: int) -> list[str]:
        """The texts of so many utterances, once they are there."""
        while len(self.finals) < count:
            assert not self.failures, self.failures
            await self._change()
        return [heard.text for heard in self.finals]

    async def partial(self) -> None:
        """Something was understood."""
        while not self.partials:
            assert not self.failures, self.failures
            await self._change()

    async def failure(self) -> SpeechFailed:
        """What went wrong, once it has."""
        while not self.failures:
            await self._change()
        return self.failures[0]

    async def _change(self) -> None:
        self._changes.clear()
        async with asyncio.timeout(60):
            await self._changes.wait()


async def feed(recognition: Recognition, pcm: bytes) -> None:
    """In pieces of 20 ms, with room for others in between."""
    for start in range(0, len(pcm), PIECE_BYTES):
        recognition.feed(pcm[start : start + PIECE_BYTES])
        await asyncio.sleep(0)


async def say(recognition: Recognition, pcm: bytes, *, stop: bool = True) -> None:
    """As voice activity has it: 150 ms late with the start, and with the stop at the end of the silence."""
    onset = 460 * MS_BYTES
    await feed(recognition, pcm[:onset])
    recognition.speech_started()
    await feed(recognition, pcm[onset:])
    if stop:
        recognition.speech_stopped()
