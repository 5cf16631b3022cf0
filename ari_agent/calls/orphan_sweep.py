"""The sweep of orphans: channels and bridges in Asterisk that belong to no call of ours.

They are left by an earlier run that was killed, or by requests whose answer got lost. An orphan is what carries our
name and belongs to no live call, or has entered our application and is unknown to us:

    caller   a channel in Stasis() that no call knows       is told error_retell and sent on into the dialplan
    media    an external media channel of ours              is hung up
    dialled  a channel that we made towards somebody        is hung up
    bridge   a bridge of ours                               is dissolved
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.names import (
    call_of_bridge,
    call_of_detector_channel,
    call_of_media_channel,
    call_of_outbound_channel,
)
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError, ChannelGone

log = logging.getLogger(__name__)

ANNOUNCED_WITHIN_S: Final = 2.0
"""How long Asterisk may take from listing a channel in our application to sending the event that announces it."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something in Asterisk that belongs to no call of ours. id: of the channel or bridge."""

    kind: Literal["caller", "media", "dialled", "bridge"]
    id: str


class LiveCalls(Protocol):
    """What the sweep must know of the calls that have not ended."""

    def has_call(self, call_id: str) -> bool:
        """Whether a live call has this id."""

    def has_channel(self, channel_id: str) -> bool:
        """Whether a live call has this channel as its caller's."""


class OrphanSweep:
    """Finds and removes orphans. announced_within_s: see ANNOUNCED_WITHIN_S."""

    def __init__(self, ari: Ari, calls: LiveCalls, *, announced_within_s: float = ANNOUNCED_WITHIN_S) -> None:
        self._ari, self._calls, self._announced_within_s = ari, calls, announced_within_s
        self._only_listed: set[str] = set()
        """Channels that Asterisk lists and does not know: they have hung up, see `asterisk/refer.py`."""

    async def run(self) -> None:
        """Find every orphan, and remove it.

        Raises:
            AsteriskError: Asterisk did not say what it has; to be tried again.
        """
        suspects = await self._find()
        if not suspects:
            return
        # A caller who arrives this very moment may be in Asterisk's list and not yet in ours; however far events are
        # behind, whoever is in both lists has been announced by then.
        await asyncio.sleep(self._announced_within_s)
        suspects &= await self._find()
        await self._ari.catch_up()
        await self.remove(orphan for orphan in suspects if not self._calls.has_channel(orphan.id))

    async def remove(self, orphans: Iterable[Orphan]) -> None:
        """Hang up, dissolve or send on what is known to be orphaned; what Asterisk refuses is logged and stays."""
        for orphan in sorted(orphans, key=lambda orphan: orphan.id):
            try:
                await self._remove(orphan)
            except ChannelGone:
                self._only_listed.add(orphan.id)
                log.info("orphan %s is gone already", orphan.kind, extra={"channel_id": orphan.id})
            except AsteriskError as error:
                log.warning("orphan not swept: %s", error)
            else:
                log.warning("orphan %s swept", orphan.kind, extra={"channel_id": orphan.id})

    async def _remove(self, orphan: Orphan) -> None:
        if orphan.kind == "bridge":
            await self._ari.destroy_bridge(orphan.id)
        elif orphan.kind == "caller":
            reason = DisconnectionReason.ERROR_RETELL.value
            await self._ari.set_variables(orphan.id, {"ARI_AGENT_DISCONNECTION_REASON": reason})
            await self._ari.continue_in_dialplan(orphan.id)
        else:
            await self._ari.hang_up(orphan.id)

    async def _find(self) -> set[Orphan]:
        channels, bridges = await asyncio.gather(self._ari.channels(), self._ari.bridges())
        self._only_listed &= {channel.id for channel in channels}
        found = {
            orphan for channel in channels if channel.id not in self._only_listed and (orphan := self._judge(channel))
        }
        for bridge in bridges:
            call_id = call_of_bridge(self._ari.app, bridge.id)
            if call_id is not None and not self._calls.has_call(call_id):
                found.add(Orphan("bridge", bridge.id))
        return found

    def _judge(self, channel: Channel) -> Orphan | None:
        app = self._ari.app
        if call_id := call_of_media_channel(app, channel.id):
            return None if self._calls.has_call(call_id) else Orphan("media", channel.id)
        if call_id := call_of_dialled_channel(app, channel.id):
            return None if self._calls.has_call(call_id) else Orphan("dialled", channel.id)
        if self._calls.has_channel(channel.id) or not _is_in(channel, app):
            return None
        return Orphan("caller", channel.id)


def call_of_dialled_channel(app: str, channel_id: str) -> str | None:
    """Return the id of the call for which we dialled this channel, which is never a caller; None for any other."""
    return call_of_outbound_channel(app, channel_id) or call_of_detector_channel(app, channel_id)


def _is_in(channel: Channel, app: str) -> bool:
    return channel.dialplan.app_name == "Stasis" and channel.dialplan.app_data.split(",")[0] == app
