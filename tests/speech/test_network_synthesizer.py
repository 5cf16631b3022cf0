"""What every synthesizer by a service does alike, each against its own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import Patience
from ari_agent.speech.elevenlabs_synthesizer import ElevenLabsSynthesizer
from ari_agent.speech.network_synthesizer import NetworkSynthesizer
from ari_agent.speech.openai_synthesizer import DEFAULT_URL, OpenAiSynthesizer
from ari_agent.speech.synthesizer import Voice
from tests.fakes import flite
from tests.fakes.llm_server import until
from tests.fakes.speech_synthesis_server import KEY, LOGIN, ElevenLabsServer, OpenAiSpeechServer
from tests.speech.spoken import PATIENT, SENTENCE, Speech, check_is_speech, error_db, failure, gone, whole

QUICK: Final = Patience(first_audio_s=0.4, stall_s=0.4, retry_after_s=0.01)

Server = OpenAiSpeechServer | ElevenLabsServer


@dataclass(frozen=True, slots=True)
class Provider:
    """One of them. make: url, key and patience to a synthesizer. prefix: of its settings' names."""

    make: Callable[[str, str | None, Patience], NetworkSynthesizer]
    server: Callable[[], Server]
    prefix: str
    other_voice: str
    same: Callable[[Speech, NDArray[np.int16]], bool]


PROVIDERS: Final = {
    "openai": Provider(
        lambda url, key, patience: OpenAiSynthesizer(api_key=key, base_url=url, patience=patience),
        OpenAiSpeechServer,
        "ARI_AGENT_OPENAI",
        "onyx",
        lambda speech, original: error_db(speech.samples, original, delay_samples=16) < -20,
    ),
    "elevenlabs": Provider(
        lambda url, key, patience: ElevenLabsSynthesizer(api_key=key, url=url, patience=patience),
        ElevenLabsServer,
        "ARI_AGENT_ELEVENLABS",
        "JBFqnCBsd6RMkjVDRZzb",
        lambda speech, original: speech.pcm == original.tobytes(),
    ),
}


@pytest.fixture(params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provider(name: str) -> Provider:
    return PROVIDERS[name]


@pytest_asyncio.fixture
async def server(provider: Provider) -> AsyncIterator[Server]:
    async with provider.server() as made:
        yield made


@pytest_asyncio.fixture
async def make(provider: Provider) -> AsyncIterator[Callable[..., NetworkSynthesizer]]:
    """Synthesizers that are closed at the end."""
    made: list[NetworkSynthesizer] = []

    def synthesizer(url: str, *, key: str | None = KEY, patience: Patience = PATIENT) -> NetworkSynthesizer:
        made.append(provider.make(url, key, patience))
        return made[-1]

    yield synthesizer
    for each in made:
        await each.close()


@pytest_asyncio.fixture
async def synthesizer(server: Server, make: Callable[..., NetworkSynthesizer]) -> NetworkSynthesizer:
    made = make(server.url)
    await made.start()
    return made


async def test_two_sentences_stream_at_a_time(provider: Provider, synthesizer: NetworkSynthesizer) -> None:
    one, two = await asyncio.gather(
        whole(synthesizer.speak("The first sentence.", Voice())),
        whole(synthesizer.speak("A second one.", Voice(provider.other_voice))),
    )
    assert provider.same(one, flite.speech("The first sentence."))
    assert provider.same(two, flite.speech("A second one.", "rms"))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *(("openai", fault) for fault in (500, 503, 429, "empty")),
        *(("elevenlabs", fault) for fault in (500, 503, "system_busy", "rate_limit_exceeded")),
    ],
)
async def test_a_failure_before_any_audio_is_not_heard(
    fault: int | str, server: Server, synthesizer: NetworkSynthesizer
) -> None:
    server.faults.append(fault)
    check_is_speech(await whole(synthesizer.speak(SENTENCE, Voice())), seconds=(2.0, 5.0))
    if isinstance(server, OpenAiSpeechServer):
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("name", "faults", "says", "requests"),
    [
        ("openai", [500, 502], "answered 502", 2),
        ("openai", [401], "answered 401: check ARI_AGENT_OPENAI_API_KEY", 1),
        ("openai", [404], "check ARI_AGENT_OPENAI_TTS_URL", 1),
        ("openai", [302], "answered 302", 1),
        ("openai", ["mp3"], "expected audio as pcm or wav", 1),
        ("elevenlabs", ["quota_exceeded"], "quota_exceeded: It is quota_exceeded, with ***.", 1),
        ("elevenlabs", ["system_busy", "system_busy"], "system_busy", 2),
        ("elevenlabs", [400], "answered 400, expected 101", 0),
        ("elevenlabs", ["garbage"], "no JSON object", 1),
    ],
)
async def test_what_cannot_be_mended_is_said_without_the_key(
    faults: list[int | str], says: str, requests: int, server: Server, synthesizer: NetworkSynthesizer
) -> None:
    server.faults.extend(faults)
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert says in message and server.url in message
    assert not heard.pieces and len(server.asked) == requests


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openai", " answered 401: check ARI_AGENT_OPENAI_API_KEY"),
        ("elevenlabs", ": invalid_api_key: check ARI_AGENT_ELEVENLABS_API_KEY"),
    ],
)
async def test_a_refused_key_names_its_setting_and_is_not_in_the_message(
    says: str, server: Server, make: Callable[..., NetworkSynthesizer]
) -> None:
    synthesizer = make(server.url.replace("://", "://u:sk-secret@"), key="sk-secret-but-wrong")
    await synthesizer.start()
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message == server.url + says
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", ["stall", "cut"])
async def test_speech_that_breaks_off_fails_after_what_was_heard(
    fault: str, name: str, server: Server, make: Callable[..., NetworkSynthesizer]
) -> None:
    synthesizer = make(server.url, patience=QUICK)
    await synthesizer.start()
    server.faults.append(fault)
    message, heard = await failure(synthesizer.speak(SENTENCE, Voice()))
    cut = {"openai": "lost in the middle", "elevenlabs": "closed before the text was spoken"}[name]
    assert {"stall": "no audio", "cut": cut}[fault] in message
    if name == "elevenlabs":
        assert heard.seconds == pytest.approx(0.6)
    assert heard.seconds > 0.3
    assert len(server.asked) == 1  # the caller has heard the beginning: it is not said again


async def test_a_stream_that_is_closed_hangs_up_at_once(server: Server, synthesizer: NetworkSynthesizer) -> None:
    server.faults.append("stall")
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await stream.aclose()
    await gone(server.asked[0].ended)
    assert server.asked[0].cut


@pytest.mark.parametrize("fault", ["stall", "silence"])
async def test_a_stream_whose_task_is_cancelled_hangs_up_too(
    fault: str, server: Server, synthesizer: NetworkSynthesizer
) -> None:
    server.faults.append(fault)
    task = asyncio.create_task(whole(synthesizer.speak(SENTENCE, Voice())))
    await until(lambda: bool(server.asked))
    task.cancel()
    await gone(server.asked[0].ended)
    assert server.asked[0].cut and task.cancelled()


async def test_streams_fail_when_the_synthesizer_is_closed(server: Server, synthesizer: NetworkSynthesizer) -> None:
    server.faults.append("stall")
    stream = synthesizer.speak(SENTENCE, Voice())
    await anext(stream)
    await synthesizer.close()
    await failure(stream)
    assert (await failure(synthesizer.speak("Hello.", Voice())))[0] == "text to speech is closed"


async def test_no_server_at_all(unused_tcp_port: int, make: Callable[..., NetworkSynthesizer]) -> None:
    synthesizer = make(f"http://u:sk-secret@127.0.0.1:{unused_tcp_port}/v1?key=sk-secret")
    await synthesizer.start()
    message, _ = await failure(synthesizer.speak(SENTENCE, Voice()))
    assert message == f"http://127.0.0.1:{unused_tcp_port}/v1 is not reachable: Connection refused"


@pytest.mark.parametrize(("name", "key"), [("openai", None), ("elevenlabs", KEY)])
async def test_a_url_may_have_a_query_and_the_login_of_a_proxy(
    key: str | None, server: Server, make: Callable[..., NetworkSynthesizer]
) -> None:
    synthesizer = make(server.url.replace("://", "://proxy:p%40ss@") + "?region=eu", key=key)
    await synthesizer.start()
    check_is_speech(await whole(synthesizer.speak(SENTENCE, Voice())), seconds=(2.0, 5.0))
    assert server.asked[0].headers["Authorization"] == LOGIN
    assert "?region=eu" in server.asked[0].path


def test_a_service_that_wants_a_key_needs_one_and_a_server_of_ones_own_does_not() -> None:
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_OPENAI_API_KEY is missing"):
        OpenAiSynthesizer(api_key="", base_url=DEFAULT_URL + "/")
    with pytest.raises(SpeechUnavailable, match="ARI_AGENT_ELEVENLABS_API_KEY is missing"):
        ElevenLabsSynthesizer(api_key="")
    OpenAiSynthesizer(api_key="", base_url="http://127.0.0.1:8000/v1")


@pytest.mark.parametrize(
    "url", ["api.openai.com/v1", "https:///v1", "ftp://host/v1", "http://[::1/", "http://host:99999/"]
)
def test_a_url_that_is_none_is_refused_by_the_name_of_its_setting(provider: Provider, url: str) -> None:
    with pytest.raises(SpeechUnavailable, match=f"{provider.prefix}_(TTS_)?URL must be a URL"):
        provider.make(url, KEY, PATIENT)
