"""Looks at the quality of one phone call's audio, from the answer until the call leaves us.

Every 10 s, and once more before we hang up, Asterisk is asked for its counters. When the far end hangs up it is too
late to ask; then Asterisk tells them by itself, just before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ari_agent.asterisk.events import AriEvent, ChannelDtmfReceived, ChannelVarset
from ari_agent.asterisk.rtp_statistics import RTPAUDIOQOS, RtpStatistics
from ari_agent.calls.caller_leg import CallerLeg
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.quality_meter import QualityMeter
from ari_agent.contract.media_quality import MediaQuality

log = logging.getLogger(__name__)

LOOK_EACH_S: Final = 10.0
_LAST_LOOK_S: Final = 0.5
"""No hang-up waits longer for the last counters: Asterisk may stall."""


class QualityWatch:
    """The quality of the audio between one call's phone and its media half.

    leg: the phone's channel. tell: gets what was seen, every LOOK_EACH_S. media: to be set before `run`.
    """

    def __init__(self, leg: CallerLeg, tell: Callable[[MediaQuality], None]) -> None:
        self.media: MediaSession | None = None
        self._leg, self._tell = leg, tell
        self._meter: QualityMeter | None = None
        self._codec_of: str | None = None  # this channel
        self._final: MediaQuality | None = None

    @property
    def quality(self) -> MediaQuality | None:
        """The quality since the answer, None before it; after `finish`, that of the call's time with its agent."""
        return self._final or (self._meter.quality(self.media.stats) if self._meter and self.media else None)

    async def run(self) -> None:
        """Look every LOOK_EACH_S until `finish`, for a call that is answered."""
        if self.media is None:
            return
        self._meter = QualityMeter(self.media.codec)
        await self._learn_codec(self._meter)  # when the call is over, it is too late to ask
        while True:
            await asyncio.sleep(LOOK_EACH_S)
            if self._final:
                return
            await self._look(self._meter)
            if self.quality:
                self._tell(self.quality)

    async def finish(self) -> None:
        """Look for the last time, because the phone is about to be hung up, or to talk with others than our agent."""
        if self._final or self._meter is None:
            return
        try:
            async with asyncio.timeout(_LAST_LOOK_S):
                await self._look(self._meter)
        except TimeoutError:
            log.info("Asterisk does not say in time what it counted", extra={"channel_id": self._leg.channel_id})
        self._final = self.quality

    def note(self, event: AriEvent) -> None:
        """Take the counters that Asterisk tells when the phone's channel ends, and keys, which leave holes.

        Each report of a key counts, also those that are none of the caller's: Asterisk plays them all.
        """
        if isinstance(event, ChannelDtmfReceived) and self.media and event.channel_id == self._leg.channel_id:
            self.media.key_reported(event.duration_ms)
        if isinstance(event, ChannelVarset) and event.variable == RTPAUDIOQOS and self._meter:
            told = RtpStatistics.of_variable(event.value)
            if told and event.channel_id == self._leg.channel_id:
                self._meter.told(event.channel_id, told)

    async def _learn_codec(self, meter: QualityMeter) -> None:
        channel_id = self._leg.channel_id
        if channel_id != self._codec_of and (codec := await self._leg.codec()):
            meter.codec, self._codec_of = codec, channel_id

    async def _look(self, meter: QualityMeter) -> None:
        await self._learn_codec(meter)
        channel_id = self._leg.channel_id
        if statistics := await self._leg.rtp_statistics():
            meter.told(channel_id, statistics)
