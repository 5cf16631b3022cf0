"""Speech by ElevenLabs, against a server that is strict about the protocol and speaks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from ari_agent.speech.attempts import Patience
from ari_agent.speech.elevenlabs_synthesizer import ElevenLabsSynthesizer
from ari_agent.speech.pronunciation import Pronunciation
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.fakes.llm_server import until
from tests.fakes.speech_synthesis_server import KEY, ElevenLabsServer
from tests.speech.spoken import PATIENT, SENTENCE, check_is_speech, failure, gone, whole

SARAH, GEORGE = "EXAVITQu4vr4xnSDxMaL", "JBFqnCBsd6RMkjVDRZzb"
QUICK = Patience(first_audio_s=0.4, stall_s=0.4, retry_after_s=0.01)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ElevenLabsServer]:
    async with ElevenLabsServer() as made:
        yield made


@pytest_asyncio.fixture
async def synthesizer(server: ElevenLabsServer) -> AsyncIterator[ElevenLabsSynthesizer]:
    made = ElevenLabsSynthesizer(api_key=KEY, url=server.url, patience=PATIENT)
    await made.start()
    yield made
    await made.close()


async def test_a_sentence_comes_as_speech_with_the_times_of_its_words(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    speech = await whole(synthesizer.speak(SENTENCE, Voice()))
    check_is_speech(speech, seconds=(2.0, 5.0))
    assert speech.samples.tobytes() == flite.speech(SENTENCE).tobytes()
    assert [word.word for word in speech.words] == SENTENCE.split()
    assert all(0 <= word.start_ms < word.end_ms <= speech.seconds * 1000 + 1 for word in speech.words)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(speech.words))
    # the server speaks characters evenly: a word stands where its first letter does, whatever message it came in
    each_ms = speech.seconds * 1000 / len(SENTENCE)
    places = [match.start() for match in re.finditer(r"\S+", SENTENCE)]
    for word, place in zip(speech.words, places, strict=True):
        assert word.start_ms == pytest.approx(place * each_ms, abs=5)


async def test_what_the_agent_wants_of_the_voice_is_told(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    await whole(synthesizer.speak("Hello.", Voice(f"11labs-{GEORGE}", speed=1.1, temperature=0.4, language="de-DE")))
    asked = server.asked[0]
    assert asked.body[0]["voice_settings"] == {"stability": 0.8, "similarity_boost": 0.75, "speed": 1.1}
    url = urlsplit(asked.path)
    assert url.path == f"/v1/text-to-speech/{GEORGE}/stream-input"
    assert parse_qs(url.query)["language_code"] == ["de"]
    await whole(synthesizer.speak("Hello.", Voice(GEORGE, speed=2.0, model="eleven_flash_v2_5", language="multi")))
    assert server.asked[1].body[0]["voice_settings"]["speed"] == 1.2
    assert "language_code" not in parse_qs(urlsplit(server.asked[1].path).query)


async def test_the_next_sentence_finds_its_websocket_open(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    await whole(synthesizer.speak("One.", Voice()))
    for dialled, text in ((2, "Two."), (3, "Three.")):
        await until(lambda dialled=dialled: server.dialled == dialled and len(server.open) == 1)  # type: ignore[misc]
        waiting = next(iter(server.open))
        await whole(synthesizer.speak(text, Voice()))
        await until(lambda waiting=waiting: waiting not in server.open)  # type: ignore[misc]
    await until(lambda: server.dialled == 4 and len(server.open) == 1)
    await synthesizer.close()
    await until(lambda: not server.open)


async def test_a_websocket_that_died_while_it_waited_is_not_noticed(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    await whole(synthesizer.speak("One.", Voice()))
    await until(lambda: server.dialled == 2 and len(server.open) == 1)
    await next(iter(server.open)).close(1008, "Have not received a new text input within the timeout of 180 seconds.")
    speech = await whole(synthesizer.speak(SENTENCE, Voice()))
    assert speech.samples.tobytes() == flite.speech(SENTENCE).tobytes()


@pytest.mark.parametrize("voice_id", ["11labs-Adrian", "../../v1/user", "openai-Alloy", "a" * 500])
async def test_a_voice_that_is_no_id_is_refused_without_asking(
    voice_id: str, server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice(voice_id)))
    assert "set the agent's voice_id to one of its voice library" in message and SARAH in message
    assert not server.dialled


async def test_an_unknown_voice_is_said_and_its_fallback_speaks(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    unknown = "notARealVoiceId00000"
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice(unknown)))
    assert "voice_id_does_not_exist" in message
    speech = await whole(synthesizer.speak("Good day.", Voice(unknown, fallback_voice_ids=("openai-Alloy", GEORGE))))
    assert speech.samples.tobytes() == flite.speech("Good day.", "rms").tobytes()


async def test_a_silent_server_is_asked_once_more(server: ElevenLabsServer) -> None:
    synthesizer = ElevenLabsSynthesizer(api_key=KEY, url=server.url, patience=QUICK)
    await synthesizer.start()
    await whole(synthesizer.speak("One.", Voice()))
    await until(lambda: server.dialled == 2 and len(server.open) == 1)
    server.faults.append("silence")
    assert (await whole(synthesizer.speak("Two.", Voice()))).seconds > 0.3
    await gone(server.asked[1].ended)
    await synthesizer.close()


TOMATO = Pronunciation("tomato", "ipa", "t\u0259\u02c8m\u0251\u02d0to\u028a")


async def test_words_of_the_dictionary_are_marked_for_a_model_that_speaks_phonemes(
    server: ElevenLabsServer, synthesizer: ElevenLabsSynthesizer
) -> None:
    words = (TOMATO, Pronunciation("R&D", "cmu", "AA1 R D IY1"), Pronunciation("x", "pinyin", "x1"))
    speech = await whole(
        synthesizer.speak("A Tomato & x, 1 < 2.", Voice(model="eleven_flash_v2", pronunciations=words))
    )
    assert speech.samples.tobytes() == flite.speech("A Tomato  and  x, 1   2.").tobytes()
    assert not speech.words  # those of markup would be among them
    marked = f'A <phoneme alphabet="ipa" ph="{TOMATO.phoneme}">Tomato</phoneme>  and  x, 1   2. '
    assert server.asked[0].body[1]["text"] == marked
    await whole(synthesizer.speak("A tomato.", Voice(pronunciations=(TOMATO,))))
    assert server.asked[1].body[1]["text"] == "A tomato. "
    assert "enable_ssml_parsing" not in server.asked[1].path
