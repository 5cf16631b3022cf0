"""What the writer of an agent is told: the texts of errors are those that the clients really raise (test_run.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ari_agent.try_agent.advice import meant_protocol, right_for, table_of, why_not_reached
from ari_agent.try_agent.options import TrialProtocol


@pytest.mark.parametrize(
    ("url", "message", "advice"),
    [
        ("ws://a", "ws://a is not reachable: [Errno 111] Connect call failed ('127.0.0.1', 9)", "nothing listens"),
        ("ws://a", "ws://a answered 403, expected 101", "--auth-token"),
        ("ws://a", "ws://a answered 404, expected 101", "path"),
        ("ws://a", "ws://a answered 302, expected 101", "redirects"),
        ("ws://a", "ws://a answered 503, expected 101", "its own log"),
        ("ws://a", "ws://a answered 200, expected 101", "not a websocket"),
        ("wss://a", "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", "SSL_CERT_FILE"),
        ("wss://a", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "TLS"),
        ("wss://a", "ConnectionResetError", "TLS"),
        ("ws://a", "ConnectionResetError", "not a websocket"),
        ("ws://a", "ws://a is not reachable: ClientResponseError", "not a websocket"),
        ("ws://a", "[Errno -2] Name or service not known", "no such host"),
        ("ws://a", "no websocket handshake within 10 s", "firewall"),
        ("ws://a", "the agent's URL is not reachable: it is malformed", "ws://127.0.0.1:8770"),
        ("ws://a", "something that nobody has seen", ""),
    ],
)
def test_why_an_agent_is_not_reached_is_said_in_plain_words(url: str, message: str, advice: str) -> None:
    said = why_not_reached(url, message)
    assert advice in said
    assert bool(said) == bool(advice)


@pytest.mark.parametrize(
    ("fault", "kind", "right"),
    [
        ("the header of a WAV file was skipped; bare mulaw at 8000 Hz is expected", "media", "leave out the header"),
        ("a WAV file was not played: format 1, 1 channels, 24000 Hz, 16 bits; bare mulaw", "media", "convert it"),
        ("a WAV file without audio was not played; bare mulaw at 8000 Hz is expected", "media", "samples alone"),
        ("a message of 9 bytes; at most 8 are taken", None, "several messages"),
        ("more marks are waiting than any audio could need", "mark", "at the end"),
        ("a binary message of 4 bytes; Twilio media is base64 in JSON text", None, '"payload"'),
        ("media.payload is not base64: odd", "media", '"payload"'),
        ("unknown", "log", "known are media, clear, mark, transfer, hangup, dtmf, recording, update"),
        ("a mark needs mark.name", "mark", '{"event": "mark", "mark": {"name": "greeting"}}'),
        ("a message has no event", None, "one JSON object with event, which is one of media"),
    ],
)
def test_what_would_be_right_is_shown(fault: str, kind: str | None, right: str) -> None:
    assert right in right_for("twilio", fault, kind)


@pytest.mark.parametrize("protocol", ["twilio", "web", "llm"])
def test_what_is_shown_as_right_is_right(protocol: TrialProtocol) -> None:
    table = table_of(protocol)
    for kind in table.models:
        assert table.fault(json.loads(right_for(protocol, "it is odd", kind))) is None


@pytest.mark.parametrize(
    ("protocol", "message", "meant"),
    [
        ("twilio", {"response_type": "config"}, "llm"),
        ("web", {"response_id": 0, "content": "Hello."}, "llm"),
        ("llm", {"response_type": "config"}, None),
        ("twilio", None, "web"),
        ("web", None, None),
        ("web", {"event": "media"}, "twilio"),
        ("llm", {"event": "clear", "streamSid": "MZ1"}, "twilio"),
        ("twilio", {"event": "log"}, None),
    ],
)
def test_another_protocol_is_recognised(
    protocol: TrialProtocol, message: Mapping[str, object] | None, meant: str | None
) -> None:
    assert meant_protocol(protocol, message) == meant
