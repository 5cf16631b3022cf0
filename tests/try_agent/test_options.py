"""What a trial call is asked for."""

from __future__ import annotations

import pytest

from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine
from ari_agent.errors import ConfigurationError
from ari_agent.try_agent.options import TrialOptions


def test_an_audio_agent_is_dialled_as_create_agent_would_have_it() -> None:
    options = TrialOptions(
        "ws://127.0.0.1:1/a",
        headers={"Authorization": "Bearer x"},
        auth_token="secret",
        subprotocols=["audio.twilio.com"],
        encoding="s16le",
        rate_hz=16000,
        variables={"customer": "Bob"},
    )
    spec = options.spec("call_1", 1_700_000_000_000)
    assert isinstance(engine := spec.engine, AudioWebsocketEngine)
    assert engine.handshake_headers() == {"Sec-WebSocket-Protocol": "audio.twilio.com", "Authorization": "Bearer x"}
    assert engine.audio_websocket_auth_token == "secret"
    assert (engine.audio_encoding, engine.sample_rate) == ("s16le", 16000)
    assert spec.dynamic_variables == {"customer": "Bob"}
    assert "secret" not in repr(options)


def test_a_text_agent_gets_a_call_object_to_tell_about() -> None:
    spec = TrialOptions("wss://host/llm", "llm", variables={"customer": "Bob"}).spec("call_1", 1)
    assert isinstance(spec.engine, CustomLlmEngine)
    assert spec.call
    assert spec.call.retell_llm_dynamic_variables == {"customer": "Bob"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (TrialOptions("http://host"), "audio_websocket_url: must be a URL that begins with ws:// or wss://"),
        (TrialOptions("host:80", "llm"), "llm_websocket_url: must be a URL that begins with"),
        (TrialOptions("ws://host", rate_hz=16000), "^options: sample_rate must be 8000 for mulaw"),
        (TrialOptions("ws://host", rate_hz=0), "sample_rate: must be greater than or equal to 8000, not 0"),
        (TrialOptions("ws://host", auth_token=""), "audio_websocket_auth_token: must have at least 1 character"),
        (TrialOptions("ws://host", "llm", headers={"X-A": "b"}), "a text agent has no audio_websocket_headers"),
        (TrialOptions("ws://host", headers={"Host": "b"}), "belongs to the websocket handshake"),
    ],
)
def test_what_is_wrong_is_named(options: TrialOptions, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        options.spec("call_1", 1)
