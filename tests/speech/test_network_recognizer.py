"""What every recognizer by a service does alike, each against its own protocol of one server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.deepgram_recognizer import DeepgramListening, DeepgramRecognizer
from ari_agent.speech.network_recognizer import NetworkRecognizer
from ari_agent.speech.openai_recognizer import OpenAiListening, OpenAiRecognizer
from ari_agent.speech.recognizer import FINAL_TIMEOUT_S
from tests.fakes.speech_server import KEY, SpeechServer, Trouble, speech_server
from tests.speech.speaking import MS_BYTES, NO_THANK_YOU, TRANSFER, YES, Ear, say, speech

Make = Callable[[str, str, float], NetworkRecognizer]


def openai(url: str, key: str = KEY, final_timeout_s: float = 10 * FINAL_TIMEOUT_S) -> NetworkRecognizer:
    return OpenAiRecognizer(OpenAiListening(key, url, "whisper-1", 60.0, final_timeout_s))


def deepgram(url: str, key: str = KEY, final_timeout_s: float = 10 * FINAL_TIMEOUT_S) -> NetworkRecognizer:
    patience_s = (4 * final_timeout_s, 4 * final_timeout_s if final_timeout_s < 1 else 0.1)
    settings = DeepgramListening(key, url, final_timeout_s=final_timeout_s, patience_s=patience_s, dial_timeout_s=60)
    return DeepgramRecognizer(settings)


@dataclass(frozen=True, slots=True)
class Provider:
    """One of them. path: of what its setting holds. prefix: of its settings' names. own: its provider's host."""

    make: Callable[..., NetworkRecognizer]
    path: str
    prefix: str
    own: str


PROVIDERS: Final = {
    "openai": Provider(openai, "/v1", "ARI_AGENT_OPENAI", "https://api.openai.com/v1"),
    "deepgram": Provider(deepgram, "", "ARI_AGENT_DEEPGRAM", "wss://api.eu.deepgram.com"),
}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[str(request.param)]


@asynccontextmanager
async def started(
    provider: Provider, server: SpeechServer, *, final_timeout_s: float = 10 * FINAL_TIMEOUT_S
) -> AsyncIterator[NetworkRecognizer]:
    recognizer = provider.make(server.url + provider.path, final_timeout_s=final_timeout_s)
    await recognizer.start()
    server.streams.clear()  # the one of the start
    try:
        yield recognizer
    finally:
        await recognizer.close()


async def test_utterances_come_in_order_whatever_is_answered_first(provider: Provider) -> None:
    async with speech_server() as server, started(provider, server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.append(Trouble(delay_s=0.3))
        for file, _ in (TRANSFER, YES, NO_THANK_YOU):
            await say(recognition, speech(file))
        assert await ear.finals_of(3) == [TRANSFER[1], YES[1], NO_THANK_YOU[1]]
        await recognition.close()


async def test_no_text_in_time_is_a_failure(provider: Provider) -> None:
    async with speech_server() as server, started(provider, server, final_timeout_s=0.1) as recognizer:
        ear = Ear()
        server.troubles.append(Trouble(delay_s=5))
        recognition = ear.listen(recognizer)
        if provider.make is deepgram:
            (await server.stream()).ignores_finalize = True
        await say(recognition, speech(YES[0])[: 800 * MS_BYTES])
        assert "within 0.1 s" in str(await ear.failure())
        await recognition.close()


async def test_after_close_nothing_is_heard(provider: Provider) -> None:
    async with speech_server() as server, started(provider, server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.append(Trouble(delay_s=5))
        await say(recognition, speech(YES[0]))
        await recognition.close()
        await recognition.close()
        heard = len(ear.partials)
        await say(recognition, speech(YES[0]))
        await recognizer.close()
    assert (ear.finals, ear.partials[heard:], ear.failures) == ([], [], [])


async def test_a_recognizer_that_is_closed_closes_its_calls(provider: Provider) -> None:
    async with speech_server() as server:
        ear = Ear()
        async with started(provider, server) as recognizer:
            recognition = ear.listen(recognizer)
            server.troubles.append(Trouble(delay_s=5))
            await say(recognition, speech(YES[0]))
        await say(recognition, speech(YES[0]))
    assert (ear.finals, ear.failures) == ([], [])
    assert "over" in repr(recognition)


async def test_a_stop_without_a_start_is_nothing_and_a_second_start_too(provider: Provider) -> None:
    async with speech_server() as server, started(provider, server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        recognition.speech_stopped()
        recognition.speech_started()
        await say(recognition, speech(YES[0]))
        recognition.speech_stopped()
        assert await ear.finals_of(1) == ["yes"]
        await recognition.close()
    assert len(ear.finals) == 1


async def test_a_url_may_have_a_query_and_the_login_of_a_proxy(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    async with speech_server() as server:
        url = server.url.replace("://", "://proxy:p%40ss@") + f"{provider.path}/?version=7"
        with caplog.at_level(logging.WARNING):
            recognizer = provider.make(url, "")
            await recognizer.start()
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        await recognizer.close()
        assert all("?version=7" in path for path in server.paths) and len(server.paths) > 1
    assert not caplog.records


@pytest.mark.parametrize(
    "url", ["api.openai.com/v1", "https:///v1", "ftp://host/v1", "http://[::1/", "http://host:99999/"]
)
def test_a_url_that_is_none_is_refused_by_the_name_of_its_setting(provider: Provider, url: str) -> None:
    with pytest.raises(SpeechUnavailable, match=f"{provider.prefix}_(STT_)?URL must be a URL"):
        provider.make(url)


async def test_the_providers_own_service_needs_a_key(provider: Provider) -> None:
    with pytest.raises(SpeechUnavailable, match=f"needs a key: set {provider.prefix}_API_KEY"):
        await provider.make(provider.own, "").start()


async def test_a_wrong_key_is_named_at_start(provider: Provider) -> None:
    async with speech_server() as server:
        recognizer = provider.make(server.url + provider.path, "wrong-key")
        with pytest.raises(SpeechUnavailable, match=f"refuses the key: check {provider.prefix}_API_KEY") as refused:
            await recognizer.start()
    assert "wrong-key" not in str(refused.value)


def test_settings_show_no_key() -> None:
    assert "wrong-key" not in repr(OpenAiListening("wrong-key")) + repr(DeepgramListening("wrong-key"))


async def test_a_server_that_is_away_at_start_may_come_later(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    async with speech_server() as server:
        url = server.url
    recognizer = provider.make(url + provider.path)
    with caplog.at_level(logging.WARNING):
        await recognizer.start()
    assert "does not answer yet" in caplog.text
    await recognizer.close()
