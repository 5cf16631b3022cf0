"""Speech by a Wyoming server, and by servers that are broken or are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import Patience
from ari_agent.speech.synthesizer import Voice
from ari_agent.speech.voice_name import VoiceRefused
from ari_agent.speech.wyoming_synthesizer import SETTING, WyomingSynthesizer, voice_name
from tests.fakes import flite
from tests.fakes.llm_server import until
from tests.fakes.wyoming_server import WyomingFake, wyoming_server
from tests.speech.spoken import PATIENT, SENTENCE, check_is_speech, error_db, failure, gone, whole

QUICK = Patience(first_audio_s=0.4, stall_s=0.4, retry_after_s=0.01)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[WyomingFake]:
    async with wyoming_server("tts") as made:
        yield made


@pytest_asyncio.fixture
async def synthesizer(server: WyomingFake) -> AsyncIterator[WyomingSynthesizer]:
    made = WyomingSynthesizer(url=server.url, patience=PATIENT)
    await made.start()
    yield made
    await made.close()


async def test_two_texts_are_spoken_at_a_time_by_their_voices(
    server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    one, two = await asyncio.gather(
        whole(synthesizer.speak(SENTENCE, Voice("wyoming-default"))), whole(synthesizer.speak(SENTENCE, Voice("rms")))
    )
    for speech, voice in ((one, "slt"), (two, "rms")):
        assert min(error_db(speech.samples, flite.speech(SENTENCE, voice), delay_samples=n) for n in range(40)) < -20
    assert [asked.data["synthesize"] for asked in server.asked] == [
        {"text": SENTENCE},
        {"text": SENTENCE, "voice": {"name": "rms"}},
    ]


@pytest.mark.parametrize("fault", ["garbage", "huge", "long line", "no object", "error", "empty"])
async def test_a_failure_before_any_audio_is_not_heard(
    fault: str, server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    server.faults.append(fault)
    check_is_speech(await whole(synthesizer.speak(SENTENCE, Voice())), seconds=(2.0, 5.0))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "says", "requests"),
    [
        ("garbage", "the server speaks no Wyoming: a line that is no JSON", 2),
        ("huge", "the server speaks no Wyoming: an event whose payload_length is not within", 2),
        ("long line", "the server speaks no Wyoming: a line of more than", 2),
        ("error", "the server answered: RuntimeError out of memory", 2),
        ("empty", "ended without any audio", 2),
        ((2_000_000_000, 2, 1), "the server sent audio at 2000000000 Hz; expected 8000 to 48000", 1),
        ((22050, 2, 2), "the server sent audio of rate 22050, width 2, channels 2; expected 8000 to 48000 Hz", 1),
        ((16000, 4, 1), "the server sent audio of rate 16000, width 4", 1),
        (("a" * 100_000, 2, 1), "the server sent audio of rate 'aaa", 1),
    ],
)
async def test_what_cannot_be_mended_is_said_with_server_and_setting(
    fault: str, says: str, requests: int, server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    server.faults.extend([fault, fault])
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert says in message and f"{server.url} ({SETTING})" in message and len(message) < 600
    assert not heard.pieces and len(server.asked) == requests


@pytest.mark.parametrize(
    ("fault", "says"),
    [("stall", "no audio from"), ("cut", "hung up before it had answered"), ("changes", "audio at 48001 Hz")],
)
async def test_speech_that_breaks_off_fails_after_what_was_heard(fault: str, says: str, server: WyomingFake) -> None:
    synthesizer = WyomingSynthesizer(url=server.url, patience=QUICK)
    server.faults.append(fault)
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert says in message and server.url in message
    assert heard.seconds > 0.3 and len(server.asked) == 1
    await synthesizer.close()


async def test_a_server_that_never_answers_is_given_up(server: WyomingFake) -> None:
    synthesizer = WyomingSynthesizer(url=server.url, patience=QUICK)
    server.faults.extend(["silence", "silence"])
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message == f"no audio from {server.url} ({SETTING}) for 0.4 s"
    await synthesizer.close()


async def test_an_unknown_voice_is_said_and_its_fallback_speaks(
    server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice("nobody")))
    assert "VoiceNotFoundError nobody; the agent's voice_id is 'nobody'" in message
    check_is_speech(
        await whole(synthesizer.speak(SENTENCE, Voice("nobody", fallback_voice_ids=("wyoming-rms",)))),
        seconds=(2.0, 5.0),
    )


async def test_a_stream_that_is_closed_or_cancelled_hangs_up_at_once(
    server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    server.faults.extend(["stall", "silence"])
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await stream.aclose()
    await gone(server.asked[0].ended)
    task = asyncio.create_task(whole(synthesizer.speak(SENTENCE, Voice())))
    await until(lambda: len(server.asked) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    await gone(server.asked[1].ended)


async def test_streams_fail_when_the_synthesizer_is_closed(
    server: WyomingFake, synthesizer: WyomingSynthesizer
) -> None:
    server.faults.append("stall")
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await synthesizer.close()
    await failure(stream)
    assert (await failure(synthesizer.speak("Hello.", Voice())))[0] == "text to speech is closed"


async def test_no_server_at_all(unused_tcp_port: int, caplog: pytest.LogCaptureFixture) -> None:
    url = f"tcp://127.0.0.1:{unused_tcp_port}"
    synthesizer = WyomingSynthesizer(url=url, patience=QUICK)
    await synthesizer.start()
    assert f"text to speech does not answer yet: {url} ({SETTING}): not reachable" in caplog.text
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message.startswith(f"{url} ({SETTING}): not reachable (")


async def test_a_server_that_only_listens_is_refused_at_the_start() -> None:
    async with wyoming_server("asr") as server:
        with pytest.raises(SpeechUnavailable, match=f"{SETTING}: the server at {server.url} offers no text to speech"):
            await WyomingSynthesizer(url=server.url).start()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:10200", "http://127.0.0.1:10200", "tcp://127.0.0.1", "tcp://:1", "tcp://a:99999", "tcp://a:0"]
)
def test_a_url_that_is_none_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(SpeechUnavailable, match=f"{SETTING} must be a URL like tcp://"):
        WyomingSynthesizer(url=url)


def test_names_of_voices() -> None:
    assert voice_name(None) is voice_name("wyoming-default") is None
    assert voice_name("wyoming-en_US-amy-low") == voice_name("en_US-amy-low") == "en_US-amy-low"
    with pytest.raises(VoiceRefused, match="set the agent's voice_id to wyoming-default, or to a name"):
        voice_name("11labs-Adrian")
