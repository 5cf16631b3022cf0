"""Speech by OpenAI's API, against a server that answers with real speech and real faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from ari_agent.speech.attempts import Patience
from ari_agent.speech.openai_synthesizer import OpenAiSynthesizer
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.fakes.speech_synthesis_server import KEY, OpenAiSpeechServer
from tests.speech.spoken import PATIENT, SENTENCE, check_is_speech, error_db, failure, gone, whole

QUICK = Patience(first_audio_s=0.4, stall_s=0.4, retry_after_s=0.01)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAiSpeechServer]:
    async with OpenAiSpeechServer() as made:
        yield made


@pytest_asyncio.fixture
async def synthesizer(server: OpenAiSpeechServer) -> AsyncIterator[OpenAiSynthesizer]:
    made = OpenAiSynthesizer(api_key=KEY, base_url=server.url, patience=PATIENT)
    await made.start()
    yield made
    await made.close()


async def test_a_sentence_comes_as_speech_of_16_khz(server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer) -> None:
    speech = await whole(synthesizer.speak(SENTENCE, Voice()))
    check_is_speech(speech, seconds=(2.0, 5.0))
    assert all(len(spoken.pcm) % 2 == 0 for spoken in speech.pieces)
    # 24 kHz in chunks that end within samples: whatever is lost or doubled shows. 1 ms is the resampler's delay.
    original = flite.speech(SENTENCE)
    assert error_db(speech.samples, original, delay_samples=16) < -25
    assert np.abs(speech.samples[-16:]).max() < 300  # it ends in silence, not in a click
    assert server.asked[0].body == {
        "model": "gpt-4o-mini-tts",
        "voice": "alloy",
        "input": SENTENCE,
        "response_format": "pcm",
    }


async def test_a_server_that_answers_with_wav_is_heard_at_the_rate_of_its_header(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    server.faults.append("wav")
    speech = await whole(synthesizer.speak(SENTENCE, Voice()))
    check_is_speech(speech, seconds=(2.0, 5.0))
    assert speech.seconds == pytest.approx(len(flite.speech(SENTENCE)) / 16000, abs=0.02)


async def test_voice_speed_and_model_of_the_agent_are_asked_for(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    await whole(synthesizer.speak("Hello.", Voice("openai-Onyx", speed=1.5, model="eleven_turbo_v2")))
    body = server.asked[0].body
    assert (body["voice"], body["speed"], body["model"]) == ("onyx", 1.5, "gpt-4o-mini-tts")


async def test_a_sentence_goes_over_the_connection_of_the_last_one(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    for text in ("One.", "Two.", "Three."):
        await whole(synthesizer.speak(text, Voice()))
    assert len(server.asked) == 3 and len(server.connections) == 1


async def test_an_unknown_voice_is_named_and_its_fallback_speaks(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice("openai-Nobody")))
    assert "has no voice 'nobody'" in message and "Supported voices" in message
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice("11labs-Adrian")))
    assert "voice '11labs-Adrian' is not OpenAI's" in message

    server.asked.clear()
    voice = Voice("11labs-Adrian", fallback_voice_ids=("openai-Nobody", "openai-Onyx"))
    for _ in range(2):
        speech = await whole(synthesizer.speak("Good morning.", voice))
        assert error_db(speech.samples, flite.speech("Good morning.", "rms"), delay_samples=16) < -20
    assert [asked.body["voice"] for asked in server.asked] == ["onyx", "onyx"]  # the refusal is remembered


async def test_a_silent_server_is_asked_once_more(server: OpenAiSpeechServer) -> None:
    synthesizer = OpenAiSynthesizer(api_key=KEY, base_url=server.url, patience=QUICK)
    await synthesizer.start()
    server.faults.append("silence")
    assert (await whole(synthesizer.speak("Hello.", Voice()))).seconds > 0.3
    await gone(server.asked[0].ended)
    assert server.asked[0].cut
    await synthesizer.close()
