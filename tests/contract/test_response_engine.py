from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.response_engine import AudioWebsocketEngine, ResponseEngine

ENGINE: TypeAdapter[Any] = TypeAdapter(ResponseEngine)
URL = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}


def complaint(document: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        ENGINE.validate_python(document)
    return explain(refused.value, document, root="response_engine")


@pytest.mark.parametrize(
    ("given", "encoding", "sample_rate"),
    [
        ({}, "mulaw", 8000),
        ({"audio_websocket_protocol": "twilio"}, "mulaw", 8000),
        ({"audio_websocket_protocol": "web"}, "s16le", 16000),
        ({"audio_websocket_protocol": "web", "audio_encoding": "mulaw"}, "mulaw", 8000),
        ({"audio_websocket_protocol": "web", "sample_rate": 48000}, "s16le", 48000),
        ({"audio_websocket_protocol": "twilio", "audio_encoding": "s16le"}, "s16le", 8000),
    ],
)
def test_the_protocol_decides_how_audio_travels_unless_told(
    given: dict[str, Any], encoding: str, sample_rate: int
) -> None:
    engine = ENGINE.validate_python({**URL, **given})
    assert isinstance(engine, AudioWebsocketEngine)
    assert (engine.audio_encoding, engine.sample_rate) == (encoding, sample_rate)
    assert ENGINE.validate_python(engine.as_record()) == engine


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sample_rate": 16000}, "sample_rate must be 8000 for mulaw, not 16000"),
        (
            {"audio_websocket_protocol": "web", "sample_rate": 7999},
            "sample_rate: must be greater than or equal to 8000",
        ),
        ({"audio_websocket_protocol": "web", "sample_rate": 48001}, "sample_rate: must be less than or equal to 48000"),
        ({"audio_websocket_protocol": "web", "sample_rate": "16000"}, "sample_rate: must be an integer"),
        ({"audio_websocket_protocol": "sip"}, "audio_websocket_protocol: must be 'twilio' or 'web', not \"sip\""),
        ({"audio_encoding": "opus"}, "audio_encoding: must be 'mulaw' or 's16le'"),
        ({"audio_websocket_url": "http://127.0.0.1/"}, "must be a URL that begins with ws:// or wss://"),
        ({"audio_websocket_headers": {"Host": "x"}}, "header Host belongs to the websocket handshake"),
        ({"audio_websocket_headers": {"Sec-WebSocket-Key": "x"}}, "belongs to the websocket handshake"),
        ({"audio_websocket_headers": {"X Y": "x"}}, "header name 'X Y' must be"),
        ({"audio_websocket_headers": {"X-Y": "a\r\nb"}}, "the value of header X-Y must be printable"),
        ({"audio_websocket_headers": {"X-Y": 1}}, "audio_websocket_headers.X-Y: must be a string"),
    ],
)
def test_a_wrong_audio_engine_is_explained(given: dict[str, Any], said: str) -> None:
    assert said in complaint({**URL, **given})


def test_a_header_of_the_handshake_is_never_repeated_in_an_error_or_a_log() -> None:
    secret = "Bearer sesame\n"
    assert "sesame" not in complaint({**URL, "audio_websocket_headers": {"Authorization": secret}})
    engine = ENGINE.validate_python({**URL, "audio_websocket_headers": {"Authorization": secret.strip()}})
    assert "sesame" not in repr(engine)
    assert engine.audio_websocket_headers == {"Authorization": "Bearer sesame"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "response_engine: needs a type"),
        ({"type": "gpt"}, "response_engine: type must be one of 'retell-llm', 'custom-llm'"),
        ({"type": "retell-llm"}, "llm_id: required"),
        ({"type": "conversation-flow", "conversation_flow_id": ""}, "conversation_flow_id: must have at least 1"),
        (7, "response_engine: must be an object"),
    ],
)
def test_a_wrong_engine_is_explained(document: Any, said: str) -> None:
    assert said in complaint(document)


def test_an_engine_is_an_object() -> None:
    with pytest.raises(ValidationError):
        AudioWebsocketEngine.model_validate("ws://127.0.0.1:9300/")
