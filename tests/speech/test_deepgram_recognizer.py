"""Speech to text by Deepgram, against a server that speaks its protocol and recognises speech."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ari_agent.speech.deepgram_recognizer import REDIAL_LIMIT, DeepgramListening, DeepgramRecognizer
from ari_agent.speech.recognizer import ListeningOptions
from tests.fakes.speech_server import KEY, SpeechServer, speech_server
from tests.speech.speaking import BARGE, MS_BYTES, NO_THANK_YOU, TRANSFER, YES, Ear, feed, say, speech

pytestmark = pytest.mark.slow

SETTINGS = DeepgramListening(KEY, final_timeout_s=60, patience_s=(2.0, 0.1), dial_timeout_s=60)


@asynccontextmanager
async def recognizer_of(
    server: SpeechServer, settings: DeepgramListening = SETTINGS
) -> AsyncIterator[DeepgramRecognizer]:
    recognizer = DeepgramRecognizer(replace(settings, url=server.url))
    await recognizer.start()
    server.streams.clear()  # the one of the start
    try:
        yield recognizer
    finally:
        await recognizer.close()


async def test_an_utterance_is_understood_while_it_is_spoken_and_final_when_it_stops() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, speech(TRANSFER[0]))
        assert await ear.finals_of(1) == [TRANSFER[1]]
        await recognition.close()
        stream = server.streams[0]
        await stream.until("CloseStream")
        assert stream.messages == ["audio", "Finalize", "CloseStream"]
        assert stream.query["keyterm"] == "Retell"
    assert any(partial.text.startswith("transfer") for partial in ear.partials)
    assert all(not partial.final for partial in ear.partials)


async def test_only_speech_is_sent_and_words_are_timed_on_all_that_was_fed() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        for file, _ in (YES, NO_THANK_YOU):
            await feed(recognition, bytes(4000 * MS_BYTES))
            await say(recognition, speech(file))
        assert await ear.finals_of(2) == [YES[1], NO_THANK_YOU[1]]
        spoken_s = (len(speech(YES[0])) + len(speech(NO_THANK_YOU[0]))) / 32000
        assert server.streams[0].heard_s == pytest.approx(spoken_s, abs=0.1)
        await recognition.close()
    assert 4200 < ear.finals[0].words[0].start_ms < 4600
    first = 8000 + len(speech(YES[0])) // MS_BYTES
    assert first + 200 < ear.finals[1].words[0].start_ms < first + 600


async def test_a_pause_within_an_utterance_is_the_providers_end_of_turn_and_not_the_utterances() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        # Half a second of silence at the end of the first sentence, and the server's endpointing is 300 ms
        await say(recognition, speech(TRANSFER[0]) + speech(BARGE[0]))
        assert await ear.finals_of(1) == [f"{TRANSFER[1]} {BARGE[1]}"]
        await recognition.close()
    assert any(partial.end_of_turn and partial.text == TRANSFER[1] for partial in ear.partials)
    times = [word.start_ms for word in ear.finals[0].words]
    assert times == sorted(times)


async def test_a_finalize_that_is_not_answered_is_not_waited_for_long() -> None:
    settings = replace(SETTINGS, patience_s=(0.2, 0.2))
    async with speech_server() as server, recognizer_of(server, settings) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, bytes(600 * MS_BYTES), stop=False)
        stream = await server.stream()
        await stream.until("audio")
        stream.ignores_finalize = True
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [""]
        await say(recognition, speech(YES[0]))
        await ear.finals_of(2)  # what it had understood so far
        await recognition.close()


async def test_silence_on_the_line_does_not_end_the_stream() -> None:
    settings = replace(SETTINGS, keep_alive_s=0.05)
    async with speech_server(idle_s=2.0) as server, recognizer_of(server, settings) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        stream = await server.stream()
        await stream.until("KeepAlive", 3)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        assert len(server.streams) == 1
        await recognition.close()


async def test_a_stream_that_the_server_ends_for_its_silence_is_dialled_again() -> None:
    async with speech_server(idle_s=0.05) as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await server.stream(1)
        server.idle_s = 10.0
        await server.stream(2)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        await recognition.close()


async def test_a_connection_that_is_cut_in_mid_utterance_is_unheard() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        half = len(speech(TRANSFER[0])) // 64 * 32
        await say(recognition, speech(TRANSFER[0])[:half], stop=False)
        stream = await server.stream()
        await stream.until("audio")
        stream.cut()
        await feed(recognition, speech(TRANSFER[0])[half:])
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [TRANSFER[1]]
        assert len(server.streams) == 2
        await recognition.close()
    assert len(ear.finals) == 1


async def test_what_was_final_before_the_cut_is_not_said_twice() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, speech(TRANSFER[0]), stop=False)
        while not any(partial.end_of_turn for partial in ear.partials):
            ear.partials.clear()
            await ear.partial()
        (await server.stream()).cut()
        await feed(recognition, speech(BARGE[0]))
        recognition.speech_stopped()
        assert await ear.finals_of(1) == [f"{TRANSFER[1]} {BARGE[1]}"]
        await recognition.close()


@pytest.mark.parametrize(
    "garbage", ["{", "[]", '{"type": "Results"}', '{"type": "Error", "description": "oops"}', "x" * 2_000_000]
)
async def test_garbage_is_a_lost_connection(garbage: str) -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        stream = await server.stream()
        await stream.socket.send_str(garbage)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        assert len(server.streams) == 2
        await recognition.close()


async def test_a_server_that_stays_away_is_a_failure_once() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        stream = await server.stream()
        server.refusals.extend([503] * REDIAL_LIMIT)
        stream.cut()
        await say(recognition, speech(YES[0]))
        assert "lost 4 times within 10 s: Deepgram answered 503" in str(await ear.failure())
        await say(recognition, speech(YES[0]))
        await recognition.close()
    assert (len(ear.failures), ear.finals) == (1, [])


@pytest.mark.parametrize(("status", "why"), [(401, "refuses the key"), (400, "answered 400"), (402, "answered 402")])
async def test_what_is_refused_is_not_tried_again(status: int, why: str) -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        server.refusals.append(status)
        ear = Ear()
        recognition = ear.listen(recognizer)
        error = await ear.failure()
        assert why in str(error)
        assert KEY not in str(error)
        assert not server.streams
        await recognition.close()


async def test_close_while_dialling() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        await ear.listen(recognizer).close()
    assert (ear.finals, ear.partials, ear.failures) == ([], [], [])


async def test_the_agents_endpointing_is_passed_on() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        recognition = Ear().listen(recognizer, ListeningOptions("call_1", endpointing_ms=150))
        assert (await server.stream()).query["endpointing"] == "150"
        await recognition.close()
