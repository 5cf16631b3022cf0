"""What a public log says of one message of an agent's websocket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.public_log.log_messages import MAX_READ_BYTES, message_facts

WORDS = [{"word": "yes", "start": 0.1, "end": 0.4}]


@pytest.mark.parametrize(
    ("message", "kind", "content"),
    [
        ({"event": "mark", "mark": {"name": "a"}}, "mark", {"event": "mark", "mark": {"name": "a"}}),
        ({"interaction_type": "ping_pong"}, "ping_pong", {"interaction_type": "ping_pong"}),
        ({"response_type": "config"}, "config", {"response_type": "config"}),
        ({"event_type": "metadata"}, "metadata", {"event_type": "metadata"}),
        ({"response_id": 1, "content": "Hi"}, "response", {"response_id": 1, "content": "Hi"}),
        ({"other": 1}, "unknown", {"other": 1}),
        ({"event": "the caller's name is Bob"}, "unknown", {"event": "the caller's name is Bob"}),
        ({"event": 5}, "unknown", {"event": 5}),
    ],
)
def test_a_message_is_told_by_its_kind_its_size_and_what_it_says(message: Any, kind: str, content: Any) -> None:
    octets = json.dumps(message).encode()
    assert message_facts(octets) == ({"kind": kind, "bytes": len(octets)}, content)


def test_of_a_transcript_that_is_sent_again_and_again_the_last_utterance_is_told_without_times() -> None:
    message = {
        "interaction_type": "update_only",
        "transcript": [{"role": "agent", "content": "Hello?"}, {"role": "user", "content": "yes", "words": WORDS}],
        "transcript_with_tool_calls": [],
        "transcript_object": None,
        "beside": [{"transcript": "text", "words": WORDS}],
    }
    assert message_facts(json.dumps(message).encode())[1] == {
        "interaction_type": "update_only",
        "transcript": {"entries": 2, "last": {"role": "user", "content": "yes"}},
        "transcript_with_tool_calls": {"entries": 0},
        "transcript_object": None,
        "beside": [{"transcript": "text"}],
    }


@pytest.mark.parametrize("message", [b"clear", b"ping", b"pong"])
def test_a_message_that_is_a_word_has_that_kind(message: bytes) -> None:
    assert message_facts(message) == ({"kind": message.decode(), "bytes": len(message)}, None)


@pytest.mark.parametrize("message", [b"hello", b"[1]", b"\xff", b"", b"[" * 10_000, b"NaN"])
def test_of_what_is_no_json_object_the_size_alone_is_told(message: bytes) -> None:
    assert message_facts(message) == ({"kind": "unknown", "bytes": len(message)}, None)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"response_id": 1, "interaction_type": "response_required", "x": "y" * MAX_READ_BYTES}, "response_required"),
        ({"x": "y" * MAX_READ_BYTES}, "unknown"),
    ],
)
def test_of_a_very_long_message_kind_and_size_are_told(message: Any, kind: str) -> None:
    octets = json.dumps(message).encode()
    assert message_facts(octets) == ({"kind": kind, "bytes": len(octets)}, None)


@given(st.binary())
def test_no_message_is_too_strange(message: bytes) -> None:
    facts, _ = message_facts(message)
    assert facts["bytes"] == len(message)
