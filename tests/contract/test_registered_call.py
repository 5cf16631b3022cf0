"""Registrations: what is asked for, what is kept, what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.agent import Agent
from ari_agent.contract.registered_call import (
    AudioFormat,
    CallRegister,
    PhoneCallRegister,
    RegisteredCall,
    Registration,
    WebCallCreate,
)

AGENT = Agent.model_validate(
    {
        "agent_id": "agent_1",
        "version": 2,
        "last_modification_timestamp": 1_760_000_000_000,
        "response_engine": {
            "type": "audio-websocket",
            "audio_websocket_url": "wss://agent.example.com/{{who}}",
            "audio_websocket_headers": {"Authorization": "Bearer {{key}}"},
        },
    }
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
formats = st.builds(
    AudioFormat,
    audio_websocket_protocol=st.sampled_from(["web", "twilio"]),
    audio_encoding=st.just("s16le"),
    sample_rate=st.integers(8000, 48_000),
) | st.builds(
    AudioFormat,
    audio_websocket_protocol=st.sampled_from(["web", "twilio"]),
    audio_encoding=st.just("mulaw"),
    sample_rate=st.just(8000),
)
registrations = st.builds(
    Registration,
    call_id=st.text(min_size=1, max_size=60),
    agent=st.just(AGENT),
    audio=st.none() | formats,
    end_call_after_silence_ms=st.none() | st.integers(10_000, 2**31 - 1),
    expires_ms=st.integers(0, 2**53 - 1),
)
RIGHT: dict[str, Any] = {
    "agent_id": "agent_1",
    "audio_websocket_protocol": "web",
    "audio_encoding": "s16le",
    "sample_rate": 24_000,
    "end_call_after_silence_ms": 10_000,
    "from_number": "anything",
    "to_number": "",
    "direction": "outbound",
    "metadata": {"a": [1, None]},
    "retell_llm_dynamic_variables": {"name": "Bob"},
}


@given(registrations)
def test_what_is_kept_reads_back(registration: Registration) -> None:
    assert Registration.model_validate(json.loads(json.dumps(registration.as_record()))) == registration


@given(formats)
def test_a_format_reads_back(audio: AudioFormat) -> None:
    assert AudioFormat.model_validate_json(json.dumps(audio.as_json())) == audio


@given(st.sampled_from([CallRegister, PhoneCallRegister, WebCallCreate, Registration, AudioFormat]), values)
def test_no_body_crashes_it(model: type[CallRegister], body: object) -> None:
    try:
        model.model_validate(body)
    except ValidationError:
        return


@given(st.sampled_from(sorted(RIGHT)), values)
def test_no_value_of_a_field_crashes_it_and_what_is_taken_is_kept(field: str, value: object) -> None:
    try:
        asked = CallRegister.model_validate({**RIGHT, field: value})
    except ValidationError as error:
        assert all(problem["loc"][:1] in ((field,), ()) for problem in error.errors())
        return
    assert CallRegister.model_validate(json.loads(json.dumps(asked.changes()))) == asked


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("sample_rate", [7999, 48_001, "8000", 8000.5, True, None], [8000, 11_025, 44_100, 48_000, 16_000.0]),
        ("end_call_after_silence_ms", [9999, -1, 2**31, "10000"], [10_000, 2**31 - 1, None]),
        ("audio_websocket_protocol", ["sip", "Web", "", 1, None], ["web", "twilio"]),
        ("audio_encoding", ["opus", "pcm", "ulaw", None], ["s16le"]),
        ("direction", ["sideways", ""], ["inbound", "outbound", None]),
        ("metadata", ["text", [], 5], [{}, {"a": {"b": 1}}, None]),
        ("retell_llm_dynamic_variables", [{"a": 1}, {"a": None}, "a"], [{}, {"a": ""}, None]),
        ("agent_id", ["", 5, None], ["agent_2"]),
        ("from_number", [5, "x" * 257], ["", "+15550001", None]),
    ],
)
def test_the_ranges_of_a_registration(field: str, wrong: list[object], right: list[object]) -> None:
    for value in wrong:
        with pytest.raises(ValidationError) as refused:
            CallRegister.model_validate({**RIGHT, field: value})
        assert refused.value.errors()[0]["loc"][0] == field
    for value in right:
        CallRegister.model_validate({**RIGHT, field: value})


def test_mulaw_has_one_rate_and_unknown_keys_do_no_harm() -> None:
    with pytest.raises(ValidationError, match="sample_rate must be 8000 with audio_encoding mulaw, is 24000"):
        CallRegister.model_validate({**RIGHT, "audio_encoding": "mulaw"})
    asked = {**RIGHT, "audio_encoding": "mulaw", "sample_rate": 8000, "end_after_silence_ms": "?", "from": None}
    assert CallRegister.model_validate(asked).audio == AudioFormat(
        audio_websocket_protocol="web", audio_encoding="mulaw", sample_rate=8000
    )


def test_the_answer_is_what_was_asked_and_what_is_known_now() -> None:
    answer = RegisteredCall.model_validate({**RIGHT, "call_id": "call_1", "call_status": "registered"}).as_json()
    more = {"drop_call_if_machine_detected": False, "opt_out_sensitive_data_storage": False}
    assert answer == {**RIGHT, "call_id": "call_1", "call_status": "registered", **more}


def test_what_is_kept_shows_no_secret_in_logs() -> None:
    assert "Bearer" not in repr(Registration(call_id="call_1", agent=AGENT, expires_ms=1))
