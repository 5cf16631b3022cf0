"""What Asterisk counts of a channel's RTP and RTCP with the far end: ARI's RTPstat, as far as calls need it. Pure.

Measured on Asterisk 22: comfort noise and telephone-events are counted like audio, and a receiver report (RFC 3550
section 6.4) about our audio sets the jitter and what is computed from it, also where no RTP ever came.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

_LONGEST_NO_AUDIO_BYTES: Final = 12
"""Comfort noise (RFC 3389) has 1 to 11 bytes and a telephone-event (RFC 4733) 4; 20 ms of G.729 are 20."""


class RtpStatistics(BaseModel):
    """The counters of one channel, in ARI's words.

    rxcount, rxoctetcount: RTP packets that came from the far end, and the bytes of their payloads. rxjitter, rxmes,
    rtt: from the far end's RTCP: jitter in seconds, opinion score, round trip in seconds; 0 where none came.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    rxcount: int = 0
    rxoctetcount: int = 0
    rxjitter: float = 0.0
    rxmes: float = 0.0
    rtt: float = 0.0

    @property
    def has_audio(self) -> bool:
        """Return whether audio has come from the far end, judged by the mean length of its packets."""
        return self.rxoctetcount > _LONGEST_NO_AUDIO_BYTES * self.rxcount

    @property
    def has_rtcp(self) -> bool:
        """Return whether the far end has reported how our audio arrives there."""
        return any((self.rxjitter, self.rxmes, self.rtt))
