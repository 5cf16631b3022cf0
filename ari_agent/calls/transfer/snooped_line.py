"""What hears one of two people who were left alone: a snoop channel and external media, in a bridge of their own.

                                   bridge {app}-snoop-{leg}-bridge-{call_id}
    the leg's channel ─ ─ spy ─ ─▶ snoop channel ─────┴───── external media ── RTP ──▶ us

The two talk in the call's bridge as before. A snoop channel ends with the channel that it hears, or when it is hung up.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ari_agent.asterisk.ari import Ari, ExternalMedia
from ari_agent.asterisk.names import snoop_bridge_id, snoop_channel_id, snoop_media_channel_id
from ari_agent.calls.channel_end import release
from ari_agent.contract.sip_timeline import SipLeg
from ari_agent.media.socket import host_and_port

_ATTEMPTS: Final = 10


class SnoopedLine:
    """One leg of a call, as it is heard. `make`, `join` and `follow` raise AsteriskError."""

    def __init__(self, ari: Ari, *, app: str, call_id: str, leg: SipLeg) -> None:
        self._ari = ari
        self._snoop_ids = [snoop_channel_id(app, call_id, leg, attempt) for attempt in range(_ATTEMPTS)]
        self._attempt = 0
        self._media_id = snoop_media_channel_id(app, call_id, leg)
        self._bridge_id = snoop_bridge_id(app, call_id, leg)
        self._making: asyncio.Future[Any] | None = None

    @property
    def _snoop_id(self) -> str:
        return self._snoop_ids[self._attempt % _ATTEMPTS]

    async def make(self, channel_id: str, host: str, port: int, *, codec: str) -> ExternalMedia:
        """Make what hears a channel; once it has joined, its audio is sent to host:port in this codec.

        Whoever waits may be cancelled: Asterisk goes on to the end of what was asked for, and `end` waits for that.
        """
        ari, to = self._ari, host_and_port(host, port)
        media = asyncio.create_task(ari.external_media(channel_id=self._media_id, external_host=to, audio_format=codec))
        self._making = making = asyncio.gather(
            media, ari.snoop(channel_id, self._snoop_id), ari.create_bridge(self._bridge_id), return_exceptions=True
        )
        for outcome in await asyncio.shield(making):
            if isinstance(outcome, BaseException):
                raise outcome
        return media.result()

    async def join(self) -> None:
        """Have Asterisk send the audio of the channel to the media address, by joining both in a bridge."""
        await self._ari.add_to_bridge(self._bridge_id, self._snoop_id, self._media_id)

    async def follow(self, channel_id: str) -> None:
        """Hear another channel, which has taken the place of the one before."""
        before = self._snoop_id
        self._attempt += 1
        await self._ari.snoop(channel_id, self._snoop_id)
        await self._ari.add_to_bridge(self._bridge_id, self._snoop_id)
        await self._ari.hang_up(before)

    async def end(self) -> None:
        """Give all of it back, if there is any; what fails is logged, and left to the sweep of orphans. Idempotent."""
        if self._making is None:
            return
        await asyncio.shield(self._making)
        ari = self._ari
        await release(ari.hang_up(self._snoop_id), ari.hang_up(self._media_id), ari.destroy_bridge(self._bridge_id))
        self._making = None  # not before: whoever began to give it back may have been cancelled
