"""The caller's RTP (RFC 3550) as plain values: built and read here without the product's own code."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.fakes.sound import level_dbfs, ulaw_decode

FRAME_TICKS: Final = 160
FRAME_S: Final = 0.02
ULAW: Final = 0
TELEPHONE_EVENT: Final = 101
ULAW_SILENCE: Final = b"\xff" * FRAME_TICKS
DIGITS: Final = "0123456789*#ABCD"  # RFC 4733 section 3.2, event codes 0..15
_HEADER: Final = struct.Struct("!BBHII")


@dataclass(frozen=True)
class HeardPacket:
    """One packet as it arrived. time_s: monotonic clock; timestamp: RTP ticks of 1/8000 s."""

    time_s: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, datagram: bytes, time_s: float) -> HeardPacket:
        """A packet without extension, CSRC or padding, as Asterisk sends it."""
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
        if first != 0x80:
            raise ValueError(f"unexpected first octet {first:#x}")
        return cls(time_s, second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, datagram[12:])

    @cached_property  # of all packets it is asked again and again, until enough of them are loud
    def level_dbfs(self) -> float:
        """Of a mu-law frame; the quietest possible for anything else."""
        return level_dbfs(ulaw_decode(self.payload)) if self.payload_type == ULAW else -120.0


def packet(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """One packet; sequence and timestamp wrap."""
    second = payload_type | (0x80 if marker else 0)
    return _HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def telephone_event(digit: str, duration_ticks: int, *, end: bool) -> bytes:
    """The payload of RFC 4733 section 2.3, volume -10 dBm0."""
    return struct.pack("!BBH", DIGITS.index(digit), 10 | (0x80 if end else 0), duration_ticks)


def digits_heard(packets: list[HeardPacket]) -> str:
    """The telephone-events of a stream, each once: the packets of one event share its timestamp."""
    digits: dict[int, str] = {}
    for heard in packets:
        if heard.payload_type == TELEPHONE_EVENT and heard.payload[0] < len(DIGITS):
            digits.setdefault(heard.timestamp, DIGITS[heard.payload[0]])
    return "".join(digits.values())


def sound_heard(packets: list[HeardPacket]) -> NDArray[np.int16]:
    """The mu-law frames of a stream joined in order of arrival, gaps closed."""
    return ulaw_decode(b"".join(heard.payload for heard in packets if heard.payload_type == ULAW))


def timeline_faults(packets: list[HeardPacket]) -> list[str]:
    """What a receiver stumbles over: in one SSRC, a sequence or timestamp that stands still or runs backwards."""
    faults: list[str] = []
    last: dict[int, HeardPacket] = {}
    for heard in packets:
        before = last.get(heard.ssrc)
        last[heard.ssrc] = heard
        if before is None:
            continue
        step = (heard.sequence - before.sequence) & 0xFFFF
        ticks = (heard.timestamp - before.timestamp) & 0xFFFFFFFF
        if not 0 < step < 0x8000:
            faults.append(f"sequence {before.sequence} -> {heard.sequence}")
        same_event = heard.payload_type == before.payload_type == TELEPHONE_EVENT
        if ticks >= 0x80000000 or (ticks == 0 and not same_event):
            faults.append(f"timestamp {before.timestamp} -> {heard.timestamp}")
    return faults
