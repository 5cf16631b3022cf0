"""Speech to text by the OpenAI API, against a server that speaks it and recognises speech."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ari_agent.provider_api import MAX_ANSWER_BYTES
from ari_agent.speech.openai_recognizer import OpenAiListening, OpenAiRecognizer
from ari_agent.speech.recognizer import ListeningOptions
from tests.fakes.speech_server import KEY, SpeechServer, Trouble, speech_server
from tests.speech.speaking import BARGE, MS_BYTES, TRANSFER, YES, Ear, feed, say, speech

pytestmark = pytest.mark.slow


@asynccontextmanager
async def recognizer_of(server: SpeechServer, *, timeout_s: float = 60.0) -> AsyncIterator[OpenAiRecognizer]:
    recognizer = OpenAiRecognizer(OpenAiListening(KEY, server.base_url, "whisper-1", timeout_s, 2 * timeout_s))
    await recognizer.start()
    try:
        yield recognizer
    finally:
        await recognizer.close()


async def test_an_utterance_is_understood_from_its_first_word() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await say(recognition, speech(TRANSFER[0]))
        assert await ear.finals_of(1) == [TRANSFER[1]]
        await recognition.close()
    asked = server.asked[0]
    assert asked.fields["model"] == ["whisper-1"]
    assert asked.fields["language"] == ["en"]
    assert asked.fields["prompt"] == ["Retell"]
    assert asked.duration_s == pytest.approx(len(speech(TRANSFER[0])) / 32000, abs=0.03)


async def test_words_are_timed_on_all_that_was_fed() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        await feed(recognition, bytes(5000 * MS_BYTES))
        await say(recognition, speech(YES[0]))
        await ear.finals_of(1)
        await recognition.close()
    (word,) = ear.finals[0].words
    assert word.word == "yes"
    assert 5200 < word.start_ms < 5500 < word.end_ms < 6100


async def test_a_server_without_word_times_is_asked_for_text_alone() -> None:
    async with speech_server(words=False) as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        for _ in range(2):
            await say(recognition, speech(YES[0]))
        assert await ear.finals_of(2) == ["yes", "yes"]
        assert not ear.finals[0].words
        await recognition.close()
    assert [asked.fields["response_format"] for asked in server.asked] == [["json"], ["json"]]


async def test_a_click_is_nothing_and_nobody_is_asked() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        click = bytes(400 * MS_BYTES) + b"\x00\x40" * (100 * MS_BYTES // 2) + bytes(500 * MS_BYTES)
        await say(recognition, click)
        assert await ear.finals_of(1) == [""]
        await recognition.close()
    assert not server.asked


async def test_a_long_speech_goes_out_in_parts_cut_where_it_is_quiet() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        # Half a minute of room between two sentences: the second one straddles what a part may have
        room = 29_500 * MS_BYTES - len(speech(TRANSFER[0]))
        await say(recognition, speech(TRANSFER[0]) + bytes(room) + speech(BARGE[0]))
        assert await ear.finals_of(1) == [f"{TRANSFER[1]} {BARGE[1]}"]
        times = [word.start_ms for word in ear.finals[0].words]
        assert times == sorted(times)
        assert times[-1] > 30_000
        await recognition.close()
    assert all(asked.duration_s <= 30 for asked in server.asked)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(500),
        Trouble(503, b"<html>"),
        Trouble(0),
        Trouble(429, headers={"Retry-After": "0"}),
        Trouble(200, b"{"),
        Trouble(200, b"[1]"),
        Trouble(200, b'{"text": 1}'),
        Trouble(200, b"[" * 100_000),
        Trouble(delay_s=3),
    ],
    ids=["500", "503", "cut off", "429", "no JSON", "no object", "no text", "deep", "slow"],
)
async def test_what_passes_is_asked_again(trouble: Trouble) -> None:
    async with speech_server() as server, recognizer_of(server, timeout_s=1.5) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.append(trouble)
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["yes"]
        assert len(server.asked) == 2
        await recognition.close()


@pytest.mark.parametrize(
    ("troubles", "why"),
    [
        ([Trouble(500), Trouble(502)], "502"),
        (
            [Trouble(400, json.dumps({"error": {"message": f"no model for {KEY}"}}).encode())] * 2,
            r"400: no model for \*\*\*",
        ),
        ([Trouble(200, b" " * (MAX_ANSWER_BYTES + 1))], "more than"),
        ([Trouble(401)], "refuses the key"),
        ([Trouble(0)] * 2, r"the connection to 127\.0\.0\.1 failed"),
    ],
    ids=["5xx twice", "400", "huge", "401", "cut off twice"],
)
async def test_what_stays_wrong_fails_once_and_names_no_key(troubles: list[Trouble], why: str) -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.extend(troubles)
        await say(recognition, speech(YES[0]))
        error = await ear.failure()
        assert KEY not in str(error)
        await say(recognition, speech(YES[0]))  # and nothing follows
        await recognition.close()
        assert (len(ear.failures), ear.finals) == (1, [])
    assert re.search(why, str(error)), error


async def test_a_part_that_a_whisper_takes_for_silence_is_left_out() -> None:
    answer = {
        "text": "Yes. Thank you for watching!",
        "words": [{"word": "Yes", "start": 0.3, "end": 0.6}, {"word": "Thank", "start": 2.0, "end": 2.2}],
        "segments": [
            {"start": 0.0, "end": 2.0, "text": " Yes.", "no_speech_prob": 0.02, "avg_logprob": -0.2},
            {"start": 2.0, "end": 4.0, "text": " Thank you for watching!", "no_speech_prob": 0.9, "avg_logprob": -1.4},
        ],
    }
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.append(Trouble(200, json.dumps(answer).encode()))
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["Yes."]
        assert [word.word for word in ear.finals[0].words] == ["Yes"]
        await recognition.close()


async def test_the_answer_of_whisper_cpp_is_a_text_whose_pieces_of_words_are_not_taken_for_words() -> None:
    tokens = [{"word": " Ye", "start": 0.3, "end": 0.4, "t_dtw": -1, "probability": 0.9}, {"word": "s", "start": 0.4}]
    segment = {"id": 0, "text": " Yes.\n", "start": 0.0, "end": 1.2, "words": tokens, "no_speech_prob": 1e-10}
    answer = {"task": "transcribe", "language": "english", "duration": 1.2, "text": " Yes.\n", "segments": [segment]}
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer)
        server.troubles.append(Trouble(200, json.dumps(answer).encode()))
        await say(recognition, speech(YES[0]))
        assert await ear.finals_of(1) == ["Yes."]
        assert not ear.finals[0].words
        await recognition.close()


async def test_a_language_that_is_none_is_not_sent() -> None:
    async with speech_server() as server, recognizer_of(server) as recognizer:
        ear = Ear()
        recognition = ear.listen(recognizer, ListeningOptions("call_1", "multi"))
        await say(recognition, speech(YES[0]))
        await ear.finals_of(1)
        await recognition.close()
    assert "language" not in server.asked[0].fields
