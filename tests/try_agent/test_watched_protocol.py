"""A protocol that is watched does what it does without, and what it reads is noted."""

from __future__ import annotations

import json

import pytest

from ari_agent.agents.control import refusal
from ari_agent.agents.message import CallFacts, Clear
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.errors import AgentCorruptPayload
from ari_agent.try_agent.findings import Findings
from ari_agent.try_agent.watched_protocol import WatchedProtocol
from ari_agent.try_agent.wire_log import WireLog

FACTS = CallFacts("call_1", "1", "2", "inbound")


def protocol(name: str) -> AgentProtocol:
    return TwilioClient(FACTS, stream_sid="MZ1") if name == "twilio" else WebClient(FACTS)


class Watched:
    """A protocol, and the log of who watches it."""

    def __init__(self, name: str) -> None:
        self.findings = Findings()
        self.log = WireLog("twilio" if name == "twilio" else "web", self.findings, lambda: 0.0)
        self.protocol: AgentProtocol = WatchedProtocol(protocol(name), self.log)


@pytest.mark.parametrize("name", ["twilio", "web"])
def test_it_writes_what_the_protocol_writes_and_counts_it(name: str) -> None:
    watched, plain = Watched(name), protocol(name)
    told = watched.protocol
    assert (told.audio_is_binary, told.encoding, told.rate_hz) == (plain.audio_is_binary, plain.encoding, plain.rate_hz)
    assert told.max_message_bytes == plain.max_message_bytes
    control = {"event": "call_control", "call_control": {"trigger_response": True}}
    for one, other in (
        (told.opening(), plain.opening()),
        (told.audio(b"\xff" * 160), plain.audio(b"\xff" * 160)),
        (told.dtmf("1", 0), plain.dtmf("1", 0)),
        (told.mark("a"), plain.mark("a")),
        (told.control(control), plain.control(control)),
        (told.pong(), plain.pong()),
        (told.closing(), plain.closing()),
    ):
        assert one == other
    assert watched.log.sent == {"media": 1, "dtmf": 1, "mark": 1, "call_control": 1, "pong": 1}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"event": "mark", "mark": {"name": "a"}}, "mark"),
        ({"event": "clear"}, "clear"),
        ({"event": "ping"}, "ping"),
        ({"event": "transfer", "transfer": {"to": "100"}}, "transfer"),
        ({"event": "transfer", "transfer": {"action": "cancel"}}, "transfer"),
        ({"event": "hangup"}, "hangup"),
        ({"event": "dtmf", "dtmf": {"digits": "1"}}, "dtmf"),
        ({"event": "update", "update": {"transcript": []}}, "update"),
        ({"event_type": "metadata", "metadata": {}}, "metadata"),
        ({"event": "log"}, "log"),
    ],
)
def test_what_is_read_is_counted_by_its_kind(message: dict[str, object], kind: str) -> None:
    watched = Watched("web")
    text = json.dumps(message).encode()
    assert watched.protocol.read_text(text) == protocol("web").read_text(text)
    assert watched.log.received == {kind: 1}


def test_audio_is_compared_and_counted_where_it_is_played() -> None:
    watched = Watched("twilio")
    text = b'{"event":"media","streamSid":"MZ1","media":{"payload":"/////////w=="}}'
    assert watched.protocol.read_audio(text) == protocol("twilio").read_audio(text) == b"\xff" * 7
    watched.protocol.read_text(b'{"event":"media","media":{"payload":"_w"}}')
    assert not watched.log.received
    assert [finding.what[:6] for finding in watched.findings] == ["media:"]


def test_the_bare_words_of_the_web_protocol_are_as_documented() -> None:
    watched = Watched("web")
    assert watched.protocol.read_text(b"clear") == Clear()
    assert watched.findings.ok
    assert watched.log.received == {"clear": 1}


def test_what_cannot_be_read_is_noted_and_still_raised() -> None:
    watched = Watched("twilio")
    with pytest.raises(AgentCorruptPayload):
        watched.protocol.read_binary(b"\x00\x01")
    watched.protocol.read_text(b'{"event":"dtmf","dtmf":{"digits":"x"}}')
    what = [finding.what for finding in watched.findings]
    assert what[0].startswith("a binary message of 2 bytes")
    assert "another protocol" in what[1]
    assert what[2].startswith("dtmf: ")


def test_an_error_that_the_agent_is_told_is_a_finding() -> None:
    watched = Watched("twilio")
    watched.protocol.control(refusal("mark", "more marks are waiting than any audio could need"))
    assert [finding.what for finding in watched.findings] == ["more marks are waiting than any audio could need"]
