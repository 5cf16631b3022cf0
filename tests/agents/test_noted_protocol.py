"""Every message but audio is noted on its way, and none is changed."""

from __future__ import annotations

import pytest

from ari_agent.agents.message import CallFacts, Clear
from ari_agent.agents.noted_protocol import NotedProtocol
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.errors import AgentCorruptPayload

FACTS = CallFacts(
    call_id="call_1", from_number="+1", to_number="+2", direction="inbound", dynamic_variables={}, metadata=None
)
Note = tuple[str, bytes, str | None]


def noted(notes: list[Note]) -> NotedProtocol:
    protocol = TwilioClient(FACTS, stream_sid="MZ1", encoding="mulaw", rate_hz=8000)
    return NotedProtocol(protocol, lambda *note: notes.append(note))


def test_what_is_sent_is_noted_as_it_is_sent() -> None:
    notes: list[Note] = []
    protocol = noted(notes)
    sent = [
        *protocol.opening(),
        protocol.dtmf("5", 100),
        protocol.mark("a"),
        protocol.control({"event": "error", "error": {}}),
        protocol.pong(),
        *protocol.closing(),
    ]
    assert notes == [("sent", message, None) for message in sent]
    assert len(sent) >= 6


def test_what_is_received_is_noted_and_read() -> None:
    notes: list[Note] = []
    protocol = noted(notes)
    assert protocol.read_text(b'{"event":"clear","streamSid":"MZ1"}') == Clear()
    with pytest.raises(AgentCorruptPayload):
        protocol.read_text(b"{")
    with pytest.raises(AgentCorruptPayload):
        protocol.read_binary(b"\x00")
    assert [(direction, message) for direction, message, _ in notes] == [
        ("received", b'{"event":"clear","streamSid":"MZ1"}'),
        ("received", b"{"),
        ("received", b"\x00"),
    ]
    assert [why is None for *_, why in notes] == [True, False, False]


def test_audio_is_neither_noted_nor_does_it_pass_here() -> None:
    notes: list[Note] = []
    inner = WebClient(FACTS, encoding="s16le", rate_hz=16000)
    protocol = NotedProtocol(inner, lambda *note: notes.append(note))
    assert protocol.audio == inner.audio
    assert protocol.read_audio == inner.read_audio
    assert (protocol.audio_is_binary, protocol.encoding, protocol.rate_hz) == (True, "s16le", 16000)
    assert protocol.max_message_bytes == inner.max_message_bytes
    twilio = noted(notes)
    media = b'{ "streamSid":"MZ1", "media":{"payload":"/w=="}, "event":"media" }'  # not as Twilio writes it
    twilio.read_text(media)
    assert notes == []
