from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.message import Asked, Audio, CallFacts, Clear, Ignored, Mark, Refused
from ari_agent.agents.twilio import Connected, Digit, Started, Stopped, TwilioClient, TwilioServer
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferRequest
from ari_agent.errors import AgentCorruptPayload
from tests.agents.test_message import JSON

FACTS = CallFacts(
    call_id="call_1",
    from_number="+15551230000",
    to_number="+15559990000",
    direction="inbound",
    dynamic_variables={"x-caller": "abc", "from": "overridden", "name": "Zoë"},
    metadata={"ticket": 7},
)
SID = "MZ" + "0" * 32


def client(**how: Any) -> TwilioClient:
    return TwilioClient(FACTS, stream_sid=SID, **how)


def said(message: bytes) -> dict[str, Any]:
    read = json.loads(message)
    assert isinstance(read, dict)
    return read


def test_an_agent_that_had_the_call_before_is_told_so() -> None:
    facts = CallFacts("call_1", "1", "2", "inbound", {"reconnected": "no"}, reconnected=True)
    _, start = map(said, TwilioClient(facts, stream_sid=SID).opening())
    assert start["start"]["reconnected"] is True
    assert start["start"]["customParameters"]["reconnected"] == "true"


def test_the_stream_opens_as_twilio_opens_it() -> None:
    connected, start = map(said, client().opening())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": SID,
        "start": {
            "streamSid": SID,
            "accountSid": "AC" + "0" * 32,
            "callSid": "call_1",
            "tracks": ["inbound"],
            "customParameters": {
                "x-caller": "abc",
                "name": "Zoë",
                "metadata": '{"ticket": 7}',
                "call_id": "call_1",
                "from": "+15551230000",
                "to": "+15559990000",
                "direction": "inbound",
            },
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    }


def test_an_agent_that_is_dialled_again_is_told_so() -> None:
    facts = CallFacts(call_id="call_1", from_number="", to_number="", direction="inbound", reconnected=True)
    _, start = map(said, TwilioClient(facts, stream_sid=SID).opening())
    assert start["start"]["reconnected"] is True


def test_media_counts_chunks_and_milliseconds_in_strings() -> None:
    stream = client()
    stream.opening()
    messages = [said(stream.audio(frame)) for frame in (b"\x01" * 160, b"\x02" * 480, b"\x03" * 160)]
    assert [m["sequenceNumber"] for m in messages] == ["2", "3", "4"]
    assert [m["media"]["chunk"] for m in messages] == ["1", "2", "3"]
    assert [m["media"]["timestamp"] for m in messages] == ["0", "20", "80"]
    assert {m["media"]["track"] for m in messages} == {"inbound"}
    assert {m["streamSid"] for m in messages} == {SID}
    assert base64.b64decode(messages[1]["media"]["payload"]) == b"\x02" * 480


def test_media_time_follows_encoding_and_rate() -> None:
    stream = client(encoding="s16le", rate_hz=22050)
    assert said(stream.opening()[1])["start"]["mediaFormat"] == {
        "encoding": "audio/x-l16",
        "sampleRate": 22050,
        "channels": 1,
    }
    stamps = [said(stream.audio(bytes(882)))["media"]["timestamp"] for _ in range(51)]
    assert stamps[:2] + stamps[-1:] == ["0", "20", "1000"]


def test_everything_else_is_numbered_too() -> None:
    stream = client()
    assert said(stream.dtmf("5", 180)) == {
        "event": "dtmf",
        "sequenceNumber": "1",
        "streamSid": SID,
        "dtmf": {"track": "inbound_track", "digit": "5", "duration_ms": 180},
    }
    assert said(stream.mark("m1")) == {"event": "mark", "sequenceNumber": "2", "streamSid": SID, "mark": {"name": "m1"}}
    assert said(stream.control({"event": "transfer", "transfer": {"status": "failed"}})) == {
        "event": "transfer",
        "sequenceNumber": "3",
        "streamSid": SID,
        "transfer": {"status": "failed"},
    }
    (stop,) = stream.closing()
    assert said(stop)["stop"] == {"accountSid": "AC" + "0" * 32, "callSid": "call_1"}


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"event": "mark", "streamSid": SID, "mark": {"name": "m1"}}, Mark("m1")),
        ({"event": "clear", "streamSid": SID}, Clear()),
        ({"event": "transfer", "transfer": {"to": "100"}}, Asked(TransferRequest(to="100"))),
        ({"event": "hangup"}, Asked(HangupRequest())),
        ({"event": "dtmf", "dtmf": {"digits": "1w2"}}, Asked(DtmfRequest(digits="1w2"))),
        ({"event": "somethingNew", "x": 1}, Ignored("somethingNew")),
        ({"event": "n" * 200}, Ignored("n" * 80)),
    ],
)
def test_the_agents_messages_are_read(message: dict[str, object], meaning: object) -> None:
    assert client().read_text(json.dumps(message).encode()) == meaning


def test_media_is_read_in_every_spelling() -> None:
    payload = base64.b64encode(b"\x11" * 160).decode()
    spellings = [
        {"event": "media", "streamSid": SID, "media": {"payload": payload}},
        {"streamSid": SID, "event": "media", "media": {"payload": payload}},
        {"event": "media", "media": {"track": "outbound", "payload": payload}, "sequenceNumber": 9},
    ]
    stream = client()
    for spelling in spellings:
        for separators in ((",", ":"), (", ", ": ")):
            text = json.dumps(spelling, separators=separators).encode()
            assert stream.read_text(text) == Audio(b"\x11" * 160)
            assert stream.read_audio(text) == b"\x11" * 160, "once seen, a template is known"


def test_what_twilio_itself_would_not_take_is_corrupt() -> None:
    for text in (b"hello", b"{}", b'{"event":7}', b'{"event":"media"}', b'{"event":"mark"}', b"\xff\xfe"):
        with pytest.raises(AgentCorruptPayload):
            client().read_text(text)
    with pytest.raises(AgentCorruptPayload, match="binary"):
        client().read_binary(b"\x00" * 160)


def test_json_in_a_binary_message_is_read_as_text() -> None:
    payload = base64.b64encode(b"\x11" * 160).decode()
    for text in (b'{"event":"media","media":{"payload":"%b"}}', b' {"media":{"payload":"%b"},"event":"media"}'):
        assert client().read_binary(text % payload.encode()) == Audio(b"\x11" * 160)
    with pytest.raises(AgentCorruptPayload):
        client().read_binary(b"{\xff}")


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_text_crashes_either_role(text: bytes) -> None:
    for read in (client().read_text, TwilioServer().read_text):
        try:
            read(text)
        except AgentCorruptPayload as error:
            assert error.why


@given(st.sampled_from(["media", "mark", "start", "dtmf", "transfer", "hangup"]), JSON)
def test_no_body_crashes_either_role(event: str, body: object) -> None:
    text = json.dumps({"event": event, event: body}).encode()
    for read in (client().read_text, TwilioServer().read_text):
        try:
            read(text)
        except AgentCorruptPayload as error:
            assert error.why


def server_after_start(stream: TwilioClient) -> TwilioServer:
    server = TwilioServer()
    connected, start = stream.opening()
    assert server.read_text(connected) == Connected()
    assert isinstance(server.read_text(start), Started)
    return server


@given(st.binary(min_size=1, max_size=2000), st.text(max_size=100), st.sampled_from("0123456789ABCD*#"))
def test_the_roles_understand_each_other(audio: bytes, name: str, digit: str) -> None:
    stream = client()
    server = server_after_start(stream)
    assert server.read_text(stream.audio(audio)) == Audio(audio)
    assert server.read_text(stream.audio(audio)) == Audio(audio)
    assert server.read_text(stream.mark(name)) == Mark(name)
    assert server.read_text(stream.dtmf(digit, 100)) == Digit(digit)
    assert server.read_text(stream.closing()[0]) == Stopped()
    assert stream.read_audio(server.audio(audio)) == audio
    assert stream.read_text(server.mark(name)) == Mark(name)
    assert stream.read_text(server.clear()) == Clear()


def test_the_server_learns_the_stream_from_start() -> None:
    server = TwilioServer()
    started = server.read_text(client(encoding="s16le", rate_hz=16000).opening()[1])
    assert isinstance(started, Started)
    assert (started.stream_sid, started.call_sid) == (SID, "call_1")
    assert (started.encoding, started.rate_hz) == ("s16le", 16000)
    assert started.parameters["x-caller"] == "abc"


def test_the_server_takes_numbers_as_strings_and_as_integers() -> None:
    for rate in (8000, "8000"):
        start = {"streamSid": SID, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": rate}}
        started = TwilioServer().read_text(json.dumps({"event": "start", "start": start}).encode())
        assert isinstance(started, Started)
        assert started.rate_hz == 8000


@pytest.mark.parametrize("rate", [0, 7999, 48001, "9" * 5000, "-8000", "8e3", True, "٨٠٠٠"])
def test_the_server_refuses_rates_it_cannot_convert(rate: object) -> None:
    start = {"streamSid": SID, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": rate}}
    with pytest.raises(AgentCorruptPayload, match="mediaFormat"):
        TwilioServer().read_text(json.dumps({"event": "start", "start": start}).encode())


def test_a_refused_request_names_its_event() -> None:
    answer = client().read_text(b'{"event":"transfer","transfer":{"to":"a,b"}}')
    assert isinstance(answer, Refused)
    assert answer.event == "transfer"


def test_an_application_ping_of_the_agent_gets_its_answer() -> None:
    assert said(client().pong()) == {"event": "pong", "sequenceNumber": "1", "streamSid": SID}


def test_the_server_reads_media_whose_form_it_has_seen() -> None:
    stream = client()
    server = server_after_start(stream)
    for _ in range(2):  # the numbers of the second differ from those of the first
        assert server.read_text(stream.audio(b"\x01" * 160)) == Audio(b"\x01" * 160)
    again = stream.audio(b"\x02" * 160)
    assert server.read_text(again) == Audio(b"\x02" * 160)
    assert server.read_text(again) == Audio(b"\x02" * 160)


@pytest.mark.parametrize(("digit", "read"), [("#", "#"), (7, "7"), (0, "0")])
def test_the_server_takes_digits_as_strings_and_as_integers(digit: object, read: str) -> None:
    message = json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}).encode()
    assert TwilioServer().read_text(message) == Digit(read)


@pytest.mark.parametrize("digit", ["", "12", 10, -1, True, None])
def test_what_is_no_digit_is_corrupt(digit: object) -> None:
    with pytest.raises(AgentCorruptPayload, match=r"dtmf\.digit"):
        TwilioServer().read_text(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}).encode())


def test_a_stream_without_a_media_format_has_the_servers_own() -> None:
    message = json.dumps({"event": "start", "start": {"streamSid": SID}}).encode()
    started = TwilioServer(encoding="s16le", rate_hz=16000).read_text(message)
    assert isinstance(started, Started)
    assert (started.encoding, started.rate_hz, started.parameters) == ("s16le", 16000, {})
