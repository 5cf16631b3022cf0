"""What the tests of text to speech listen for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import SpeechFailed
from ari_agent.speech.attempts import Patience
from ari_agent.speech.synthesizer import Spoken, SpokenWord

PATIENT: Final = Patience(first_audio_s=60.0, stall_s=60.0, retry_after_s=0.01)
"""For whatever is not about the limits: a machine that has other work to do misses the product's own."""
SENTENCE = "Thank you for calling, how can I help you today?"


@dataclass(frozen=True, slots=True)
class Speech:
    """A whole text's."""

    pieces: list[Spoken]

    @property
    def pcm(self) -> bytes:
        return b"".join(spoken.pcm for spoken in self.pieces)

    @property
    def samples(self) -> NDArray[np.int16]:
        return np.frombuffer(self.pcm, "<i2")

    @property
    def words(self) -> list[SpokenWord]:
        return [word for spoken in self.pieces for word in spoken.words]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 32000


async def whole(stream: AsyncGenerator[Spoken, None]) -> Speech:
    """To its end."""
    return Speech([spoken async for spoken in stream])


async def failure(stream: AsyncGenerator[Spoken, None]) -> tuple[str, Speech]:
    """What it says as it fails, and what was heard before; a secret is never in it."""
    heard: list[Spoken] = []
    with pytest.raises(SpeechFailed) as raised:
        async for spoken in stream:
            heard.append(spoken)  # noqa: PERF401 - as it comes: the stream fails
    assert raised.value.disconnection_reason is DisconnectionReason.ERROR_RETELL
    message = str(raised.value)
    assert "sk-secret" not in message and "\n" not in message
    return message, Speech(heard)


def check_is_speech(speech: Speech, *, seconds: tuple[float, float]) -> None:
    """It has the length, the level and the spectrum of a voice."""
    shortest, longest = seconds
    assert shortest < speech.seconds < longest
    samples = speech.samples.astype(float)
    assert -35 < 20 * np.log10(np.sqrt(np.mean(samples**2)) / 32768) < -10
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    assert power[(hertz > 80) & (hertz < 4000)].sum() > 0.9 * power.sum()
    assert power[hertz < 20].sum() < 0.01 * power.sum()


def error_db(heard: NDArray[np.int16], original: NDArray[np.int16], *, delay_samples: int) -> float:
    """How far what was heard is below the original: a byte lost, a chunk twice or a click make it close to 0."""
    length = min(len(heard) - delay_samples, len(original))
    late, truth = heard[delay_samples : delay_samples + length].astype(float), original[:length].astype(float)
    return float(10 * np.log10(np.mean((late - truth) ** 2) / np.mean(truth**2)))


async def gone(event: asyncio.Event) -> None:
    """The other side noticed."""
    async with asyncio.timeout(60):
        await event.wait()
