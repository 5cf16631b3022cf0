"""Speech without recognition and without a voice, for trial calls with text agents."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from ari_agent.speech.recognizer import Heard, ListeningOptions
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.voice_activity import VoiceActivity, VoiceStarted, VoiceStopped
from ari_agent.try_agent.script import sound
from ari_agent.try_agent.spoken_stand_ins import HummedWords, KnownWords, LoudIsVoice


async def test_an_utterance_has_the_words_that_are_known_and_the_next_has_none() -> None:
    heard: list[Heard] = []
    recognizer = KnownWords()
    await recognizer.start()
    recognition = recognizer.open(ListeningOptions("call_1"), heard.append, lambda _: None)
    recognizer.words = "hello there"
    for _ in range(2):
        recognition.speech_started()
        recognition.speech_started()
        recognition.feed(b"")
        recognition.speech_stopped()
        recognition.speech_stopped()
        await asyncio.sleep(0)
    assert heard == [Heard("hello there", final=False), Heard("hello there", final=True), Heard("", final=True)]


async def test_nothing_is_heard_after_the_end() -> None:
    heard: list[Heard] = []
    recognizer = KnownWords()
    recognition = recognizer.open(ListeningOptions("call_1"), heard.append, lambda _: None)
    recognition.speech_started()
    recognition.speech_stopped()
    await recognition.close()
    await asyncio.sleep(0)
    assert heard == []


@pytest.mark.parametrize("name", ["question", "interruption"])
def test_each_recording_of_the_caller_is_one_utterance(name: str) -> None:
    pcm = np.repeat(sound(name), 2)  # to 16 kHz
    activity = VoiceActivity(LoudIsVoice(), silence_ms=300)
    changes = activity.feed(np.concatenate([pcm, np.zeros(16000, np.int16)]).tobytes())
    assert [type(change) for change in changes] == [VoiceStarted, VoiceStopped]


async def test_a_voice_hums_for_about_as_long_as_the_words_take() -> None:
    synthesizer = HummedWords()
    await synthesizer.start()
    pieces = [spoken.pcm async for spoken in synthesizer.speak("hello there", Voice())]
    await synthesizer.close()
    assert len(pieces) == 2
    assert 0.4 < len(b"".join(pieces)) / 32000 < 1.0
    assert [spoken async for spoken in synthesizer.speak("", Voice())] == []
