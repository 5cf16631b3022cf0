"""SIP messages as values (RFC 3261 section 7): what a caller sends, and what is asserted on the wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_COMPACT: Final = {  # RFC 3261 section 7.3.3, RFC 3515, RFC 3892
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "c": "content-type",
    "l": "content-length",
    "e": "content-encoding",
    "k": "supported",
    "o": "event",
    "r": "refer-to",
    "b": "referred-by",
}


def _long_name(name: str) -> str:
    lowered = name.strip().lower()
    return _COMPACT.get(lowered, lowered)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request or a response; headers in order, as written."""

    start_line: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def method(self) -> str | None:
        """Of a request; None for a response."""
        return None if self.start_line.startswith("SIP/2.0 ") else self.start_line.split(" ", 1)[0]

    @property
    def status(self) -> int | None:
        """Of a response; None for a request."""
        return int(self.start_line.split(" ", 2)[1]) if self.start_line.startswith("SIP/2.0 ") else None

    @property
    def request_uri(self) -> str:
        """Of a request."""
        return self.start_line.split(" ", 2)[1]

    @property
    def cseq_method(self) -> str:
        """The method that a response belongs to."""
        return (self.header("CSeq") or "0 ?").split()[-1]

    def all(self, name: str) -> list[str]:
        """Every value of a header, whichever way its name is written."""
        wanted = _long_name(name)
        return [value for key, value in self.headers if _long_name(key) == wanted]

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next(iter(self.all(name)), None)

    def need(self, name: str) -> str:
        """The first value of a header that must be there."""
        value = self.header(name)
        if value is None:
            raise ValueError(f"{self.start_line} has no {name}")
        return value

    def encode(self) -> bytes:
        """As it goes over the wire; Content-Length is added."""
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body

    @classmethod
    def parse(cls, datagram: bytes) -> SipMessage:
        """The message of a datagram; ValueError when it is none."""
        head, _, body = datagram.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        if "SIP/2.0" not in lines[0]:
            raise ValueError(f"no SIP message: {lines[0][:80]!r}")
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            if line[:1] in (" ", "\t") and headers:  # a folded line goes on
                name, value = headers[-1]
                headers[-1] = (name, f"{value} {line.strip()}")
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"no header: {line[:80]!r}")
            headers.append((name, value.strip()))
        return cls(lines[0], tuple(headers), body)


def tag_of(value: str) -> str | None:
    """The tag of a From or To header."""
    for parameter in value.rpartition(">")[2].split(";"):
        if parameter.strip().startswith("tag="):
            return parameter.strip()[4:]
    return None


def uri_of(value: str) -> str:
    """The URI of a name-addr or addr-spec."""
    if "<" in value:
        return value.partition("<")[2].partition(">")[0]
    return value.partition(";")[0].strip()


def first(messages: Iterable[SipMessage], *, method: str | None = None, status: int | None = None) -> SipMessage | None:
    """The first request of a method, or response of a status (to that method, when both are given)."""
    for message in messages:
        if status is not None:
            if message.status == status and method in (None, message.cseq_method):
                return message
        elif message.method == method:
            return message
    return None
