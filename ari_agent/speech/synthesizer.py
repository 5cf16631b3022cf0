"""Text to speech: what a text agent says, as the bridge plays it. Audio is s16le, mono, 16 kHz everywhere. Pure.

One Synthesizer serves the process. `speak` is asked for a sentence at a time, and may be asked for the next one while
the last still streams: each stream stands alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final, Protocol

from ari_agent.speech.pronunciation import Pronunciation

SAMPLE_RATE_HZ: Final = 16000
BYTES_PER_MS: Final = 2 * SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how: the voice_* fields of a Retell agent (its OpenAPI, 2026-08).

    voice_id: as the provider knows it, or with Retell's prefix ("alloy", "openai-Alloy"); None: the provider's default.
    language: BCP 47, "en-US"; providers that tell the language from the text leave it out.
    speed: 0.5 to 2, volume: 0 to 2; both 1 for the voice as it is.
    model: the agent's voice_model; None: the one that the settings name.
    temperature: 0 to 2, how lively the voice is, where the provider has such a thing; None: the provider's own.
    fallback_voice_ids: tried in order when the provider refuses voice_id.
    pronunciations: of single words. A provider leaves out those that it cannot speak (Voices.pronunciation_refusal).
    """

    voice_id: str | None = None
    language: str = "en-US"
    speed: float = 1.0
    volume: float = 1.0
    model: str | None = None
    temperature: float | None = None
    fallback_voice_ids: tuple[str, ...] = ()
    pronunciations: tuple[Pronunciation, ...] = ()


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word, with its place in the audio of its text; end_ms is never before start_ms, words never go back."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """The next piece of a text.

    pcm: s16le, 16 kHz, whole samples; may be empty where words come by themselves.
    words: those whose times the provider told with this piece. Times run from the beginning of the text, and may lie
        before or after this piece's audio; a provider that tells none leaves them out for the whole text.
    is_from_memory: nothing was synthesised for it, so that no provider is to be paid.
    """

    pcm: bytes
    words: tuple[SpokenWord, ...] = ()
    is_from_memory: bool = field(default=False, compare=False)


class Synthesizer(Protocol):
    """A provider of text to speech; the process has one for all calls."""

    async def start(self) -> None:
        """Make ready. SpeechUnavailable: something is missing; the message names it and says what would be right."""
        ...

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """The text as speech, in pieces as they come, of any size; nothing at all for a text without words.

        text: a sentence or so (see sentences.py).
        `aclose()` cancels at once, and frees what the stream held.
        SpeechFailed: it cannot be spoken, or not to its end; pieces given before then are good.
        """
        ...

    async def close(self) -> None:
        """Free what the provider holds; streams still open fail. Idempotent."""
        ...
