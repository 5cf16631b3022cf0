"""What is the same for every provider, with providers that are a few lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence

import pytest

from ari_agent.speech.attempts import LONGEST_MS, Attempt, AttemptFailed, Attempts, Patience
from ari_agent.speech.synthesizer import Spoken, SpokenWord, Voice
from ari_agent.speech.voice_name import VoiceRefused
from tests.speech.spoken import failure, whole

PATIENCE = Patience(first_audio_s=0.05, stall_s=0.05, retry_after_s=0.0)
SECOND = Spoken(b"\x10\x00" * 16000)


def provider(*scripts: Sequence[Spoken | Exception | None], asked: list[str] | None = None) -> Attempt:
    """A script for each attempt: a piece is spoken, an error raised, at None it is silent."""
    left = list(scripts)

    async def attempt(text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        if asked is not None:
            asked.append(text)
        for step in left.pop(0) if len(left) > 1 else left[0]:
            if step is None:
                await asyncio.Event().wait()
            elif isinstance(step, Exception):
                raise step
            else:
                yield step

    return attempt


def by_voice(*known: str | None, asked: list[str | None]) -> Attempt:
    async def attempt(text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        asked.append(voice.voice_id)
        if voice.voice_id not in known:
            raise VoiceRefused(f"no voice {voice.voice_id}")
        yield SECOND

    return attempt


@pytest.mark.parametrize("first", [[AttemptFailed("lost")], [None], [], [Spoken(b"")]])
async def test_a_failure_that_nobody_heard_is_tried_again_once(first: list[Spoken | Exception | None]) -> None:
    assert (await whole(Attempts(provider(first, [SECOND]), patience=PATIENCE).speak("Hello.", Voice()))).seconds == 1
    _, heard = await failure(Attempts(provider(first, first, [SECOND]), patience=PATIENCE).speak("Hello.", Voice()))
    assert not heard.pcm


async def test_a_failure_that_another_attempt_would_bring_again_is_not_tried_again() -> None:
    asked: list[str] = []
    attempts = Attempts(provider([AttemptFailed("no key", again=False)], asked=asked), patience=PATIENCE)
    assert (await failure(attempts.speak("Hello.", Voice())))[0] == "no key"
    assert asked == ["Hello."]


@pytest.mark.parametrize("then", [AttemptFailed("lost"), None])
async def test_what_was_heard_is_not_said_again(then: Exception | None) -> None:
    asked: list[str] = []
    attempts = Attempts(provider([SECOND, then], asked=asked), patience=PATIENCE)
    _, heard = await failure(attempts.speak("Hello.", Voice()))
    assert heard.seconds == 1 and asked == ["Hello."]


async def test_the_listener_may_take_its_time() -> None:
    stream = Attempts(provider([SECOND, SECOND]), patience=PATIENCE).speak("Hello.", Voice())
    async for _ in stream:
        await asyncio.sleep(0.1)


async def test_words_without_audio_do_not_count_as_audio() -> None:
    async def attempt(text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        while True:
            await asyncio.sleep(0.01)
            yield Spoken(b"", (SpokenWord("a", 0, 1),))

    message, heard = await failure(Attempts(attempt, patience=PATIENCE).speak("Hello.", Voice()))
    assert message == "no audio from text to speech for 0.05 s" and not heard.pcm


async def test_a_refused_voice_gives_way_to_its_fallbacks_and_is_remembered(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str | None] = []
    attempts = Attempts(by_voice("c", asked=asked), patience=PATIENCE)
    voice = Voice("a", fallback_voice_ids=("b", "c", "d"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert (await whole(attempts.speak("Hello.", voice))).seconds == 1
    assert asked == ["a", "b", "c", "c", "c"]
    assert [record.getMessage() for record in caplog.records] == [
        "no voice a; its fallback speaks: b",
        "no voice b; its fallback speaks: c",
    ]


async def test_where_every_voice_is_refused_the_first_is_named_each_time() -> None:
    asked: list[str | None] = []
    attempts = Attempts(by_voice(asked=asked), patience=PATIENCE)
    for _ in range(2):
        assert (await failure(attempts.speak("Hello.", Voice("a", fallback_voice_ids=("b",)))))[0] == "no voice a"
    assert asked == ["a", "b", "a", "b"]


async def test_a_long_text_is_cut_between_words_and_their_times_go_on() -> None:
    asked: list[str] = []
    piece = Spoken(SECOND.pcm, (SpokenWord("one", 100, 200),))
    speech = await whole(
        Attempts(provider([piece], asked=asked), longest_chars=10).speak("one two three four", Voice())
    )
    assert asked == ["one two", "three four"]
    assert speech.words == [SpokenWord("one", 100, 200), SpokenWord("one", 1100, 1200)]


async def test_a_text_reaches_the_provider_without_what_no_voice_can_say() -> None:
    asked: list[str] = []
    attempts = Attempts(provider([SECOND], asked=asked))
    await whole(attempts.speak("\ufeff a\x00b\r\n\x1b[2J\tc\ud800 \u2028d  é", Voice()))
    assert asked == ["a b [2J c d é"]
    assert (await whole(attempts.speak("... \n - 🙂", Voice()))).pieces == []
    assert len(asked) == 1


async def test_a_provider_that_never_ends_is_ended() -> None:
    async def attempt(text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        while True:
            yield Spoken(bytes(1024 * 1024))

    message, heard = await failure(Attempts(attempt, patience=PATIENCE).speak("Hello.", Voice()))
    assert message == "more than 10 minutes of speech for one text"
    assert heard.seconds * 1000 <= LONGEST_MS


async def test_volume_is_applied_with_clipping() -> None:
    loud = Spoken(b"\x00\x60\x00\xa0\x01\x00")  # 24576, -24576, 1
    speech = await whole(Attempts(provider([loud]), patience=PATIENCE).speak("Hello.", Voice(volume=2.0)))
    assert speech.samples.tolist() == [32767, -32768, 2]


async def test_the_attempt_is_closed_with_the_stream() -> None:
    closed = asyncio.Event()

    async def attempt(text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        try:
            yield SECOND
            yield SECOND
        finally:
            closed.set()

    stream = Attempts(attempt).speak("Hello.", Voice())
    await anext(stream)
    await stream.aclose()
    assert closed.is_set()
