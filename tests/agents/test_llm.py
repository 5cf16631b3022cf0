"""The custom-LLM protocol: what servers really send, and nonsense."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents import llm
from ari_agent.agents.llm import (
    Action,
    EndCall,
    LlmAgentConfig,
    LlmConfig,
    LlmInterrupt,
    LlmMetadata,
    LlmRecording,
    LlmResponse,
    LlmToolResult,
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
    assert parse_llm_message(nulls) == LlmConfig(call_details=None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"response_id":"first","content":"a","content_complete":true}',
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


@pytest.mark.parametrize(
    ("written", "field", "meant"),
    [
        ('"response_id": "1"', "response_id", 1),
        ('"response_id": 1.0', "response_id", 1),
        ('"content": null', "content", ""),
        ('"content_complete": "True"', "content_complete", True),
        ('"content_complete": null', "content_complete", None),
        ('"end_call": "false"', "end_call", False),
        ('"end_call": 1', "end_call", True),
        ('"transfer_number": 12025550199', "transfer_number", "12025550199"),
        ('"digit_to_press": 5', "digit_to_press", "5"),
    ],
)
def test_a_value_of_another_type_is_read_as_meant(written: str, field: str, meant: object) -> None:
    message = parse_llm_message(f'{{"response_id": 7, "content": "hi", {written}}}')
    assert getattr(message, field) == meant
    assert isinstance(message, LlmResponse)


def test_what_a_server_leaves_out_of_an_answer_is_nothing() -> None:
    message = parse_llm_message('{"response_id": 7, "end_call": true}')
    assert isinstance(message, LlmResponse)
    assert (message.content, message.content_complete, message.action) == ("", None, EndCall())


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


def test_whoever_reads_the_last_entry_of_a_request_finds_one() -> None:
    for request in (llm.response_required, llm.reminder_required):
        assert json.loads(request(1, []))["transcript"][-1]["content"] == "(unintelligible audio)"
    assert json.loads(llm.update_only([], turntaking="agent_turn")) == {
        "interaction_type": "update_only",
        "transcript": [],
        "turntaking": "agent_turn",
    }


def test_tool_calls_are_told_only_to_whom_they_are_given() -> None:
    said: list[dict[str, object]] = [{"role": "user", "content": "hi", "words": []}]
    used = {"role": "tool_call_invocation", "tool_call_id": "1", "name": "look", "arguments": "{}"}
    tools: list[dict[str, object]] = [*said, {**used}]
    for text in (llm.response_required(4, said, tools), llm.reminder_required(4, said, tools)):
        assert json.loads(text)["transcript_with_tool_calls"] == tools
    assert "transcript_with_tool_calls" not in json.loads(llm.reminder_required(4, said))
    assert json.loads(llm.reminder_required(4, said))["interaction_type"] == "reminder_required"
    assert "turntaking" not in json.loads(llm.update_only(said, tools))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, LlmAgentConfig()),
        (
            {"responsiveness": 0, "interruption_sensitivity": 1},
            LlmAgentConfig(responsiveness=0, interruption_sensitivity=1),
        ),
        (
            {"responsiveness": None, "reminder_trigger_ms": 2500.5, "reminder_max_count": 0},
            LlmAgentConfig(reminder_trigger_ms=2500.5, reminder_max_count=0),
        ),
    ],
)
def test_the_agent_changes_how_it_listens(config: dict[str, object], expected: LlmAgentConfig) -> None:
    assert parse_llm_message(json.dumps({"response_type": "update_agent", "agent_config": config})) == expected


@pytest.mark.parametrize(
    "config",
    [
        {"responsiveness": 1.01},
        {"responsiveness": -0.1},
        {"responsiveness": True},
        {"interruption_sensitivity": "1"},
        {"reminder_trigger_ms": 0},
        {"reminder_trigger_ms": float("inf")},
        {"reminder_max_count": -1},
        {"reminder_max_count": 1.5},
        None,
        [],
    ],
)
def test_settings_out_of_range_change_nothing(config: object) -> None:
    with pytest.raises(AgentCorruptPayload):
        parse_llm_message(json.dumps({"response_type": "update_agent", "agent_config": config}))


def test_metadata_is_an_object_and_stays_as_it_is() -> None:
    given = {"a": [1, None, {"b": "ü"}]}
    message = parse_llm_message(json.dumps({"response_type": "metadata", "metadata": given}))
    assert message == LlmMetadata(metadata=given)
    with pytest.raises(AgentCorruptPayload):
        parse_llm_message('{"response_type":"metadata","metadata":"text"}')


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_recording_is_paused_and_resumed(action: Literal["pause", "resume"]) -> None:
    message = parse_llm_message(json.dumps({"response_type": "recording", "action": action}))
    assert message == LlmRecording(action=action)
    with pytest.raises(AgentCorruptPayload):
        parse_llm_message('{"response_type":"recording","action":"stop"}')


def test_a_tool_whose_success_is_not_reported_has_not_failed() -> None:
    text = '{"response_type":"tool_call_result","tool_call_id":"t","content":"done"}'
    message = parse_llm_message(text)
    assert isinstance(message, LlmToolResult)
    assert message.successful is None


_FIELDS = (
    "response_type",
    "response_id",
    "interrupt_id",
    "content",
    "content_complete",
    "no_interruption_allowed",
    "end_call",
    "transfer_number",
    "digit_to_press",
    "config",
    "agent_config",
    "metadata",
    "tool_call_id",
    "name",
    "arguments",
    "timestamp",
)
_KINDS = ("config", "ping_pong", "response", "agent_interrupt", "tool_call_invocation", "update_agent", "metadata")
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(_KINDS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES))
def test_what_is_read_is_what_was_written_or_meant(given_message: dict[str, object]) -> None:
    try:
        message = parse_llm_message(json.dumps(given_message))
    except AgentCorruptPayload:
        return
    if isinstance(message, LlmResponse | LlmInterrupt):
        read = message.model_dump(include=message.model_fields_set, exclude_none=True)
        assert all(_is_meant(value, given_message[name]) for name, value in read.items())


def _is_meant(value: object, written: object) -> bool:
    """Whether this is what was written, or the only reading of it in another type."""
    if type(value) is type(written):
        return value == written
    if isinstance(written, str):
        return str(value).lower() == written.strip().lower()
    if isinstance(value, str):
        return (value or None) == (None if written is None else str(written))
    return value == written and isinstance(written, int | float)


def test_a_ping_tells_the_time_and_details_the_call() -> None:
    assert json.loads(llm.ping(1_760_000_000_000)) == {
        "interaction_type": "ping_pong",
        "timestamp": 1_760_000_000_000,
    }
    assert json.loads(llm.call_details({"call_id": "call_1"})) == {
        "interaction_type": "call_details",
        "call": {"call_id": "call_1"},
    }
