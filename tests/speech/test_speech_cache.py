"""Short texts from memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from ari_agent.speech.attempts import failed
from ari_agent.speech.speech_cache import SpeechCache
from ari_agent.speech.synthesizer import Spoken, SpokenWord, Voice
from tests.speech.spoken import failure, whole

SECOND = bytes(32000)


class Speaker:
    """Says a second for each character, and knows what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Voice]] = []
        self.fails = False

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        self.asked.append((text, voice))
        for number, letter in enumerate(text):
            yield Spoken(SECOND, (SpokenWord(letter, number * 1000, number * 1000 + 1000),))
        if self.fails:
            raise failed("lost")


@pytest.fixture
def speaker() -> Speaker:
    return Speaker()


async def test_the_same_text_and_voice_are_asked_for_once(speaker: Speaker) -> None:
    cache = SpeechCache(speaker)
    first = await whole(cache.speak("abc", Voice()))
    assert (await whole(cache.speak("abc", Voice()))).pieces == first.pieces
    assert (await whole(cache.speak("abc", Voice()))).pieces == first.pieces
    assert first.seconds == 3 and len(first.words) == 3 and len(speaker.asked) == 1
    assert not any(piece.is_from_memory for piece in first.pieces)
    assert all([piece.is_from_memory async for piece in cache.speak("abc", Voice())])
    await whole(cache.speak("abc", Voice(speed=1.1)))
    await whole(cache.speak("abd", Voice()))
    assert len(speaker.asked) == 3


async def test_what_broke_off_or_was_cut_short_is_not_kept(speaker: Speaker) -> None:
    cache = SpeechCache(speaker)
    speaker.fails = True
    await failure(cache.speak("abc", Voice()))
    speaker.fails = False
    stream = cache.speak("abc", Voice())
    await anext(stream)
    await stream.aclose()
    assert (await whole(cache.speak("abc", Voice()))).seconds == 3
    assert len(speaker.asked) == 3


async def test_what_is_long_is_not_kept(speaker: Speaker) -> None:
    cache = SpeechCache(speaker)
    for text in ("a" * 31, "a" * 31, "b" * 30, "b" * 30):
        assert (await whole(cache.speak(text, Voice()))).seconds == len(text)
    assert [text[0] for text, _ in speaker.asked] == ["a", "a", "b"]


async def test_a_greeting_outlives_any_number_of_sentences_that_are_said_once(speaker: Speaker) -> None:
    cache = SpeechCache(speaker, size_bytes=16 * 33000)
    for _ in range(2):
        await whole(cache.speak("g", Voice()))
    for letter in "abcdefghijklmnopqrstuvwxyz" * 2:
        await whole(cache.speak(letter * 2, Voice()))
    speaker.asked.clear()
    await whole(cache.speak("g", Voice()))
    assert not speaker.asked
    await whole(cache.speak("aa", Voice()))
    assert [text for text, _ in speaker.asked] == ["aa"]


async def test_the_memory_is_bounded_by_what_was_not_asked_for_longest(speaker: Speaker) -> None:
    cache = SpeechCache(speaker, size_bytes=16 * 33000)
    for letter in "abcdefghijklmnop":
        for _ in range(2):  # the second time makes it stay
            await whole(cache.speak(letter, Voice()))
    speaker.asked.clear()
    for letter in "ponmlkjihgfe":  # the twelve latest, in three quarters of the memory
        await whole(cache.speak(letter, Voice()))
    assert not speaker.asked
    await whole(cache.speak("a", Voice()))
    assert len(speaker.asked) == 1
