"""The quality of one call's audio, from our counters and Asterisk's: what MediaQuality is made of. Pure.

    phone ───▶ Asterisk ───▶ controller    Our jitter buffer counts the whole way: Asterisk passes the holes in the
                                           phone's sequence numbers on. Where it converts the codec, it closes them, and
                                           has counted them itself, as of its last report (RTCP, every 5 s).
    phone ◀─── Asterisk ◀─── controller    The phone counts the whole way, for the same reason, and tells it by RTCP;
                                           where Asterisk converts the codec, the way from Asterisk.

Asterisk's counters are a channel's, and a call may go on with another channel, when its caller is replaced: those of
all its channels are added up.
"""

from __future__ import annotations

from typing import Final

from ari_agent.asterisk.rtp_statistics import RtpStatistics
from ari_agent.calls.media.call_media import MediaStats
from ari_agent.contract.media_quality import MediaQuality, StreamQuality
from ari_agent.media.e_model import CODECS, G711, CodecQuality, mos, rating


class QualityMeter:
    """Keeps the counters that Asterisk has told of the audio of one call. line: the codec between Asterisk and us."""

    def __init__(self, line: str) -> None:
        self.codec: str | None = None
        self._line = line
        self._channels: dict[str, RtpStatistics] = {}
        self._latest = RtpStatistics()
        self._max_from_phone_s = self._max_to_phone_s = 0.0
        self._has_reports = False

    def told(self, channel_id: str, statistics: RtpStatistics) -> None:
        """Take what Asterisk has counted so far on a channel of the caller's."""
        self._channels[channel_id] = self._latest = statistics
        self._has_reports = self._has_reports or statistics.has_rtcp
        self._max_from_phone_s = max(self._max_from_phone_s, statistics.txjitter, statistics.local_maxjitter)
        self._max_to_phone_s = max(self._max_to_phone_s, statistics.rxjitter, statistics.remote_maxjitter)

    def quality(self, stats: MediaStats) -> MediaQuality:
        """Return how good the audio has been so far. stats: what our own media half has counted of the same call."""
        return MediaQuality(
            codec=self.codec,
            round_trip_ms=_ms(self._latest.rtt) if self._latest.rtt else None,
            caller_to_agent=self._from_caller(stats),
            agent_to_caller=self._to_caller(stats),
        )

    def _from_caller(self, stats: MediaStats) -> StreamQuality:
        lost = max(stats.packets_lost, sum(each.lost for each in self._channels.values()))
        sent = stats.packets_received - stats.packets_duplicate + lost
        unheard = lost + stats.packets_late
        # G.107 7.5: the mean length of the bursts over that of random loss, which is 1 / (1 - loss).
        mean_burst = unheard / stats.lost_runs if stats.lost_runs else 1.0
        burst_ratio = mean_burst * (1 - unheard / sent) if sent else 1.0
        return StreamQuality(
            packets=stats.packets_received,
            lost=lost,
            loss_percent=_percent(lost, sent),
            late=stats.packets_late,
            reordered=stats.packets_reordered,
            duplicate=stats.packets_duplicate,
            concealed_ms=stats.concealed_ms,
            jitter_ms=_ms(self._latest.txjitter) if self._channels else None,
            max_jitter_ms=_ms(self._max_from_phone_s) if self._channels else None,
            mos=self._mos(_percent(unheard, sent), burst_ratio) if stats.packets_received else None,
        )

    def _to_caller(self, stats: MediaStats) -> StreamQuality:
        if not self._channels:
            return StreamQuality(packets=stats.packets_sent)
        sent = sum(each.txcount for each in self._channels.values())
        if not self._has_reports:
            return StreamQuality(packets=sent)
        lost = min(sent, sum(each.reported_lost for each in self._channels.values()))
        loss_percent = _percent(lost, sent)
        return StreamQuality(
            packets=sent,
            lost=lost,
            loss_percent=loss_percent,
            jitter_ms=_ms(self._latest.rxjitter),
            max_jitter_ms=_ms(self._max_to_phone_s),
            mos=self._mos(loss_percent, 1.0) if sent else None,
        )

    def _mos(self, loss_percent: float, burst_ratio: float) -> float | None:
        codec = self._codec
        if codec is None:
            return None
        r = rating(codec, loss_percent=loss_percent, burst_ratio=burst_ratio, delay_ms=self._latest.rtt * 1000 / 2)
        return round(mos(r, is_wideband=codec.is_wideband), 2)

    @property
    def _codec(self) -> CodecQuality | None:
        """What the worst codec on the way does; None where G.113 says nothing about it."""
        codec = CODECS.get(self.codec or "")
        return G711 if codec and codec.is_wideband and self._line == _NARROWBAND else codec


_NARROWBAND: Final = "ulaw"


def _percent(part: int, whole: int) -> float:
    return round(min(100.0, 100 * part / whole), 2) if whole else 0.0


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
