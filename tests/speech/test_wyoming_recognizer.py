"""What a Wyoming server hears, and what becomes of a call whose server is broken or is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech import wyoming_recognizer
from ari_agent.speech.recognizer import ListeningOptions
from ari_agent.speech.wyoming_connection import DESCRIBE_TIMEOUT_S
from ari_agent.speech.wyoming_recognizer import (
    LONG_PART_MS,
    LONGEST_PART_MS,
    SETTING,
    WyomingListening,
    WyomingRecognizer,
)
from tests.fakes.wyoming_server import BROKEN, WyomingFake, wyoming_server
from tests.speech.speaking import BARGE, MS_BYTES, NO_THANK_YOU, TRANSFER, YES, Ear, feed, say, speech
from tests.speech.spoken import gone


@asynccontextmanager
async def started(server: WyomingFake, *, final_timeout_s: float = 60) -> AsyncIterator[WyomingRecognizer]:
    recognizer = WyomingRecognizer(WyomingListening(url=server.url, final_timeout_s=final_timeout_s))
    await recognizer.start()
    try:
        yield recognizer
    finally:
        await recognizer.close()


async def test_utterances_come_in_order_whatever_is_answered_first() -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.delays_s.append(0.3)
        for file, _ in (TRANSFER, YES, NO_THANK_YOU):
            await say(recognition, speech(file))
        assert await ear.finals_of(3) == [TRANSFER[1], YES[1], NO_THANK_YOU[1]]
        await recognition.close()
    asked = server.asked[0]
    assert asked.data["transcribe"] == {"language": "en"}
    assert asked.data["audio-start"] == {"rate": 16000, "width": 2, "channels": 1}
    assert asked.types[-1] == "audio-stop" and asked.types.count("audio-chunk") > 5  # while it was spoken
    assert bytes(asked.audio) == speech(TRANSFER[0])


async def test_a_server_that_streams_tells_what_it_understands_so_far() -> None:
    async with wyoming_server(streams=True) as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer, ListeningOptions("call_1", "multi"))
        await say(recognition, speech(BARGE[0]), stop=False)
        await ear.partial()
        assert ear.partials[0].text == "wait" and not ear.finals
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [BARGE[1]]
        assert server.asked[0].data["transcribe"] == {}
        await recognition.close()


@pytest.mark.parametrize("fault", [*BROKEN, "cut", "error"])
async def test_a_failed_connection_is_made_once_more_with_all_of_the_audio(fault: str) -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.faults.append(fault)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        server.faults.extend([fault, fault])
        await say(recognition, speech(YES[0]))
        assert f"{server.url} ({SETTING}): the server " in str(await ear.failure())
        await recognition.close()
    first, second = server.asked[:2]
    assert first.audio == second.audio and len(ear.failures) == 1


async def test_no_text_in_time_is_a_failure_that_names_server_and_setting() -> None:
    async with wyoming_server() as server, started(server, final_timeout_s=0.2) as recognizer:
        ear = Ear()
        server.faults.append("silence")
        recognition = ear.listen(recognizer)
        await say(recognition, speech(YES[0]))
        assert str(await ear.failure()) == f"{server.url} ({SETTING}) gave no text within 0.2 s"
        await recognition.close()


async def test_a_cough_is_nothing_whatever_the_server_says() -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        recognition.speech_started()
        await feed(recognition, bytes(900 * MS_BYTES))
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [""]
        assert "audio-stop" not in server.asked[0].types  # it was not asked
        await recognition.close()


async def test_long_speech_is_heard_in_parts_that_end_in_pauses() -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        yes = speech(YES[0])
        times = LONG_PART_MS * MS_BYTES // len(yes) + 2
        await say(recognition, yes * times, stop=False)
        loud = speech(BARGE[0])[600 * MS_BYTES : 620 * MS_BYTES]
        await feed(recognition, loud * (LONGEST_PART_MS // 20 + 5))
        recognition.speech_stopped()
        (text,) = await ear.finals_of(1)
        await recognition.close()
    sizes_ms = [len(asked.audio) / MS_BYTES for asked in server.asked]
    assert LONG_PART_MS <= sizes_ms[0] < LONG_PART_MS + 2000
    assert sizes_ms[1] == pytest.approx(LONGEST_PART_MS, abs=100)
    whole = b"".join(bytes(asked.audio) for asked in server.asked)
    assert whole == yes * times + loud * (LONGEST_PART_MS // 20 + 5)
    assert text.startswith("yes yes")  # the grammar hears one a part


async def test_a_server_that_ends_the_utterance_itself_hears_the_rest_in_another() -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.faults.append("early")
        await say(recognition, speech(YES[0]), stop=False)
        await feed(recognition, bytes(100 * MS_BYTES))
        async with asyncio.timeout(60):
            await server.asked[0].ended.wait()
            while len(server.asked) < 2:
                await feed(recognition, bytes(100 * MS_BYTES))
        await feed(recognition, speech(NO_THANK_YOU[0]))
        recognition.speech_stopped()
        (text,) = await ear.finals_of(1)
        assert text.endswith(NO_THANK_YOU[1])
        await recognition.close()


async def test_what_follows_a_pause_without_a_voice_is_not_asked_for() -> None:
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, speech(YES[0]), stop=False)
        server.faults.append("early")
        async with asyncio.timeout(60):
            while len(server.asked) < 2:
                await feed(recognition, bytes(100 * MS_BYTES))
        recognition.speech_stopped()
        await ear.finals_of(1)
        await gone(server.asked[1].ended)
        assert "audio-stop" not in server.asked[1].types
        await recognition.close()


async def test_a_server_that_ends_whatever_it_is_sent_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming_recognizer, "MAX_PARTS", 3)
    async with wyoming_server() as server, started(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.faults.extend(["early"] * 20)
        await say(recognition, speech(YES[0]), stop=False)
        while len(server.faults) > 17:
            await feed(recognition, bytes(100 * MS_BYTES))
        await asyncio.gather(*(asked.ended.wait() for asked in server.asked))
        await feed(recognition, bytes(3000 * MS_BYTES))
        recognition.speech_stopped()
        await ear.finals_of(1)
        await recognition.close()
    assert len(server.asked) == 3


@pytest.mark.parametrize("closes", ["recognition", "recognizer"])
async def test_after_close_nothing_is_heard(closes: str) -> None:
    async with wyoming_server() as server:
        ear = Ear()
        async with started(server) as recognizer:
            recognition = ear.listen(recognizer)
            server.delays_s.append(5)
            await say(recognition, speech(YES[0]))
            if closes == "recognition":
                await recognition.close()
        await say(recognition, speech(YES[0]))
    assert (ear.finals, ear.failures) == ([], [])


async def test_a_server_that_only_speaks_is_refused_at_the_start() -> None:
    async with wyoming_server("tts") as server:
        with pytest.raises(SpeechUnavailable, match=f"{SETTING}: the server at {server.url} offers no speech to text"):
            await WyomingRecognizer(WyomingListening(url=server.url)).start()


async def test_a_server_that_is_away_at_the_start_may_come_later(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    recognizer = WyomingRecognizer(WyomingListening(url=f"tcp://127.0.0.1:{unused_tcp_port}"))
    await recognizer.start()
    assert "speech to text does not answer yet" in caplog.text
    assert DESCRIBE_TIMEOUT_S == 5
    ear = Ear()
    recognition = ear.listen(recognizer)
    await say(recognition, speech(YES[0]))
    assert SETTING in str(await ear.failure())
    await recognition.close()
    await recognizer.close()


def test_a_url_that_is_none_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(SpeechUnavailable, match=f"{SETTING} must be a URL like tcp://127.0.0.1:10300"):
        WyomingRecognizer(WyomingListening(url="http://127.0.0.1:10300"))
