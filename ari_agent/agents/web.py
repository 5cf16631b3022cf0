"""Retell's web audio protocol, both roles. Pure.

Client role, `WebClient`: we dial an agent's server and stand where Retell's web client stands. For developers of such
an agent, everything that may pass:

    we -> agent   first, text   {"event_type":"metadata","metadata":{"call_id":...,"from_number":...,"to_number":...,
                                 "direction":"inbound","audio_encoding":"s16le","sample_rate":16000,
                                 "retell_llm_dynamic_variables":{...},"metadata":...}}
                                 and "reconnected":true where an earlier websocket of the call was lost
                  binary        the caller's audio, no header, mono, in that encoding and rate; mostly 20 ms a message
                  text          {"event":"dtmf","dtmf":{"digit":"5","duration_ms":180}}
                                {"event":"mark","mark":{"name":...}}      a mark of yours was heard, or cleared
                                answers to call control (control.py)
                                pong
    agent -> us   binary        your audio, same format, any length, as fast as you like: up to 10 minutes are queued
                  text          clear                    the caller interrupted: what was not heard yet is dropped
                                ping                     answered with pong
                                {"event":"mark","mark":{"name":...}}
                                {"event":"transfer"...}, {"event":"hangup"...}, {"event":"dtmf"...}   call control
                  {"event_type":"update","transcript":[...]}   what was said so far, for the call's record and for the
                                                           web client of a web call
                  {"event_type":"metadata","metadata":{...}}   for that client alone
    close         1000          you hang up; 1001 and a close without a code are taken the same way
                  anything else counts as a broken agent

Server role, `WebServer`: a client dials us, as Retell's web SDK does (`/audio-websocket/{call_id}`). It sends audio
and `ping`, and hears `clear`, `pong`, updates of the transcript and metadata.

Text that is neither one of the bare words nor a JSON object is corrupt (bad_messages.py says what becomes of it); a
JSON object with an unknown event is ignored.
An s16le message of odd length keeps its last byte for the next one: some agents cut a stream anywhere.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.agents.control import REQUESTS, UPDATE, read_request, read_update
from ari_agent.agents.message import (
    AgentMessage,
    Audio,
    CallFacts,
    Clear,
    Ignored,
    Ping,
    ScreenMessage,
    max_message_bytes,
    read_mark,
    read_object,
    write_object,
)
from ari_agent.errors import AgentCorruptPayload

_WORDS: Final[Mapping[bytes, AgentMessage]] = {b"clear": Clear(), b"ping": Ping(), b"pong": Ignored("pong")}
_EVENTS: Final[Mapping[str, AgentMessage]] = {"clear": Clear(), "ping": Ping()}


class WebClient:
    """Writes what a web client would say, and reads what the agent answers; one for each connection."""

    audio_is_binary: Final = True

    def __init__(self, facts: CallFacts, *, encoding: str = "s16le", rate_hz: int = 16000) -> None:
        self._facts = facts
        self.encoding, self.rate_hz = encoding, rate_hz
        self.max_message_bytes = max_message_bytes(rate_hz * (1 if encoding == "mulaw" else 2), in_base64=False)

    def opening(self) -> Sequence[bytes]:
        """Return the metadata message, the first one."""
        facts = self._facts
        metadata: dict[str, object] = {
            "call_id": facts.call_id,
            "from_number": facts.from_number,
            "to_number": facts.to_number,
            "direction": facts.direction,
            "audio_encoding": self.encoding,
            "sample_rate": self.rate_hz,
            "retell_llm_dynamic_variables": dict(facts.dynamic_variables),
        }
        if facts.metadata is not None:
            metadata["metadata"] = facts.metadata
        if facts.reconnected:
            metadata["reconnected"] = True
        return (write_object({"event_type": "metadata", "metadata": metadata}),)

    def audio(self, payload: bytes) -> bytes:
        """Return a piece of the caller's audio as it is."""
        return payload

    def dtmf(self, digit: str, duration_ms: int) -> bytes:
        """Return the message that the caller pressed a key."""
        return write_object({"event": "dtmf", "dtmf": {"digit": digit, "duration_ms": duration_ms}})

    def mark(self, name: str) -> bytes:
        """Return the message that the audio before the mark has been heard, or was cleared."""
        return write_object({"event": "mark", "mark": {"name": name}})

    def control(self, message: Mapping[str, object]) -> bytes:
        """Return a message of control.py as JSON."""
        return write_object(message)

    def pong(self) -> bytes:
        """Return the answer to a ping."""
        return b"pong"

    def closing(self) -> Sequence[bytes]:
        """Return no message: closing the websocket says it."""
        return ()

    def read_audio(self, _text: bytes, /) -> bytes | None:
        """Return None, because text never carries audio here."""
        return None

    def read_text(self, text: bytes) -> AgentMessage:
        """Read any text message. Raises: AgentCorruptPayload."""
        if (word := _WORDS.get(text)) is not None:
            return word
        message = read_object(text)
        event = message.get("event", message.get("event_type"))
        if not isinstance(event, str):
            raise AgentCorruptPayload(f"a message has no event: {text[:60]!r}")
        if event in REQUESTS:
            return read_request(event, message)
        if event == "mark":
            return read_mark(message)
        if event == UPDATE:
            return read_update(text, message)
        if event == "metadata" and "event_type" in message:
            return ScreenMessage(event, text)
        return _EVENTS.get(event) or Ignored(event[:80])

    def read_binary(self, data: bytes) -> AgentMessage:
        """Read a binary message, which is always audio."""
        return Audio(data)


class WebServer:
    """Reads what a web client says, and writes what it may hear. It has no state, but is an object as its peers are."""

    def read_text(self, text: bytes) -> Ping:
        """Read the only text of a web client, `ping`. Raises: AgentCorruptPayload."""
        if text == b"ping":
            return Ping()
        raise AgentCorruptPayload(f"a web client sends audio and the text ping, not {text[:60]!r}")

    def read_binary(self, data: bytes) -> Audio:
        """Read a binary message, which is always the user's audio."""
        return Audio(data)

    def pong(self) -> bytes:
        """Return the answer to a ping, which the client wants within 3 s."""
        return b"pong"

    def clear(self) -> bytes:
        """Return the message that the user interrupted: the client drops what it has not played."""
        return b"clear"

    def update(self, transcript: Sequence[Mapping[str, object]], *, turntaking: str | None = None) -> bytes:
        """Return the transcript so far; only for clients that asked with `enable_update`."""
        message: dict[str, object] = {"event_type": "update", "transcript": [dict(part) for part in transcript]}
        if turntaking is not None:
            message["turntaking"] = turntaking
        return write_object(message)

    def metadata(self, metadata: Mapping[str, object]) -> bytes:
        """Return the message with a value that the text agent has for its front end."""
        return write_object({"event_type": "metadata", "metadata": dict(metadata)})

    def aligned_audio(self, payload: bytes, text: str) -> bytes:
        """Return a piece of audio with its words; only for clients that asked with `enable_audio_alignment`."""
        return write_object({"audio": binascii.b2a_base64(payload, newline=False).decode(), "text": text})
