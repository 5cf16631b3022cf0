"""A text is spoken in attempts: with another voice where one is refused, once more where the provider failed.

The provider's own part is a function that makes one attempt. Whatever is the same for all of them is here: what is
spoken at all, which voice, the second try, how long to wait, how much to take, and the volume.
"""

from __future__ import annotations

import asyncio
import logging
import textwrap
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import SpeechFailed
from ari_agent.media.audio import amplify
from ari_agent.speech.synthesizer import BYTES_PER_MS, Spoken, Voice
from ari_agent.speech.voice_name import VoiceRefused

log = logging.getLogger(__name__)

FIRST_AUDIO_S: Final = 5.0
STALL_S: Final = 10.0
RETRY_AFTER_S: Final = 0.25
LONGEST_MS: Final = 10 * 60 * 1000
REFUSED_FOR_S: Final = 300.0
"""So long a voice that was refused is not asked for again, unless there is no other: each sentence would wait."""
_REFUSED_KEPT: Final = 256

_CONTROL: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF], " ")
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000))  # no encoding of a request takes them


class AttemptFailed(Exception):
    """An attempt at speaking failed. again: a second one may succeed. The message holds no secrets."""

    def __init__(self, message: str, *, again: bool = True) -> None:
        super().__init__(message)
        self.again = again


Attempt = Callable[[str, Voice], AsyncGenerator[Spoken, None]]
"""One attempt of a provider. The text has words, no control characters, and is of limited length.

Raises: VoiceRefused, before any audio; AttemptFailed.
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without audio from the provider: at an attempt's begin, and later; and those before a second attempt."""

    first_audio_s: float = FIRST_AUDIO_S
    stall_s: float = STALL_S
    retry_after_s: float = RETRY_AFTER_S


class Attempts:
    """Speaks texts through one provider, with a second try and with fallback voices.

    longest_chars: a longer text is spoken in parts of at most so many characters, cut between words.
    named: who gave no audio, for the messages.
    """

    def __init__(
        self,
        attempt: Attempt,
        *,
        longest_chars: int = 1000,
        patience: Patience | None = None,
        named: str = "text to speech",
    ) -> None:
        self._attempt = attempt
        self._named = named
        self._longest_chars = longest_chars
        self._patience = patience or Patience()
        self._refused: dict[tuple[str | None, str | None], float] = {}  # until when, by voice and model

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """Speak the text in attempts, as Synthesizer.speak promises it to its caller."""
        spoken_bytes = 0
        printable = " ".join(text.translate(_CONTROL).translate(_SURROGATES).split())
        for part in textwrap.wrap(printable, self._longest_chars):
            if not any(character.isalnum() for character in part):
                continue
            before_ms = spoken_bytes // BYTES_PER_MS
            async with aclosing(self._part(part, voice)) as pieces:
                async for spoken in pieces:
                    spoken_bytes += len(spoken.pcm)
                    if spoken_bytes > LONGEST_MS * BYTES_PER_MS:
                        raise failed("more than 10 minutes of speech for one text")
                    yield _later(spoken, before_ms)

    async def _part(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        voices = self._voices(voice)
        first_refusal: VoiceRefused | None = None
        attempts = heard = 0
        while True:
            attempts += 1
            try:
                async with aclosing(self._patiently(text, voices[0])) as pieces:
                    async for spoken in pieces:
                        heard += len(spoken.pcm)
                        if voice.volume != 1.0 and spoken.pcm:
                            spoken = replace(spoken, pcm=amplify(spoken.pcm, voice.volume))  # noqa: PLW2901
                        yield spoken
            except VoiceRefused as refusal:
                first_refusal = first_refusal or refusal
                self._remember(voices.pop(0))
                if heard or not voices:
                    raise failed(str(first_refusal)) from None
                log.warning("%s; its fallback speaks: %s", refusal, voices[0].voice_id)
                attempts = 0
            except AttemptFailed as failure:
                if heard or attempts == 2 or not failure.again:
                    raise failed(str(failure)) from None
                log.warning("text to speech is tried again: %s", failure)
                await asyncio.sleep(self._patience.retry_after_s)
            else:
                return

    async def _patiently(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        """One attempt that does not let the caller wait. The time that whoever listens takes is not counted."""
        limit_s, waited_s = self._patience.first_audio_s, 0.0
        clock = asyncio.get_running_loop().time
        heard = False
        async with aclosing(self._attempt(text, voice)) as pieces:
            while True:
                asked_s = clock()
                try:
                    async with asyncio.timeout(limit_s - waited_s):
                        spoken = await anext(pieces)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    raise AttemptFailed(f"no audio from {self._named} for {limit_s:g} s") from None
                if spoken.pcm:
                    limit_s, waited_s, heard = self._patience.stall_s, 0.0, True
                else:
                    waited_s += clock() - asked_s
                yield spoken
        if not heard:
            raise AttemptFailed(f"{self._named} ended without any audio")

    def _voices(self, voice: Voice) -> list[Voice]:
        """Return the voices to try, in order and at least one; refused ones are left out while others remain."""
        now_s = asyncio.get_running_loop().time()
        wanted = [replace(voice, voice_id=voice_id) for voice_id in (voice.voice_id, *voice.fallback_voice_ids)]
        known = [each for each in wanted if self._refused.get((each.voice_id, each.model), 0.0) < now_s]
        return known or wanted

    def _remember(self, voice: Voice) -> None:
        key = voice.voice_id, voice.model
        self._refused.pop(key, None)
        self._refused[key] = asyncio.get_running_loop().time() + REFUSED_FOR_S
        if len(self._refused) > _REFUSED_KEPT:
            del self._refused[next(iter(self._refused))]


def failed(message: str) -> SpeechFailed:
    """Return the failure that ends a call, because its agent cannot speak any more."""
    return SpeechFailed(message, disconnection_reason=DisconnectionReason.ERROR_RETELL)


def _later(spoken: Spoken, by_ms: int) -> Spoken:
    if not by_ms or not spoken.words:
        return spoken
    moved = (replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms) for word in spoken.words)
    return Spoken(spoken.pcm, tuple(moved))
