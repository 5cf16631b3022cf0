"""Twilio Media Streams messages, both roles. Pure.

Source: Twilio documentation "Media Streams - WebSocket Messages". All messages are JSON text; numbers travel as
strings, and integers are accepted as well because some compatible gateways send them.

Client role, `TwilioClient`: we are Twilio, the peer is the customer's agent.
    we say     connected, start, media, dtmf, mark, stop
    it says    media, mark, clear, and the call control and transcripts of control.py

Server role, `TwilioServer`: we are what Twilio's <Stream> connects to.

`start.customParameters` holds call_id, from, to, direction and every dynamic variable; `start.callSid` is our call_id.
`start.reconnected` is a field of our own: true where an earlier websocket of the call was lost, absent otherwise.
Audio is mu-law at 8 kHz as with Twilio, or whatever `start.mediaFormat` says: `audio/x-l16` is signed 16-bit
little-endian PCM.

An agent's message that is no JSON object, or media that is no base64, is corrupt (bad_messages.py says what becomes of
it); an unknown event is ignored. JSON in a binary message is read as if it were text.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ari_agent.agents.control import REQUESTS, UPDATE, read_request, read_update
from ari_agent.agents.media_template import MediaTemplate
from ari_agent.agents.message import (
    AgentMessage,
    Audio,
    CallFacts,
    Clear,
    Ignored,
    Mark,
    max_message_bytes,
    read_mark,
    read_object,
    write_object,
)
from ari_agent.errors import AgentCorruptPayload

ACCOUNT_SID: Final = "AC" + "0" * 32
"""There is no Twilio account; the id has the form of one, for agents that check it."""

_MEDIA_ENCODINGS: Final[Mapping[str, str]] = {"mulaw": "audio/x-mulaw", "s16le": "audio/x-l16"}
_BYTES_PER_SAMPLE: Final[Mapping[str, int]] = {"mulaw": 1, "s16le": 2}


class TwilioClient:
    """Writes what Twilio would say, and reads what the agent answers; one for each connection."""

    audio_is_binary: Final = False

    def __init__(self, facts: CallFacts, *, stream_sid: str, encoding: str = "mulaw", rate_hz: int = 8000) -> None:
        self.stream_sid = stream_sid
        self._facts = facts
        self.encoding, self.rate_hz = encoding, rate_hz
        self._bytes_per_s = rate_hz * _BYTES_PER_SAMPLE[encoding]
        self.max_message_bytes = max_message_bytes(self._bytes_per_s, in_base64=True)
        self._sequence = 0
        self._chunk = 0
        self._audio_bytes = 0
        self._media = (
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d",'
            b'"payload":"%b"},"streamSid":"' + stream_sid.encode() + b'"}'
        )
        self._template = MediaTemplate(
            b'{"event":"media","streamSid":"' + stream_sid.encode() + b'","media":{"payload":"', b'"}}'
        )

    def opening(self) -> Sequence[bytes]:
        """Return `connected` and `start`, the first two messages."""
        facts = self._facts
        parameters = dict(facts.dynamic_variables)
        if facts.metadata is not None:
            parameters.setdefault("metadata", json.dumps(facts.metadata))
        parameters |= {
            "call_id": facts.call_id,
            "from": facts.from_number,
            "to": facts.to_number,
            "direction": facts.direction,
        }
        start: dict[str, object] = {
            "streamSid": self.stream_sid,
            "accountSid": ACCOUNT_SID,
            "callSid": facts.call_id,
            "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {
                "encoding": _MEDIA_ENCODINGS[self.encoding],
                "sampleRate": self.rate_hz,
                "channels": 1,
            },
        }
        if facts.reconnected:
            start["reconnected"] = True
        connected = write_object({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return connected, self._numbered({"event": "start", "start": start})

    def audio(self, payload: bytes) -> bytes:
        """Return `media` with a piece of the caller's audio; its timestamp is the ms of audio sent before it."""
        self._sequence += 1
        self._chunk += 1
        timestamp_ms = self._audio_bytes * 1000 // self._bytes_per_s
        self._audio_bytes += len(payload)
        encoded = binascii.b2a_base64(payload, newline=False)
        return self._media % (self._sequence, self._chunk, timestamp_ms, encoded)

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """Return `dtmf`: a key the caller pressed. Twilio gives no duration; ours is an additional field."""
        body = {"track": "inbound_track", "digit": digit, "duration_ms": duration_ms}
        return self._numbered({"event": "dtmf", "dtmf": body})

    def mark(self, name: str) -> bytes:
        """Return `mark`: the audio before it has been heard, or was cleared."""
        return self._numbered({"event": "mark", "mark": {"name": name}})

    def control(self, message: Mapping[str, object]) -> bytes:
        """Return a message of control.py with the fields that all of Twilio's messages have."""
        return self._numbered(message)

    def pong(self) -> bytes:
        """Return `pong`. Twilio has no application ping; an agent that sent one gets its answer all the same."""
        return self._numbered({"event": "pong"})

    def closing(self) -> Sequence[bytes]:
        """Return `stop`, the last message."""
        body = {"accountSid": ACCOUNT_SID, "callSid": self._facts.call_id}
        return (self._numbered({"event": "stop", "stop": body}),)

    def read_audio(self, text: bytes) -> bytes | None:
        """Return the audio of a plain media message; None for any other, which `read_text` reads."""
        return self._template.audio(text)

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any text message. Raises: AgentCorruptPayload."""
        message = read_object(text)
        event = message.get("event", message.get("event_type"))
        if not isinstance(event, str):
            raise AgentCorruptPayload(f"a message has no event: {text[:60]!r}")
        if event == "media":
            return Audio(self._template.read(text, message))
        if event == UPDATE:
            return read_update(text, message)
        if event == "mark":
            return read_mark(message)
        if event == "clear":
            return Clear()
        if event in REQUESTS:
            return read_request(event, message)
        return Ignored(event[:80])

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read JSON that came in a binary message. Raises: AgentCorruptPayload; audio is never binary here."""
        if data.lstrip()[:1] == b"{":
            audio = self.read_audio(data)
            return Audio(audio) if audio is not None else self.read_text(data)
        raise AgentCorruptPayload(f"a binary message of {len(data)} bytes; Twilio media is base64 in JSON text")

    def _numbered(self, message: Mapping[str, object]) -> bytes:
        self._sequence += 1
        numbered = {"event": message["event"], "sequenceNumber": str(self._sequence), "streamSid": self.stream_sid}
        return write_object(numbered | dict(message))


@dataclass(frozen=True, slots=True)
class Connected:
    """Twilio's first message, which says only that the peer is Twilio."""


@dataclass(frozen=True, slots=True)
class Started:
    """Twilio's stream begins: its ids, the values of the TwiML's <Parameter> elements, and how audio travels."""

    stream_sid: str
    call_sid: str
    parameters: Mapping[str, str]
    encoding: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Digit:
    """The message that the caller pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The message that ends the stream, after which Twilio sends nothing."""


def _digit(message: Mapping[str, object]) -> Digit:
    match message.get("dtmf"):
        case {"digit": str(digit)} if len(digit) == 1:
            return Digit(digit)
        case {"digit": int(digit)} if 0 <= digit <= 9 and not isinstance(digit, bool):
            return Digit(str(digit))
    raise AgentCorruptPayload("a dtmf message needs dtmf.digit, one character")


TwilioMessage: TypeAlias = Connected | Started | Audio | Digit | Mark | Stopped | Ignored

_PLAIN_EVENTS: Final[Mapping[str, Callable[[Mapping[str, object]], TwilioMessage]]] = {
    "connected": lambda _: Connected(),
    "dtmf": _digit,
    "mark": read_mark,
    "stop": lambda _: Stopped(),
}


class TwilioServer:
    """Reads what Twilio says, and writes what an agent may say to it; one for each connection.

    encoding, rate_hz: of a stream whose `start` has no mediaFormat.
    """

    def __init__(self, *, encoding: str = "mulaw", rate_hz: int = 8000) -> None:
        self._encoding, self._rate_hz = encoding, rate_hz
        self._prefix = b""
        self._stream_sid = ""
        self._template = MediaTemplate(b'{"event":"media","media":{"payload":"', b'"}}')

    def read_text(self, text: bytes) -> TwilioMessage:
        """Read any text message. Raises: AgentCorruptPayload."""
        if (audio := self._template.audio(text)) is not None:
            return Audio(audio)
        message = read_object(text)
        event = message.get("event")
        if not isinstance(event, str):
            raise AgentCorruptPayload(f"a message has no event: {text[:60]!r}")
        if event == "media":
            return Audio(self._template.read(text, message))
        if event == "start":
            return self._start(message)
        return _PLAIN_EVENTS[event](message) if event in _PLAIN_EVENTS else Ignored(event[:80])

    def audio(self, payload: bytes) -> bytes:
        """Return `media` with a piece of audio, which Twilio plays after everything sent before."""
        return self._prefix + binascii.b2a_base64(payload, newline=False) + b'"}}'

    def mark(self, name: str) -> bytes:
        """Return `mark`, which comes back when the audio before it was played or cleared."""
        return write_object({"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}})

    def clear(self) -> bytes:
        """Return `clear`, which makes Twilio drop what it has not played; its marks come back."""
        return write_object({"event": "clear", "streamSid": self._stream_sid})

    def _start(self, message: Mapping[str, object]) -> Started:
        match message.get("start"):
            case {"streamSid": str(stream_sid), **start}:
                pass
            case _:
                raise AgentCorruptPayload("a start message needs start.streamSid, a text")
        encoding, rate_hz = _MEDIA_ENCODINGS[self._encoding], self._rate_hz
        match start.get("mediaFormat"):
            case {"encoding": str(given_encoding), "sampleRate": int(given_rate) | str(given_rate)}:
                encoding = given_encoding
                digits = str(given_rate)
                rate_hz = int(digits) if len(digits) <= 5 and digits.isascii() and digits.isdigit() else 0
        known = {name: ours for ours, name in _MEDIA_ENCODINGS.items()}
        if encoding not in known or not 8000 <= rate_hz <= 48000:
            raise AgentCorruptPayload(f"start.mediaFormat must be one of {', '.join(known)} at 8000..48000 Hz")
        parameters = start.get("customParameters")
        strings = {str(name): str(value) for name, value in parameters.items()} if isinstance(parameters, dict) else {}
        self._stream_sid = stream_sid
        self._prefix = write_object({"event": "media", "streamSid": stream_sid})[:-1] + b',"media":{"payload":"'
        return Started(stream_sid, str(start.get("callSid", "")), strings, known[encoding], rate_hz)
