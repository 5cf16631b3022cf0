"""RTP packets: parse and build (RFC 3550 section 5.1), and the arithmetic of numbers that wrap.

Pure: bytes in, values out. Who may send, and what to do with a packet, is decided elsewhere.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from ari_agent.errors import MalformedPacket

PCMU: Final = 0  # RFC 3551 table 4
G722: Final = 9
COMFORT_NOISE: Final = 13  # RFC 3389
CLOCK_HZ: Final = 8000  # the RTP clock of G.711, one tick a sample, and of G.722: in both, one tick a byte

HEADER_BYTES: Final = 12
HEADER: Final = struct.Struct("!BBHII")
PLAIN: Final = 0x80  # version 2, no padding, no extension, no CSRC: what Asterisk and we send
_EXTENSION_LENGTH: Final = struct.Struct("!2xH")


@dataclass(slots=True)
class Packet:
    """One RTP packet; CSRCs, header extension and padding are already taken off.

    payload_type: 0..127. sequence: 0..65535. timestamp: ticks of the payload's clock, 0..2**32-1.
    Not frozen: building a frozen one costs three times as much, 50 times a second and call.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(datagram: bytes) -> Packet:
    """Return the packet in one UDP datagram (RFC 3550 section 5.1, with the checks of appendix A.1).

    Raises MalformedPacket whose reason is one of: truncated-header, version, rtcp, truncated-csrc, truncated-extension,
    padding.
    """
    try:
        first, second, sequence, timestamp, ssrc = HEADER.unpack_from(datagram)
    except struct.error:
        raise MalformedPacket("truncated-header") from None
    if 192 <= second <= 223:  # RTCP on the same port (RFC 5761 section 4): RTP payload types 64..95 with a marker
        raise MalformedPacket("rtcp")
    payload = datagram[HEADER_BYTES:] if first == PLAIN else _payload_behind_options(datagram, first)
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload)


def _payload_behind_options(datagram: bytes, first: int) -> bytes:
    if first >> 6 != 2:
        raise MalformedPacket("version")
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(datagram)
    if start > end:
        raise MalformedPacket("truncated-csrc")
    if first & 0x10:  # section 5.3.1: 16 bits of profile, 16 bits of length in words
        if start + 4 > end:
            raise MalformedPacket("truncated-extension")
        start += 4 + 4 * int(_EXTENSION_LENGTH.unpack_from(datagram, start)[0])
        if start > end:
            raise MalformedPacket("truncated-extension")
    if first & 0x20:  # the last octet counts the padding, itself included
        padding = datagram[-1] if start < end else 0
        if not 0 < padding <= end - start:
            raise MalformedPacket("padding")
        end -= padding
    return datagram[start:end]


def build(packet: Packet) -> bytes:
    """Return the datagram of a packet, without CSRC, extension or padding."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    return HEADER.pack(PLAIN, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


class RtpStream:
    """The packets that we send on one stream: gives them their sequence numbers and timestamps, and wraps both.

    The start values come from outside and ought to be random (RFC 3550 section 5.1).
    """

    __slots__ = ("_marked_type", "_payload_type", "sequence", "ssrc", "timestamp")

    def __init__(self, *, ssrc: int, sequence: int, timestamp: int, payload_type: int = PCMU) -> None:
        self.ssrc = ssrc & 0xFFFFFFFF
        self.sequence = sequence & 0xFFFF
        self.timestamp = timestamp & 0xFFFFFFFF
        self._payload_type = payload_type & 0x7F
        self._marked_type = self._payload_type | 0x80

    def packet(self, payload: bytes, marker: bool = False) -> bytes:
        """Return the next datagram.

        marker: set on the first packet after a time without packets (RFC 3551 section 4.1).
        """
        sequence, timestamp = self.sequence, self.timestamp
        self.sequence = (sequence + 1) & 0xFFFF
        self.timestamp = (timestamp + len(payload)) & 0xFFFFFFFF
        kind = self._marked_type if marker else self._payload_type
        return HEADER.pack(PLAIN, kind, sequence, timestamp, self.ssrc) + payload

    def skip(self, ticks: int) -> None:
        """Let `ticks` of the RTP clock pass without a packet: the timestamp goes on, the sequence number does not."""
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF


def sequence_delta(later: int, earlier: int) -> int:
    """Return later - earlier of two sequence numbers that wrap at 2**16: -32768..32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def timestamp_delta(later: int, earlier: int) -> int:
    """Return later - earlier of two timestamps that wrap at 2**32, in ticks: -2**31..2**31-1."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000
