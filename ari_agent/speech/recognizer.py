"""Speech to text: what every provider offers, whoever it is. Pure.

    recognizer = OpenAiRecognizer(settings)             one for the process
    await recognizer.start()
    recognition = recognizer.open(options, on_heard, on_failed)      one for a call
    recognition.feed(pcm)                               50 times a second
    recognition.speech_started(), .speech_stopped()     as voice activity has it
    await recognition.close()

Audio is signed 16-bit little-endian, mono, 16 kHz, in pieces of 20 ms (640 bytes). Everything of a recognition happens
in the event loop's thread, its callbacks too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from ari_agent.errors import SpeechFailed

RATE_HZ: Final = 16000
BYTES_PER_MS: Final = RATE_HZ * 2 // 1000
LOOK_BACK_MS: Final = 500
"""Audio before speech_started that belongs to the utterance: voice activity is sure only after some 150 ms of voice."""
FINAL_TIMEOUT_S: Final = 5.0
"""The longest time from speech_stopped to the utterance's final text; after it the recognition has failed."""


@dataclass(frozen=True, slots=True)
class ListeningOptions:
    """What a call tells its recognition.

    call_id: for log lines.
    language: BCP 47, as `en-US`.
    keywords: words to expect (Retell's `boosted_keywords`): names, products; a provider may ignore them.
    endpointing_ms: silence after which the provider may call an utterance done; None for its own choice.
    """

    call_id: str
    language: str = "en-US"
    keywords: tuple[str, ...] = ()
    endpointing_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One recognised word; start_ms and end_ms count the audio fed since the recognition was opened."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller has said in this utterance so far.

    text: all of the utterance so far, not what is new of it; "" where nothing was understood.
    final: the utterance's last text; a new utterance begins after it.
    words: with their times, where the provider tells them.
    end_of_turn: the provider is sure that the speaker is done.
    is_unfinished: the voice sounded as if more were to come, whatever the words look like.
    """

    text: str
    final: bool
    words: tuple[HeardWord, ...] = ()
    end_of_turn: bool = False
    is_unfinished: bool = False


class Recognition(Protocol):
    """The speech to text of one call; made by Recognizer.open."""

    def feed(self, pcm: bytes) -> None:
        """Take 20 ms of the caller's audio. Never blocks, keeps a bounded amount, does nothing after `close`."""

    def speech_started(self) -> None:
        """Voice activity says that the caller speaks; up to LOOK_BACK_MS of what was fed before belongs to it.

        Again during an utterance: nothing happens. After `speech_stopped`, with the final text not there yet: a new
        utterance, whose text follows the former one's.
        """

    def speech_stopped(self) -> None:
        """The caller pauses: exactly one Heard(final=True) follows within FINAL_TIMEOUT_S, or else on_failed.

        Its text is "" if nothing was understood. Without a `speech_started` before it: nothing happens.
        """

    async def close(self) -> None:
        """End the recognition within a second; no callback comes after this began. Idempotent."""


class Recognizer(Protocol):
    """A provider of speech to text; the process has one, which opens a Recognition for each call."""

    async def start(self) -> None:
        """Make the recognizer ready to open recognitions.

        Raises:
            SpeechUnavailable: what is missing, and what would be right.
        """

    def open(
        self,
        options: ListeningOptions,
        on_heard: Callable[[Heard], None],
        on_failed: Callable[[SpeechFailed], None],
    ) -> Recognition:
        """Begin to listen to a call. on_failed comes once at most, and nothing after it."""

    async def close(self) -> None:
        """Close the recognizer; recognitions that are still open hear nothing more. Idempotent."""
