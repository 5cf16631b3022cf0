from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.message import (
    Asked,
    Audio,
    CallFacts,
    Clear,
    Ignored,
    Mark,
    Ping,
    ScreenMessage,
    TranscriptMessage,
)
from ari_agent.agents.web import WebClient, WebServer
from ari_agent.contract.call_control import HangupRequest
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.errors import AgentCorruptPayload
from tests.agents.test_message import JSON

FACTS = CallFacts("call_1", "+15551230000", "+15559990000", "inbound", {"x-caller": "abc"}, ["any", "json"])


def test_the_agent_is_told_about_the_call_first() -> None:
    (metadata,) = WebClient(FACTS, encoding="s16le", rate_hz=24000).opening()
    assert json.loads(metadata) == {
        "event_type": "metadata",
        "metadata": {
            "call_id": "call_1",
            "from_number": "+15551230000",
            "to_number": "+15559990000",
            "direction": "inbound",
            "audio_encoding": "s16le",
            "sample_rate": 24000,
            "retell_llm_dynamic_variables": {"x-caller": "abc"},
            "metadata": ["any", "json"],
        },
    }


def test_metadata_that_was_not_given_is_left_out() -> None:
    (metadata,) = WebClient(CallFacts("c", "1", "2", "outbound", reconnected=True)).opening()
    assert json.loads(metadata)["metadata"]["reconnected"] is True
    (metadata,) = WebClient(CallFacts("c", "1", "2", "outbound")).opening()
    assert "reconnected" not in json.loads(metadata)["metadata"]
    assert "metadata" not in json.loads(metadata)["metadata"]


def test_an_agent_that_had_the_call_before_is_told_so() -> None:
    (metadata,) = WebClient(CallFacts("c", "1", "2", "outbound", reconnected=True)).opening()
    assert json.loads(metadata)["metadata"]["reconnected"] is True


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (b"clear", Clear()),
        (b"ping", Ping()),
        (b"pong", Ignored("pong")),
        (b'{"event":"clear"}', Clear()),
        (b'{"event_type":"ping"}', Ping()),
        (b'{"event":"mark","mark":{"name":"m"}}', Mark("m")),
        (b'{"event":"hangup","hangup":{"q850_cause":17}}', Asked(HangupRequest(q850_cause=17))),
        (
            b'{"event_type":"metadata","metadata":{}}',
            ScreenMessage("metadata", b'{"event_type":"metadata","metadata":{}}'),
        ),
        (
            b'{"event_type":"update","transcript":[],"new":1}',
            TranscriptMessage(TranscriptUpdate(transcript=()), b'{"event_type":"update","transcript":[],"new":1}'),
        ),
    ],
)
def test_the_agents_text_is_read(text: bytes, meaning: object) -> None:
    assert WebClient(FACTS).read_text(text) == meaning


@given(st.binary())
def test_binary_is_audio_as_it_is(audio: bytes) -> None:
    web = WebClient(FACTS)
    assert web.read_binary(audio) == Audio(audio)
    assert web.audio(audio) == audio
    assert web.read_audio(audio) is None


@pytest.mark.parametrize("text", [b"CLEAR", b"clear ", b"hello", b"", b"{}", b'{"event":1}', b"\xff", b"[]"])
def test_text_that_is_no_word_and_no_event_is_corrupt(text: bytes) -> None:
    with pytest.raises(AgentCorruptPayload):
        WebClient(FACTS).read_text(text)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_text_crashes_either_role(text: bytes) -> None:
    for read in (WebClient(FACTS).read_text, WebServer().read_text):
        try:
            read(text)
        except AgentCorruptPayload as error:
            assert error.why


@given(st.text(max_size=50), st.sampled_from("0123456789*#"))
def test_what_the_client_says_is_json_that_reads_back(name: str, digit: str) -> None:
    web = WebClient(FACTS)
    assert json.loads(web.mark(name)) == {"event": "mark", "mark": {"name": name}}
    assert json.loads(web.dtmf(digit, 90)) == {"event": "dtmf", "dtmf": {"digit": digit, "duration_ms": 90}}
    assert json.loads(web.control({"event": "hangup", "name": name})) == {"event": "hangup", "name": name}
    assert web.pong() == b"pong"
    assert web.closing() == ()


def test_the_server_says_what_the_web_sdk_knows() -> None:
    server = WebServer()
    assert (server.pong(), server.clear()) == (b"pong", b"clear")
    words = [{"role": "agent", "content": "Hi"}]
    assert json.loads(server.update(words)) == {"event_type": "update", "transcript": words}
    assert json.loads(server.update([], turntaking="user_turn"))["turntaking"] == "user_turn"
    assert json.loads(server.metadata({"a": 1})) == {"event_type": "metadata", "metadata": {"a": 1}}
    aligned = json.loads(server.aligned_audio(b"\x01\x02", "Hi"))
    assert (base64.b64decode(aligned["audio"]), aligned["text"]) == (b"\x01\x02", "Hi")


def test_the_server_hears_pings_and_audio_and_nothing_else() -> None:
    assert WebServer().read_text(b"ping") == Ping()
    assert WebServer().read_binary(b"\x00\x00") == Audio(b"\x00\x00")
    with pytest.raises(AgentCorruptPayload, match="ping"):
        WebServer().read_text(b'{"event":"ping"}')


def test_an_answer_of_call_control_is_sent_as_it_is() -> None:
    answer = {"event": "transfer", "transfer": {"status": "failed"}}
    assert json.loads(WebClient(FACTS, encoding="s16le", rate_hz=24000).control(answer)) == answer
