"""The custom-LLM protocol: what servers really send, and nonsense."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents import llm
from ari_agent.agents.llm import (
    Action,
    EndCall,
    LlmConfig,
    LlmInterrupt,
    LlmResponse,
    PressDigits,
    TransferTo,
    llm_url,
    parse_llm_message,
)
from ari_agent.errors import AgentCorruptPayload


def test_a_message_without_a_type_is_a_response_and_nulls_are_nothing() -> None:
    text = '{"response_id":3,"content":"hi","content_complete":true,"end_call":false,"transfer_number":null}'
    message = parse_llm_message(text)
    assert isinstance(message, LlmResponse)
    assert (message.response_id, message.content, message.content_complete) == (3, "hi", True)
    assert message.action is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"digit_to_press": "1"}, PressDigits("1")),
        ({"digit_to_press": "1", "transfer_number": "+15551234567"}, TransferTo("+15551234567")),
        (
            {"transfer_number": "+15551234567", "show_transferee_as_caller": True},
            TransferTo("+15551234567", show_transferee_as_caller=True),
        ),
        ({"digit_to_press": "1", "transfer_number": "+15551234567", "end_call": True}, EndCall()),
        ({"digit_to_press": "", "transfer_number": "", "end_call": False}, None),
    ],
)
@pytest.mark.parametrize("kind", ["response", "agent_interrupt"])
def test_the_strongest_action_counts(kind: str, fields: dict[str, object], expected: Action | None) -> None:
    numbers = {"response_id": 1, "interrupt_id": 1}
    given = {"response_type": kind, "content": "", "content_complete": True, **numbers, **fields}
    message = parse_llm_message(json.dumps(given))
    assert isinstance(message, LlmResponse | LlmInterrupt)
    assert message.action == expected


def test_config() -> None:
    assert parse_llm_message('{"response_type":"config","config":{"call_details":true}}') == LlmConfig(
        call_details=True
    )
    nulls = '{"response_type":"config","config":{"call_details":null,"auto_reconnect":false}}'
    assert not parse_llm_message(nulls).call_details


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"response_id":"1","content":"a","content_complete":true}',
        '{"response_id":1,"content":5,"content_complete":true}',
        '{"response_id":1,"content":"a","content_complete":"yes"}',
        '{"response_type":"shout"}',
        '{"response_type":7}',
        '{"response_type":"config"}',
    ],
)
def test_nonsense_is_dropped_with_a_reason(text: str) -> None:
    with pytest.raises(AgentCorruptPayload):
        parse_llm_message(text)


@given(st.text() | st.binary())
def test_no_input_crashes_it(text: str | bytes) -> None:
    with pytest.raises(AgentCorruptPayload):
        parse_llm_message(text)


@pytest.mark.parametrize(
    ("configured", "dialled"),
    [
        ("wss://h/llm", "wss://h/llm/chat_1"),
        ("wss://h/llm/", "wss://h/llm/chat_1"),
        ("https://h", "wss://h/chat_1"),
        ("ws://u:p@h:8080/a?tenant=1", "ws://u:p@h:8080/a/chat_1?tenant=1"),
    ],
)
def test_the_id_is_the_last_segment(configured: str, dialled: str) -> None:
    assert llm_url(configured, "chat_1") == dialled


@pytest.mark.parametrize("configured", ["", "ftp://h", "wss:///x", "{{unknown}}"])
def test_no_url(configured: str) -> None:
    with pytest.raises(ValueError, match="no ws or wss URL"):
        llm_url(configured, "chat_1")


def test_what_is_asked() -> None:
    asked = json.loads(llm.response_required(2, [{"role": "user", "content": "ü", "words": []}]))
    assert asked == {
        "interaction_type": "response_required",
        "response_id": 2,
        "transcript": [{"role": "user", "content": "ü", "words": []}],
    }
    assert json.loads(llm.ping(5)) == {"interaction_type": "ping_pong", "timestamp": 5}
