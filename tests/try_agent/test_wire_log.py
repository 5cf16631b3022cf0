"""What is found in the messages of an agent: wrong is what the product's readers ignore, the rest are remarks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ari_agent.errors import AgentCorruptPayload
from ari_agent.try_agent.findings import Finding, Findings
from ari_agent.try_agent.options import TrialProtocol
from ari_agent.try_agent.wire_log import WireLog


class Wire:
    """A log, and what it has found."""

    def __init__(self, protocol: TrialProtocol) -> None:
        self.findings = Findings()
        self.now_s = 1.0
        self.log = WireLog(protocol, self.findings, lambda: self.now_s)

    def found(self) -> list[tuple[str, str]]:
        return [(finding.severity.value, finding.what) for finding in self.findings]

    def only(self) -> Finding:
        (finding,) = self.findings
        return finding


def response(**more: Any) -> str:
    return json.dumps({"response_id": 0, "content": "Hello.", "content_complete": True, **more})


def test_what_comes_is_counted_and_timed() -> None:
    wire = Wire("twilio")
    wire.log.came("clear")
    wire.now_s = 2.0
    wire.log.came("clear")
    assert (wire.log.received["clear"], wire.log.at_s["clear"]) == (2, 2.0)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ('{"event":"media","media":{"payload":"_-8="}}', "media: it was understood, but is not as documented"),
        ('{"event":"media","media":{"payload":"//8="}}', None),
        ("clear", None),
    ],
)
def test_what_is_understood_and_not_as_documented_is_a_remark(text: str, remark: str | None) -> None:
    wire = Wire("twilio")
    wire.log.compare(text.encode(), "media")
    if remark is None:
        assert wire.found() == []
    else:
        assert wire.only().what.startswith(remark)
        assert wire.findings.ok


def test_an_unknown_message_is_a_remark_that_names_the_known_ones() -> None:
    wire = Wire("twilio")
    wire.log.unknown(b'{"event":"claer"}', "claer")
    assert wire.only().right == "known are media, clear, mark, transfer, hangup, dtmf, recording, update"
    assert wire.only().example == '{"event":"claer"}'
    assert wire.findings.ok


def test_a_bad_message_is_told_once_though_the_agent_is_told_of_it_as_well() -> None:
    wire = Wire("twilio")
    wire.log.bad(AgentCorruptPayload("a mark needs mark.name", event="mark"), b'{"event":"mark"}')
    wire.log.answered_with_error("mark", "a mark needs mark.name")
    assert wire.only().count == 1
    assert "greeting" in wire.only().right
    assert not wire.findings.ok


def test_what_only_the_answer_tells_of_is_found_too() -> None:
    wire = Wire("twilio")
    wire.log.answered_with_error("media", "the header of a WAV file was skipped; bare mulaw at 8000 Hz is expected")
    wire.log.answered_with_error("media", "the header of a WAV file was skipped; bare mulaw at 8000 Hz is expected")
    assert "leave out the header" in wire.only().right


def test_a_refused_request_shows_one_that_is_right() -> None:
    wire = Wire("web")
    wire.log.refused("dtmf", "digits: must match", b'{"event":"dtmf","dtmf":{"digits":"x"}}')
    assert wire.only().what == "dtmf: digits: must match"
    assert wire.only().right == '{"event": "dtmf", "dtmf": {"digits": "12#"}}'


@pytest.mark.parametrize(
    ("protocol", "message", "is_text", "meant"),
    [
        ("twilio", b"\x00\x01", False, "web"),
        ("twilio", b'{"response_type":"config"}', True, "llm"),
        ("twilio", b"hello", True, None),
        ("llm", b'{"event":"media","streamSid":"MZ1"}', True, "twilio"),
    ],
)
def test_the_protocol_that_was_meant_is_named_once(
    protocol: TrialProtocol, message: bytes, is_text: bool, meant: str | None
) -> None:
    wire = Wire(protocol)
    for _ in range(2):
        wire.log.bad(AgentCorruptPayload("it is odd"), message, is_text=is_text)
    assert wire.log.meant == meant
    assert [finding.right for finding in wire.findings if "another protocol" in finding.what] == (
        [f"try --protocol {meant}"] if meant else []
    )


def test_a_binary_message_is_shown_as_numbers() -> None:
    wire = Wire("llm")
    wire.log.bad(AgentCorruptPayload("a binary message"), b"\x00\xff", is_text=False)
    assert next(iter(wire.findings)).example == "2 bytes, the first 00 ff"


def test_a_text_agents_messages_are_read_as_the_product_reads_them() -> None:
    wire = Wire("llm")
    wire.log.llm_text(response())
    wire.log.llm_text('{"response_type":"config","config":{"auto_reconnect":true}}')
    assert wire.found() == []
    assert wire.log.received == {"response": 1, "config": 1}
    wire.log.llm_text('{"response_type":"agent_interrupt","interrupt_id":"one"}')
    assert "interrupt_id: " in wire.only().what
    assert "interrupt_id" in wire.only().right
    assert not wire.findings.ok


def test_a_text_agents_message_that_is_understood_and_not_as_documented_is_a_remark() -> None:
    wire = Wire("llm")
    wire.log.llm_text('{"response_type":"agent_interrupt","interrupt_id":"1"}')
    assert "not as documented" in wire.only().what
    assert wire.findings.ok


def test_an_answer_that_nobody_asked_for_is_wrong() -> None:
    wire = Wire("llm")
    wire.log.llm_sent('{"interaction_type":"response_required","response_id":1,"transcript":[]}')
    wire.log.llm_sent('{"interaction_type":"update_only","transcript":[]}')
    wire.log.llm_text(response(response_id=1))
    assert wire.found() == []
    wire.log.llm_text(response(response_id=7))
    assert "response_id 7, which was not asked" in wire.only().what
    assert wire.log.sent == {"response_required": 1, "update_only": 1}
