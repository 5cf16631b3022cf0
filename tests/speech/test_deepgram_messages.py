"""The address of a Deepgram stream, and what its server says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.errors import SpeechFailed
from ari_agent.speech.deepgram_messages import MAX_KEYWORDS, parse_results, stream_query
from ari_agent.speech.recognizer import ListeningOptions

RESULTS: dict[str, Any] = {
    "type": "Results",
    "channel_index": [0, 1],
    "duration": 1.5,
    "start": 3.0,
    "is_final": True,
    "speech_final": True,
    "from_finalize": False,
    "channel": {
        "alternatives": [
            {
                "transcript": "Yes, please.",
                "confidence": 0.99,
                "words": [
                    {"word": "yes", "punctuated_word": "Yes,", "start": 3.2, "end": 3.5, "confidence": 0.99},
                    {"word": "please", "start": 3.6, "end": 4.0, "confidence": 0.99},
                ],
            }
        ]
    },
}


def test_results_are_read() -> None:
    results = parse_results(json.dumps(RESULTS))
    assert results
    assert (results.start_s, results.end_s, results.text) == (3.0, 4.5, "Yes, please.")
    assert (results.final, results.speech_final, results.from_finalize) == (True, True, False)
    assert results.words == (("Yes,", 3.2, 3.5), ("please", 3.6, 4.0))


@pytest.mark.parametrize("kind", ["Metadata", "SpeechStarted", "UtteranceEnd", "Something new", None])
def test_what_is_not_about_words_is_nothing(kind: str | None) -> None:
    assert parse_results(json.dumps({"type": kind})) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        json.dumps(RESULTS | {"start": -1}),
        json.dumps(RESULTS | {"duration": float("inf")}),
        json.dumps(RESULTS | {"duration": None}),
        json.dumps(RESULTS | {"channel": []}),
        json.dumps(RESULTS | {"channel": {"alternatives": []}}),
        json.dumps(RESULTS | {"channel": {"alternatives": [{"transcript": "x", "words": [1]}]}}),
        json.dumps(RESULTS | {"channel": {"alternatives": [{"transcript": "x", "words": 1}]}}),
        '{"type": "Error", "description": "no such model"}',
    ],
)
def test_what_is_no_message_is_a_failure(text: str) -> None:
    with pytest.raises(SpeechFailed, match="Deepgram"):
        parse_results(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(RESULTS)), inner),
        max_leaves=8,
    )
)
def test_any_json_is_results_nothing_or_a_failure(value: object) -> None:
    message = value | {"type": "Results"} if isinstance(value, dict) else value
    try:
        parse_results(json.dumps(message))
    except SpeechFailed as error:
        assert str(error)


def test_the_address_says_what_the_audio_is() -> None:
    query = parse_qsl(stream_query("nova-3", ListeningOptions("call_1", "de", ("Öl", "a b"), 500)))
    assert {("encoding", "linear16"), ("sample_rate", "16000"), ("language", "de"), ("endpointing", "500")} <= set(
        query
    )
    assert [value for name, value in query if name == "keyterm"] == ["Öl", "a b"]


def test_an_older_model_has_keywords_and_there_is_a_limit() -> None:
    options = ListeningOptions("call_1", keywords=tuple(f"word{n}" for n in range(MAX_KEYWORDS + 5)))
    query = parse_qsl(stream_query("nova-2-phonecall", options))
    assert sum(name == "keywords" for name, _ in query) == MAX_KEYWORDS
    assert not [name for name, _ in query if name == "keyterm"]
