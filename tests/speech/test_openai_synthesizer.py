"""Speech by OpenAI's API, against a server that answers with real speech and real faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import Patience
from ari_agent.speech.openai_synthesizer import DEFAULT_URL, OpenAiSynthesizer
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.fakes.llm_server import until
from tests.fakes.speech_synthesis_server import KEY, OpenAiSpeechServer
from tests.speech.spoken import SENTENCE, check_is_speech, error_db, failure, gone, whole

QUICK = Patience(first_audio_s=0.4, stall_s=0.4, retry_after_s=0.01)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[OpenAiSpeechServer]:
    async with OpenAiSpeechServer() as made:
        yield made


@pytest_asyncio.fixture
async def synthesizer(server: OpenAiSpeechServer) -> AsyncIterator[OpenAiSynthesizer]:
    made = OpenAiSynthesizer(api_key=KEY, base_url=server.url, patience=Patience(retry_after_s=0.01))
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


async def test_two_sentences_stream_at_a_time(server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer) -> None:
    one, two = await asyncio.gather(
        whole(synthesizer.speak("The first sentence.", Voice())),
        whole(synthesizer.speak("A second one.", Voice("onyx"))),
    )
    assert error_db(one.samples, flite.speech("The first sentence."), delay_samples=16) < -20
    assert error_db(two.samples, flite.speech("A second one.", "rms"), delay_samples=16) < -20


@pytest.mark.parametrize("fault", [500, 503, 429, "empty"])
async def test_a_failure_before_any_audio_is_not_heard(
    fault: int | str, server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    server.faults.append(fault)
    check_is_speech(await whole(synthesizer.speak(SENTENCE, Voice())), seconds=(2.0, 5.0))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("faults", "says", "requests"),
    [
        ([500, 502], "answered 502", 2),
        ([401], "answered 401: check ARI_AGENT_OPENAI_API_KEY", 1),
        ([404], "check ARI_AGENT_OPENAI_BASE_URL", 1),
        ([302], "answered 302", 1),
        (["mp3"], "expected audio as pcm or wav", 1),
    ],
)
async def test_what_cannot_be_mended_is_said_without_the_key(
    faults: list[int | str],
    says: str,
    requests: int,
    server: OpenAiSpeechServer,
    synthesizer: OpenAiSynthesizer,
) -> None:
    server.faults.extend(faults)
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert says in message and server.url in message
    assert not heard.pieces and len(server.asked) == requests


async def test_a_refused_key_is_not_in_the_message(server: OpenAiSpeechServer) -> None:
    synthesizer = OpenAiSynthesizer(
        api_key="sk-secret-but-wrong", base_url=server.url.replace("://", "://u:sk-secret@")
    )
    await synthesizer.start()
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message == f"{server.url} answered 401: check ARI_AGENT_OPENAI_API_KEY"
    await synthesizer.close()


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


@pytest.mark.parametrize("fault", ["stall", "cut"])
async def test_speech_that_breaks_off_fails_after_what_was_heard(fault: str, server: OpenAiSpeechServer) -> None:
    synthesizer = OpenAiSynthesizer(api_key=KEY, base_url=server.url, patience=QUICK)
    await synthesizer.start()
    server.faults.append(fault)
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert {"stall": "no audio", "cut": "lost in the middle"}[fault] in message
    assert heard.seconds > 0.3
    assert len(server.asked) == 1  # the caller has heard the beginning: it is not said again
    await synthesizer.close()


async def test_a_silent_server_is_asked_once_more(server: OpenAiSpeechServer) -> None:
    synthesizer = OpenAiSynthesizer(api_key=KEY, base_url=server.url, patience=QUICK)
    await synthesizer.start()
    server.faults.append("silence")
    assert (await whole(synthesizer.speak("Hello.", Voice()))).seconds > 0.3
    await gone(server.asked[0].ended)
    assert server.asked[0].cut
    await synthesizer.close()


async def test_a_stream_that_is_closed_hangs_up_at_once(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    server.faults.append("stall")
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await stream.aclose()
    await gone(server.asked[0].ended)
    assert server.asked[0].cut


async def test_a_stream_whose_task_is_cancelled_hangs_up_too(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    server.faults.append("stall")
    task = asyncio.create_task(whole(synthesizer.speak(SENTENCE, Voice())))
    await until(lambda: bool(server.asked))
    task.cancel()
    await gone(server.asked[0].ended)
    assert server.asked[0].cut and task.cancelled()


async def test_streams_fail_when_the_synthesizer_is_closed(
    server: OpenAiSpeechServer, synthesizer: OpenAiSynthesizer
) -> None:
    server.faults.append("stall")
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await synthesizer.close()
    await failure(stream)
    assert (await failure(synthesizer.speak("Hello.", Voice())))[0] == "text to speech is closed"


async def test_no_server_at_all(unused_tcp_port: int) -> None:
    synthesizer = OpenAiSynthesizer(api_key=None, base_url=f"http://127.0.0.1:{unused_tcp_port}/v1?key=sk-secret")
    await synthesizer.start()
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message == f"http://127.0.0.1:{unused_tcp_port}/v1 is not reachable: Connection refused"
    await synthesizer.close()


def test_openai_itself_needs_a_key_and_a_server_of_ones_own_does_not() -> None:
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_OPENAI_API_KEY is missing"):
        OpenAiSynthesizer(api_key="", base_url=DEFAULT_URL + "/")
    OpenAiSynthesizer(api_key="", base_url="http://127.0.0.1:8000/v1")
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_OPENAI_BASE_URL must be a URL"):
        OpenAiSynthesizer(api_key=None, base_url="api.openai.com/v1")
