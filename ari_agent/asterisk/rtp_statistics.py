"""What Asterisk counts of a channel's RTP and RTCP with the far end: ARI's RTPstat, as far as calls need it. Pure.

Measured on Asterisk 22: comfort noise and telephone-events are counted like audio, and a receiver report (RFC 3550
section 6.4) about our audio sets the jitter and what is computed from it, also where no RTP ever came. The names of the
two jitters and opinion scores are the wrong way round. At the end of a channel the same stands in RTPAUDIOQOS, whose
ChannelVarset comes before anything that tells of the end.
"""

from __future__ import annotations

import re
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

RTPAUDIOQOS: Final = "RTPAUDIOQOS"
"""The channel variable that holds the counters of a channel that ends."""

_LONGEST_NO_AUDIO_BYTES: Final = 12
"""Comfort noise (RFC 3389) has 1 to 11 bytes and a telephone-event (RFC 4733) 4; 20 ms of G.729 are 20."""
_NAMES: Final = {"lp": "rxploss", "rlp": "txploss"}
_FIELD: Final = re.compile(r"(\w+)=([\d.]+)(?:;|$)")
_NEGATIVE: Final = 1 << 23
"""From here on, a count of lost packets is a negative one: duplicates came. RTCP has 24 bits with a sign, and Asterisk
counts without signs."""


class RtpStatistics(BaseModel):
    """The counters of one channel, in ARI's words.

    rxcount, rxoctetcount: RTP packets that came from the far end, and the bytes of their payloads. rxploss: those that
    never came, as of Asterisk's last report. txjitter, local_maxjitter: jitter of the far end's packets in seconds, now
    and at most. txcount: packets sent to the far end. txploss, rxjitter, remote_maxjitter, rxmes, rtt: from the far
    end's RTCP, about those: packets lost, jitter in seconds, the same at most, opinion score, round trip in seconds; 0
    where none came.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rxcount: int = 0
    rxoctetcount: int = 0
    rxploss: int = 0
    txjitter: float = 0.0
    local_maxjitter: float = 0.0
    txcount: int = 0
    txploss: int = 0
    rxjitter: float = 0.0
    remote_maxjitter: float = 0.0
    rxmes: float = 0.0
    rtt: float = 0.0

    @classmethod
    def of_variable(cls, value: str) -> Self | None:
        """Read the value of RTPAUDIOQOS, which has no rxoctetcount; None for what cannot be one."""
        found = {_NAMES.get(name, name): number for name, number in _FIELD.findall(value)}
        try:
            return cls.model_validate(found) if "rxcount" in found else None
        except ValidationError:
            return None

    @property
    def has_audio(self) -> bool:
        """Return whether audio has come from the far end, judged by the mean length of its packets."""
        return self.rxoctetcount > _LONGEST_NO_AUDIO_BYTES * self.rxcount

    @property
    def has_rtcp(self) -> bool:
        """Return whether the far end has reported how our audio arrives there."""
        return any((self.rxjitter, self.rxmes, self.rtt))

    @property
    def from_far_end(self) -> tuple[float, ...]:
        """Return the counters that change only if something comes from the far end, be it RTP or RTCP."""
        return self.rxcount, self.rxoctetcount, self.rxjitter, self.rxmes, self.rtt

    @property
    def lost(self) -> int:
        """Return how many packets of the far end's never came, as of Asterisk's last report."""
        return self.rxploss if 0 <= self.rxploss < _NEGATIVE else 0

    @property
    def reported_lost(self) -> int:
        """Return how many packets the far end has reported as lost."""
        return self.txploss if 0 <= self.txploss < _NEGATIVE else 0
