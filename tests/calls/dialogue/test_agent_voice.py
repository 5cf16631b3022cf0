"""Sentences in, sound out: in order, when it may be, and not more than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from ari_agent.calls.call_cost import SpeechUsage
from ari_agent.calls.dialogue.agent_voice import AHEAD_MS, PIECE_MS, AgentVoice
from ari_agent.errors import SpeechFailed
from ari_agent.speech.synthesizer import BYTES_PER_MS, Spoken, SpokenWord, Voice
from tests.fakes.llm_server import until

SECOND = bytes(1000 * BYTES_PER_MS)


class Synthesizer:
    """A second of sound for each character; fails at "!", and breaks at "?"."""

    async def start(self) -> None:
        """Nothing to do."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        for character in text:
            if character == "!":
                raise SpeechFailed("nobody speaks")
            if character == "?":
                raise ZeroDivisionError
            yield Spoken(SECOND, is_from_memory=character == "m")

    async def close(self) -> None:
        """Nothing to do."""


class Mouth:
    """A voice, and what came of it."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []  # sentence, ms
        self.whole: list[int] = []
        self.failed: list[SpeechFailed] = []
        self.unheard_ms = 0.0
        self.shuts_after: int | None = None
        self.waits = [False]  # what is answered when it is asked; the last one stays
        self.usage = SpeechUsage()
        self.voice = AgentVoice(
            Synthesizer(),
            Voice(voice_id="v", language="en-US"),
            usage=self.usage,
            on_sound=self._sound,
            on_whole=self.whole.append,
            on_failed=self.failed.append,
            unheard_ms=lambda: self.unheard_ms,
            took_ms=lambda _: None,
            waits=lambda: self.waits[0] if len(self.waits) == 1 else self.waits.pop(0),
        )

    def _sound(self, number: int, pcm: bytes, words: Sequence[SpokenWord]) -> None:
        self.heard.append((number, len(pcm) // BYTES_PER_MS))
        self.unheard_ms += len(pcm) / BYTES_PER_MS
        if len(self.heard) == self.shuts_after:
            self.voice.let(False)


async def test_sentences_come_in_order_and_in_pieces() -> None:
    mouth = Mouth()
    mouth.voice.let(True)
    for number, text in enumerate(("a", "b", "c"), 1):
        mouth.voice.say(number, text)
    await until(lambda: mouth.whole == [1, 2, 3])
    assert mouth.heard == [(number, PIECE_MS) for number in (1, 2, 3) for _ in range(5)]
    await mouth.voice.close()
    mouth.voice.say(4, "d")
    await asyncio.sleep(0)
    assert len(mouth.whole) == 3


async def test_a_pause_is_silence_of_its_length() -> None:
    mouth = Mouth()
    mouth.voice.let(True)
    mouth.voice.say(1, "a")
    mouth.voice.say(2, "", pause_ms=500)
    mouth.voice.say(3, "b")
    await until(lambda: mouth.whole == [1, 2, 3])
    assert [lasts_ms for number, lasts_ms in mouth.heard if number == 2] == [200, 200, 100]
    await mouth.voice.close()


async def test_a_turn_waits_for_a_caller_who_may_have_begun_to_speak() -> None:
    mouth = Mouth()
    mouth.waits = [True, True, True, False]
    mouth.voice.let(True)
    mouth.voice.say(1, "a")
    await until(lambda: len(mouth.waits) == 2)
    assert mouth.heard == []
    await until(lambda: mouth.whole == [1])
    await mouth.voice.close()


async def test_nothing_is_heard_while_the_gate_is_shut() -> None:
    mouth = Mouth()
    mouth.voice.say(1, "ab")
    await asyncio.sleep(0.05)
    assert mouth.heard == []
    mouth.shuts_after = 3
    mouth.voice.let(True)
    await until(lambda: len(mouth.heard) == 3)
    await asyncio.sleep(0.05)
    assert len(mouth.heard) == 3
    await mouth.voice.close()


async def test_a_gate_that_shuts_as_a_piece_is_on_its_way_holds_it_back() -> None:
    mouth = Mouth()
    mouth.voice.say(1, "a")
    await asyncio.sleep(0.05)
    mouth.voice.let(True)
    asyncio.get_running_loop().call_soon(mouth.voice.let, False)  # after the gate was seen open
    await asyncio.sleep(0.05)
    assert mouth.heard == []
    await mouth.voice.close()


async def test_no_more_is_handed_over_than_there_is_room_for() -> None:
    mouth = Mouth()
    mouth.voice.let(True)
    mouth.voice.say(1, "abcdefghijkl")
    await until(lambda: mouth.unheard_ms > AHEAD_MS)
    await asyncio.sleep(0.05)
    assert mouth.unheard_ms == AHEAD_MS + PIECE_MS
    mouth.unheard_ms = 0
    mouth.voice.heard()
    await until(lambda: mouth.whole == [1])
    await mouth.voice.close()


async def test_what_is_silenced_is_not_heard_and_what_follows_is() -> None:
    mouth = Mouth()
    mouth.voice.say(1, "a")
    mouth.voice.say(2, "b")
    mouth.voice.silence()
    mouth.voice.let(True)
    mouth.voice.say(3, "c")
    await until(lambda: mouth.whole == [3])
    assert {number for number, _ in mouth.heard} == {3}
    await mouth.voice.close()


@pytest.mark.parametrize("text", ["!", "?"])
async def test_a_sentence_that_cannot_be_spoken_fails_and_one_that_breaks_off_does_not(text: str) -> None:
    mouth = Mouth()
    mouth.voice.let(True)
    mouth.voice.say(1, "a!")
    mouth.voice.say(2, text)
    await until(lambda: bool(mouth.failed))
    assert mouth.whole == [1]
    await mouth.voice.close()


async def test_what_was_synthesized_is_counted_once_a_sentence_and_what_came_from_memory_is_not() -> None:
    mouth = Mouth()
    mouth.voice.let(True)
    for number, text in enumerate(("aaa", "mm", "b"), 1):
        mouth.voice.say(number, text)
    mouth.voice.say(4, "", pause_ms=100)
    await until(lambda: mouth.whole == [1, 2, 3, 4])
    assert mouth.usage.characters == 4
    mouth.voice.say(5, "!aaaa")
    await until(lambda: bool(mouth.failed))
    assert mouth.usage.characters == 4
    await mouth.voice.close()
