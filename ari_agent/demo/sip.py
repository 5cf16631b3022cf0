"""SIP messages as the demo's caller writes and reads them (RFC 3261 section 7). Pure: bytes in, values out.

Only what a caller on UDP needs: a start line, headers in order, a body. Route sets are left out: the
caller speaks to its PBX directly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# RFC 3261 section 7.3.3, RFC 3515 and RFC 3892: one-letter forms that a peer may use.
COMPACT_FORMS = {
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "v": "via",
}

_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) (\S+) SIP/2\.0")
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d) ?(.*)")
_HEADER_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_ADDR_SPEC = re.compile(r"<([^<>]*)>")


class MalformedSip(ValueError):
    """A datagram that is no SIP message, or SDP that names no audio; the text says what was wrong."""


def _full_name(name: str) -> str:
    lower = name.lower()
    return COMPACT_FORMS.get(lower, lower)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One SIP request or response.

    start_line: `INVITE sip:... SIP/2.0` or `SIP/2.0 200 OK`.
    headers: names as written, values without folding, in order; Content-Length is left out (`encode` writes it).
    """

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def method(self) -> str | None:
        """Return the request's method; None for a response."""
        match = _REQUEST_LINE.fullmatch(self.start_line)
        return match[1] if match else None

    @property
    def status(self) -> int | None:
        """Return the response's status, 100..699; None for a request."""
        match = _STATUS_LINE.fullmatch(self.start_line)
        return int(match[1]) if match else None

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None if it is absent. Compact forms count."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order. Compact forms count."""
        wanted = _full_name(name)
        return [value for written, value in self.headers if _full_name(written) == wanted]

    def with_headers(self, *headers: tuple[str, str]) -> SipMessage:
        """Return the same message with more headers at its end."""
        return SipMessage(self.start_line, (*self.headers, *headers), self.body)

    def encode(self) -> bytes:
        """Return the datagram, Content-Length included."""
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


def parse(datagram: bytes) -> SipMessage:
    """Read one datagram.

    Raises:
        MalformedSip: no SIP start line, a header without a colon, a wrong Content-Length, or bytes that are no UTF-8.
    """
    head, separator, body = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MalformedSip("no empty line after the headers")
    try:
        text = head.decode()
    except UnicodeDecodeError:
        raise MalformedSip("headers are not UTF-8") from None
    start_line, *lines = text.split("\r\n")
    if not _REQUEST_LINE.fullmatch(start_line) and not _STATUS_LINE.fullmatch(start_line):
        raise MalformedSip("the first line is neither a request nor a status line")
    headers: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and headers:  # folded: RFC 3261 section 7.3.1
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        name, colon, value = line.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name.rstrip()):
            raise MalformedSip("a header line without a name and a colon")
        headers.append((name.rstrip(), value.strip()))
    length = next((value for name, value in headers if _full_name(name) == "content-length"), None)
    if length is not None:
        if not re.fullmatch(r"[0-9]{1,8}", length) or int(length) > len(body):
            raise MalformedSip("Content-Length does not fit the body")
        body = body[: int(length)]
    kept = tuple((name, value) for name, value in headers if _full_name(name) != "content-length")
    return SipMessage(start_line, kept, body)


def response(request: SipMessage, status: int, reason: str, *, to_tag: str = "") -> SipMessage:
    """Return the response to a request, with the headers that RFC 3261 section 8.2.6 copies.

    to_tag: added where To has none.
    """
    headers: list[tuple[str, str]] = [("Via", value) for value in request.all("via")]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.header(name) or ""
        if name == "To" and to_tag and tag_of(value) is None:
            value += f";tag={to_tag}"
        headers.append((name, value))
    return SipMessage(f"SIP/2.0 {status} {reason}", tuple(headers))


def uri_of(header: str) -> str:
    """Return the URI of a From, To, Contact, Refer-To or Referred-By value."""
    match = _ADDR_SPEC.search(header)
    return match[1] if match else header.split(";", 1)[0].strip()


def tag_of(header: str) -> str | None:
    """Return the tag parameter of a From or To value; None when it has none."""
    match = re.search(r";\s*tag=([^;\s]+)", header.rpartition(">")[2] or header)
    return match[1] if match else None


def user_of(uri: str) -> str:
    """Return the user part of a SIP URI, empty where there is none."""
    match = re.match(r"sips?:([^@;?]*)@", uri)
    return match[1] if match else ""


def audio_offer(*, host: str, port: int, session_id: int, rtp_payload_types: Sequence[int] = (0,)) -> bytes:
    """Return an SDP offer of mu-law audio and telephone-event 101 (RFC 4566, RFC 4733). port: UDP, for RTP."""
    types = " ".join(str(number) for number in (*rtp_payload_types, 101))
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN IP4 {host}",
        "s=ari-agent demo caller",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {types}",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def audio_address(sdp: bytes) -> tuple[str, int]:
    """Return where an SDP answer wants its audio: IPv4 address and UDP port.

    Raises:
        MalformedSip: no audio line, or no address for it.
    """
    text = sdp.decode(errors="replace")
    media = re.search(r"^m=audio (\d{1,5}) ", text, re.MULTILINE)
    if not media or not 0 < int(media[1]) < 65536:
        raise MalformedSip("the SDP has no audio line")
    # A c= line below m=audio outranks the session's own, which stands above it (RFC 4566 section 5.7).
    for part in (text[media.end() :].split("\nm=", 1)[0], text[: media.start()]):
        if address := re.search(r"^c=IN IP4 (\S+)", part, re.MULTILINE):
            return address[1], int(media[1])
    raise MalformedSip("the SDP has no c= line")
