"""What a front end may send, in both protocols, and what it gets: no input crashes it, nothing grows without end."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.calls.call_requests import CallerGone
from ari_agent.calls.media.call_media import FrontEndCorrupt
from ari_agent.calls.registrar import WEB_AUDIO
from ari_agent.calls.web.front_end import TWILIO_AUDIO, FrontEnd, FrontEndEvent, FrontEndOptions
from ari_agent.calls.web.front_end_writer import UNREAD_BYTES_LIMIT, UNREAD_LIMIT
from ari_agent.contract.registered_call import AudioFormat
from tests.agents.test_message import JSON

SID = "MZ" + "1" * 32


class Listener:
    """The wire and the call of one front end."""

    def __init__(self, audio: AudioFormat | None = None, **options: bool) -> None:
        self.sent: list[str | bytes] = []
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.reads.set()
        self.told: list[FrontEndEvent] = []
        self.formats: list[AudioFormat] = []
        self.heard = b""
        self.keys = ""
        self.marks: list[str] = []
        self.now_s = 0.0
        self.front = FrontEnd(
            self, audio=audio, fallback=WEB_AUDIO, options=FrontEndOptions(**options), clock_s=lambda: self.now_s
        )
        self.front.tell = self.told.append
        self.front.user = self

    # the wire

    async def send(self, message: str | bytes) -> None:
        await self.reads.wait()
        self.sent.append(message)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    # the user

    def format_known(self, audio: AudioFormat) -> None:
        self.formats.append(audio)

    def hear(self, payload: bytes) -> None:
        self.heard += payload

    def key_pressed(self, digit: str) -> None:
        self.keys += digit

    def mark_heard(self, name: str) -> None:
        self.marks.append(name)

    # what a test does

    def say(self, *messages: object) -> None:
        for message in messages:
            if isinstance(message, bytes):
                self.front.binary(message)
            else:
                self.front.text(message if isinstance(message, str) else json.dumps(message))

    @property
    def corrupt(self) -> list[FrontEndEvent]:
        return [event for event in self.told if isinstance(event, FrontEndCorrupt)]

    async def gets(self, count: int) -> Sequence[str | bytes]:
        async with asyncio.timeout(10):
            for _ in range(10_000):
                if len(self.sent) >= count:
                    break
                await asyncio.sleep(0)
        return self.sent


def start(**more: Any) -> dict[str, Any]:
    return {"event": "start", "streamSid": SID, "start": {"streamSid": SID, **more}}


def media(payload: bytes) -> dict[str, Any]:
    return {"event": "media", "streamSid": SID, "media": {"payload": base64.b64encode(payload).decode()}}


messages = st.lists(
    st.text()
    | st.binary()
    | st.sampled_from(["ping", "clear", "{}", "[]", "null"])
    | JSON
    | st.builds(
        lambda event, body: {"event": event, event: body},
        st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "clear", "hangup"]),
        JSON,
    )
    | st.builds(media, st.binary(max_size=400))
    | st.builds(start, mediaFormat=JSON),
    max_size=15,
)
formats = st.sampled_from([None, WEB_AUDIO, TWILIO_AUDIO])


@given(formats, messages)
def test_no_input_crashes_it_and_nonsense_is_corrupt(audio: AudioFormat | None, messages: list[object]) -> None:
    listener = Listener(audio)
    listener.say(*messages)
    assert listener.front.messages_in == len(messages)
    assert len(listener.formats) <= 1
    assert all(isinstance(event, FrontEndCorrupt | CallerGone) for event in listener.told)
    if not listener.front.is_twilio:
        assert len(listener.corrupt) == sum(not isinstance(said, bytes) and said != "ping" for said in messages)


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_a_web_client_is_heard_octet_by_octet(pieces: list[bytes]) -> None:
    listener = Listener(WEB_AUDIO)
    listener.say(*pieces)
    assert (listener.heard, listener.told) == (b"".join(pieces), [])


@given(
    st.lists(st.binary(min_size=1, max_size=400), max_size=20),
    st.text("0123456789*#", max_size=5),
    st.lists(st.text(max_size=20), max_size=5),
)
def test_twilio_is_heard_octet_by_octet(pieces: list[bytes], keys: str, marks: list[str]) -> None:
    listener = Listener(None)
    listener.say({"event": "connected", "protocol": "Call", "version": "1.0.0"}, start(), *map(media, pieces))
    listener.say(*({"event": "dtmf", "streamSid": SID, "dtmf": {"digit": key}} for key in keys))
    listener.say(*({"event": "mark", "streamSid": SID, "mark": {"name": mark}} for mark in marks))
    listener.say({"event": "stop", "streamSid": SID, "stop": {}})
    assert (listener.heard, listener.keys, listener.marks) == (b"".join(pieces), keys, marks)
    assert listener.told == [CallerGone()]


@given(st.lists(st.binary(min_size=2, max_size=300), max_size=10))
async def test_what_is_written_reads_back(pieces: list[bytes]) -> None:
    for audio, opening in ((WEB_AUDIO, []), (TWILIO_AUDIO, [start()])):
        listener = Listener(audio)
        listener.front.begin(listener)
        listener.say(*opening)
        for piece in pieces:
            assert listener.front.play(piece)
        listener.front.mark("end")
        sent = list(await listener.gets(len(pieces) + 1))
        await listener.front.close(1000, "")
        if audio is WEB_AUDIO:
            assert sent[: len(pieces)] == pieces
        else:
            assert [json.loads(message) for message in sent] == [
                *map(media, pieces),
                {"event": "mark", "streamSid": SID, "mark": {"name": "end"}},
            ]


@pytest.mark.parametrize(
    "numbers",
    [
        ("8000", "1", "20", "7"),
        (8000, 1, 20, 7),
    ],
    ids=["strings", "integers"],
)
def test_numbers_come_as_strings_and_as_integers(numbers: tuple[Any, ...]) -> None:
    rate, count, time, digit = numbers
    listener = Listener(TWILIO_AUDIO)
    body = {"track": "inbound", "chunk": count, "timestamp": time, "payload": "AQI="}
    listener.say(
        start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": rate, "channels": 1}),
        {"event": "media", "sequenceNumber": count, "streamSid": SID, "media": body},
        {"event": "dtmf", "sequenceNumber": count, "streamSid": SID, "dtmf": {"digit": digit}},
    )
    assert (listener.told, listener.heard, listener.keys) == ([], b"\1\2", "7")


def test_media_before_start_and_binary_messages_are_not_twilios() -> None:
    early, binary = Listener(TWILIO_AUDIO), Listener(TWILIO_AUDIO)
    early.say(media(b"\1\2"))
    binary.say(start(), b"\1\2")
    assert [len(listener.corrupt) for listener in (early, binary)] == [1, 1]
    assert early.heard + binary.heard == b""


def test_the_first_message_tells_the_protocol_where_the_registration_does_not() -> None:
    for first, expected in (
        ({"event": "connected", "protocol": "Call", "version": "1.0.0"}, True),
        (start(), True),
        (b"\1\2", False),
        ("ping", False),
    ):
        listener = Listener(None)
        listener.say(first)
        assert (listener.front.is_twilio, listener.told) == (expected, [])


def test_a_stream_is_what_its_start_says_whatever_was_registered() -> None:
    registered = AudioFormat(audio_websocket_protocol="twilio", audio_encoding="s16le", sample_rate=16_000)
    for said, expected in (
        ({}, registered),
        ({"mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}}, TWILIO_AUDIO),
    ):
        listener = Listener(registered)
        listener.say(start(**said), start())
        assert listener.formats == [expected]


async def test_a_flood_of_pings_is_answered_once_when_nobody_reads() -> None:
    listener = Listener(WEB_AUDIO)
    listener.front.begin(listener)
    listener.reads.clear()
    listener.front.play(b"\0\0")
    listener.say(*["ping"] * 100_000)
    listener.reads.set()
    assert await listener.gets(2) == ["pong", b"\0\0"]
    await listener.front.close(1000, "")


async def test_clear_takes_back_what_waits_and_is_said_once() -> None:
    for audio, opening in ((WEB_AUDIO, []), (TWILIO_AUDIO, [start()])):
        listener = Listener(audio)
        listener.say(*opening)
        for _ in range(10):
            listener.front.play(b"\0\0")
            listener.front.mark("said")
            assert listener.front.clear() == ["said"]
        listener.front.pass_on(b'{"event_type":"metadata"}')
        listener.front.play(b"\1\1")
        listener.front.begin(listener)
        got = await listener.gets(2 if audio is TWILIO_AUDIO else 3)
        await listener.front.close(1000, "")
        if audio is WEB_AUDIO:
            assert got == ["clear", '{"event_type":"metadata"}', b"\1\1"]
        else:
            assert [json.loads(message)["event"] for message in got] == ["clear", "media"]


async def test_twilio_hears_nothing_before_its_stream_has_a_name() -> None:
    listener = Listener(None)
    listener.front.begin(listener)
    listener.front.pass_on(b'{"event_type":"metadata"}')
    listener.say({"event": "connected"})
    assert listener.front.clear() == []
    await asyncio.sleep(0)
    assert listener.sent == []
    listener.say(start())
    listener.front.play(b"\1\1")
    assert [json.loads(message) for message in await listener.gets(1)] == [media(b"\1\1")]
    await listener.front.close(1000, "")


async def test_what_is_passed_on_before_the_first_word_of_a_web_client_waits_for_it() -> None:
    listener = Listener(None)
    listener.front.begin(listener)
    listener.front.pass_on(b'{"event_type":"metadata"}')
    await asyncio.sleep(0)
    assert listener.sent == []
    listener.say(b"\0\0")
    assert await listener.gets(1) == ['{"event_type":"metadata"}']
    await listener.front.close(1000, "")


def test_what_nobody_reads_is_bounded_in_number_and_in_size() -> None:
    listener = Listener(WEB_AUDIO)
    put = sum(listener.front.play(b"") for _ in range(UNREAD_LIMIT + 5))
    assert (put, listener.front.writer.dropped) == (UNREAD_LIMIT, 5)
    listener = Listener(WEB_AUDIO)
    piece = bytes(1024 * 1024)
    put = sum(listener.front.play(piece) for _ in range(100))
    assert put * len(piece) == UNREAD_BYTES_LIMIT
    listener.front.pass_on(piece)
    listener.front.clear()
    assert listener.front.play(piece)


async def test_a_wire_that_breaks_is_a_user_who_has_gone() -> None:
    class Broken(Listener):
        async def send(self, message: str | bytes) -> None:
            raise ConnectionResetError

    listener = Broken(WEB_AUDIO)
    listener.front.begin(listener)
    listener.front.play(b"\0\0")
    async with asyncio.timeout(10):
        for _ in range(1000):
            if listener.told:
                break
            await asyncio.sleep(0)
    assert listener.told == [CallerGone()]
    await listener.front.close(1000, "done")
    assert listener.closed == (1000, "done")


def test_audio_at_another_rate_is_reported_once_with_both_rates() -> None:
    listener = Listener()
    for _ in range(500):
        listener.say(bytes(2 * 320))  # 20 ms at 16 kHz
        listener.now_s += 0.02
    why = "audio comes at 16000 Hz, not the 24000 Hz of this call"
    assert listener.told == [FrontEndCorrupt(why, is_for_client=True)]


def test_audio_at_the_rate_of_the_call_is_not_reported() -> None:
    listener = Listener()
    for _ in range(500):
        listener.say(bytes(2 * 480))
        listener.now_s += 0.02
    assert listener.told == []
