"""Tells lost packets from those of a key that the caller pressed, which Asterisk takes out of the stream. Pure.

A key's packets (RFC 4733) have sequence numbers among those of the audio, and Asterisk sends neither them to us nor the
audio that comes while it plays the key, for up to 100 ms where that was shorter. What is left is a hole like that of
lost packets; only Asterisk's report of the key, a moment before or after, tells the difference. Measured on Asterisk
22, of a phone that sends an event every 20 ms, and its end three times:

    key                                        hole
    60 ms                                      5 packets, 60 ms, or 7 packets, 100 ms
    160 ms                                     10 packets, 160 ms
    300 ms                                     17 packets, 300 ms
    60 ms, each end with its own timestamp     17 packets, 300 ms     and as many keys in Asterisk's reports
    300 ms, the same                           51 packets, 980 ms

So of a hole beside a report, no more is a key's than the time that was reported, and a packet's. What was lost on the
way to Asterisk meanwhile is in Asterisk's own count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

_PLAYED_S: Final = 0.1
"""So long Asterisk may play a key that was shorter."""
_TOLERANCE_S: Final = 0.02
_BESIDE_S: Final = 1.0
"""A report is no more apart from its hole: without the end of a key, it comes 0.25 s later."""
_KEPT: Final = 16


class KeyPackets(NamedTuple):
    """What was taken for lost and is a key's. holes: how many holes have no other packets."""

    packets: int
    holes: int


@dataclass(slots=True)
class _Hole:
    """Missing packets. left, left_s: of them and of their time, what no report explains."""

    ended_s: float
    lasts_s: float
    frame_s: float
    left: int
    left_s: float


class KeyHoles:
    """The keys of one call and the holes in its stream. Times are in seconds of any monotonic clock."""

    def __init__(self) -> None:
        self._reports: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # when it came, how long the key was
        self._holes: deque[_Hole] = deque(maxlen=_KEPT)

    def reported(self, duration_ms: int, now_s: float) -> KeyPackets:
        """Take Asterisk's report of a key; return what turns out not to be lost, in this and earlier holes."""
        self._reports.append((now_s, duration_ms / 1000))
        return self._explained()

    def found(self, packets: int, *, lasts_s: float, frame_s: float, now_s: float) -> KeyPackets:
        """Take a hole that ends now; return what turns out not to be lost.

        lasts_s: its length by the RTP timestamps. frame_s: that of one packet of audio.
        """
        self._holes.append(_Hole(now_s, lasts_s, frame_s, packets, lasts_s))
        return self._explained()

    def _explained(self) -> KeyPackets:
        """Let reports explain what they can; each of them explains one hole only."""
        packets = holes = 0
        for hole in self._holes:
            before = hole.left
            for report in tuple(self._reports):
                at_s, key_s = report
                is_beside = hole.ended_s - hole.lasts_s - _BESIDE_S <= at_s <= hole.ended_s + _BESIDE_S
                if hole.left and is_beside and key_s <= hole.lasts_s + _TOLERANCE_S:
                    self._reports.remove(report)
                    hole.left_s = max(0.0, hole.left_s - max(key_s, _PLAYED_S))
                    lost = 0 if hole.left_s <= _TOLERANCE_S else round(hole.left_s / hole.frame_s)
                    hole.left = min(hole.left, lost)
            packets += before - hole.left
            holes += hole.left == 0 < before
        return KeyPackets(packets, holes)
