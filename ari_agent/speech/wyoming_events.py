r"""The Wyoming protocol of Home Assistant's speech servers: events, as bytes and back. Pure.

An event is a line of JSON, then `data_length` bytes of more JSON, then `payload_length` bytes, of audio mostly
(https://github.com/OHF-Voice/wyoming, README of 1.10). The package `wyoming` reads the same, but takes whatever length
a server claims into memory, and cannot tell what is no event from the end of the connection; so that is done here.

>>> written(Event("audio-stop"))
b'{"type": "audio-stop"}\n'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_LINE_BYTES: Final = 256 * 1024
MAX_DATA_BYTES: Final = 2 * 1024 * 1024
"""The voices of a server, with all their languages, are the longest that there is: some 100 KiB."""
MAX_PAYLOAD_BYTES: Final = 2 * 1024 * 1024
"""More than 20 s of audio at 48 kHz in one event."""


class NoWyoming(ValueError):
    """What came is no event of the protocol, or a larger one than anybody needs; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type, as `audio-chunk`, its data, and its payload, b"" where it has none."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""

    def text(self, name: str) -> str:
        """Return the data of this name, and "" where it is missing or no text."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""


def written(event: Event) -> bytes:
    """Return the event as it is sent. All but its type is behind the line, where every version looks for it."""
    line: dict[str, str | int] = {"type": event.type}
    data = json.dumps(event.data).encode() if event.data else b""
    if data:
        line["data_length"] = len(data)
    if event.payload:
        line["payload_length"] = len(event.payload)
    return json.dumps(line).encode() + b"\n" + data + event.payload


class EventReader:
    """Turns the bytes of one connection, cut anywhere, into events."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._head: dict[str, Any] | None = None  # of the event whose data or payload is not whole yet
        self._searched = 0  # so many bytes have no end of a line in them

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the connection."""
        self._bytes += chunk

    def next(self) -> Event | None:
        """Return the next event, or None until more bytes were fed.

        Raises:
            NoWyoming: the bytes are no event; nothing that follows can be read.
        """
        if self._head is None:
            line = self._line()
            if line is None:
                return None
            self._head = _head(line)
        data_bytes = _length(self._head, "data_length", MAX_DATA_BYTES)
        payload_bytes = _length(self._head, "payload_length", MAX_PAYLOAD_BYTES)
        if len(self._bytes) < data_bytes + payload_bytes:
            return None
        head, self._head = self._head, None
        inline = head.get("data")
        data = inline if isinstance(inline, dict) else {}
        if data_bytes:
            data = {**data, **_object(self._take(data_bytes), "the data of an event")}
        return Event(head["type"], data, self._take(payload_bytes))

    def _line(self) -> bytes | None:
        end = self._bytes.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._bytes)
        if max(end, self._searched) > MAX_LINE_BYTES:
            raise NoWyoming(f"a line of more than {MAX_LINE_BYTES} bytes")
        if end < 0:
            return None
        self._searched = 0
        return self._take(end + 1)

    def _take(self, size_bytes: int) -> bytes:
        taken = bytes(memoryview(self._bytes)[:size_bytes])
        del self._bytes[:size_bytes]
        return taken


def _head(line: bytes) -> dict[str, Any]:
    head = _object(line, "a line")
    if not isinstance(head.get("type"), str):
        raise NoWyoming("an event without a type")
    return head


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise NoWyoming(f"{what} that is no JSON") from None
    if not isinstance(found, dict):
        raise NoWyoming(f"{what} that is no JSON object")
    return found


def _length(head: Mapping[str, Any], name: str, most_bytes: int) -> int:
    """Return the length that the head of an event gives; 0 where it gives none."""
    length = head.get(name)
    if length is None:
        return 0
    if not isinstance(length, int) or not 0 <= length <= most_bytes:
        raise NoWyoming(f"an event whose {name} is not within 0 and {most_bytes}")
    return length
