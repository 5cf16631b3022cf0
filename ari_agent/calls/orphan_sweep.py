"""The sweep of orphans: channels and bridges in Asterisk that belong to no call of ours.

They are left by an earlier run that was killed, or by requests whose answer got lost. An orphan is what carries our
name and belongs to no live call, or has entered our application and is unknown to us:

    caller   a channel in Stasis() that no call knows       is told error_retell and sent on into the dialplan
    new      one that has entered since we are connected    becomes a call: the event that tells of it got lost
    media    an external media or snoop channel of ours     is hung up; a snoop channel also where a call lives
                                                            that does not listen any more
    dialled  a channel that we made towards somebody        is hung up
    bridge   a bridge of ours                               is dissolved
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.names import (
    call_of_bridge,
    call_of_detector_channel,
    call_of_media_channel,
    call_of_outbound_channel,
    call_of_snoop,
    call_of_target_channel,
)
from ari_agent.calls.channel_end import end_channel
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import AsteriskError
from ari_agent.gather import gather

log = logging.getLogger(__name__)

ANNOUNCED_WITHIN_S: Final = 2.0
"""How long Asterisk may take from listing a channel in our application to sending the event that announces it."""

_OTHER_HALF: Final = ";2"
"""What Asterisk adds to the id of a Local channel for its half in the dialplan."""

# Asterisk's HTTP server lets five new connections wait to be accepted: of more at once, the others lose a second each.
_AT_ONCE: Final = 4


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

    def has_target(self, channel_id: str) -> bool:
        """Whether a live call has this channel as the target of its transfer."""

    def is_listening(self, call_id: str) -> bool:
        """Whether a live call has this id, and listens to its two people, whom it has left alone."""

    def was_announced(self, channel_id: str) -> bool:
        """Whether an event has told that this channel entered the application."""


class OrphanSweep:
    """Finds and removes orphans.

    take_over: makes a call of a channel that has entered the application without a word. announced_within_s: see
    ANNOUNCED_WITHIN_S. app: whose orphans are found; None: those of our own application.
    """

    def __init__(
        self,
        ari: Ari,
        calls: LiveCalls,
        *,
        take_over: Callable[[Channel], None],
        announced_within_s: float = ANNOUNCED_WITHIN_S,
        app: str | None = None,
    ) -> None:
        self._ari, self._calls, self._announced_within_s = ari, calls, announced_within_s
        self._app = ari.app if app is None else app
        self._take_over = take_over
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._only_listed: set[str] = set()
        """Channels that Asterisk lists and does not know: they have hung up, see `asterisk/refer.py`."""

    async def run(self, channels: Sequence[Channel], *, entered_before: frozenset[str] = frozenset()) -> None:
        """Find every orphan, and remove it, or make a call of it.

        channels: all of Asterisk's, as of now. entered_before: ids of those that no event will tell of, because they
        were in the application before the connection; they need not be waited for.

        Raises:
            AsteriskError: Asterisk did not say what it has; to be tried again.
        """
        found = await self._find(channels)
        sure = {orphan for orphan in found if orphan.id in entered_before}
        if sure:
            await self._ari.catch_up()
            await self.remove(await self._unowned(sure))
        suspects = found - sure
        if not suspects:
            return
        # A caller who arrives this very moment may be in Asterisk's list and not yet in ours; however far events are
        # behind, whoever is in both lists has been announced by then.
        await asyncio.sleep(self._announced_within_s)
        channels = await self._ari.channels()
        suspects &= await self._find(channels)
        await self._ari.catch_up()
        suspects = await self._unowned(suspects)
        new = {orphan for orphan in suspects if orphan.kind == "caller" and not self._calls.was_announced(orphan.id)}
        await self.remove(suspects - new)
        for channel in channels:
            if Orphan("caller", channel.id) in new:
                self._take_over(channel)

    async def _unowned(self, orphans: Iterable[Orphan]) -> set[Orphan]:
        """Return those that are no call's, neither of ours nor of another controller that has taken it over."""
        unknown = [orphan for orphan in orphans if not self._calls.has_channel(orphan.id)]
        members = {bridge.id: bridge.channels for bridge in await self._ari.bridges()} if unknown else {}
        taken = await asyncio.gather(*(self._is_taken(members.get(orphan.id, (orphan.id,))) for orphan in unknown))
        return {orphan for orphan, is_taken in zip(unknown, taken, strict=True) if not is_taken}

    async def _is_taken(self, channel_ids: Sequence[str]) -> bool:
        """Tell whether one of these channels has the name of another application written on it."""
        for channel_id in channel_ids:
            if await self._ari.shared_channels.written_on(channel_id) not in (None, "", self._app):
                return True
        return False

    async def remove(self, orphans: Iterable[Orphan]) -> None:
        """Hang up, dissolve or send on what is known to be orphaned; what Asterisk refuses is logged and stays."""
        callers_first = sorted(orphans, key=lambda orphan: (orphan.kind != "caller", orphan.id))
        await gather(*(self._remove(orphan) for orphan in callers_first))

    async def _remove(self, orphan: Orphan) -> None:
        async with self._turns:
            try:
                was_there = await self._end(orphan)
            except AsteriskError as error:
                log.warning("orphan not swept: %s", error)
                return
        if was_there:
            log.warning("orphan %s swept", orphan.kind, extra={"channel_id": orphan.id})
        else:
            self._only_listed.add(orphan.id)
            log.info("orphan %s is gone already", orphan.kind, extra={"channel_id": orphan.id})

    async def _end(self, orphan: Orphan) -> bool:
        """Hang up, dissolve or send on; return False where a caller was gone already."""
        if orphan.kind == "caller":
            reason = DisconnectionReason.ERROR_RETELL.value
            return await end_channel(self._ari, orphan.id, {"ARI_AGENT_DISCONNECTION_REASON": reason})
        await (self._ari.destroy_bridge if orphan.kind == "bridge" else self._ari.hang_up)(orphan.id)
        return True

    async def _find(self, channels: Sequence[Channel]) -> set[Orphan]:
        self._only_listed &= {channel.id for channel in channels}
        entered = await self._ari.shared_channels.entered(
            (channel for channel in channels if not self._calls.has_channel(channel.id)), self._app
        )
        found = {
            orphan
            for channel in channels
            if channel.id not in self._only_listed and (orphan := self._judge(channel, entered))
        }
        for bridge in await self._ari.bridges():
            call_id = call_of_bridge(self._app, bridge.id)
            if call_id is not None and not self._calls.has_call(call_id):
                found.add(Orphan("bridge", bridge.id))
            snooping = call_of_snoop(self._app, bridge.id)
            if snooping is not None and not self._calls.is_listening(snooping):
                found.add(Orphan("bridge", bridge.id))
        return found

    def _judge(self, channel: Channel, entered: Collection[str]) -> Orphan | None:
        app = self._app
        if call_id := call_of_snoop(app, channel.id):
            return None if self._calls.is_listening(call_id) else Orphan("media", channel.id)
        if call_id := call_of_media_channel(app, channel.id):
            return None if self._calls.has_call(call_id) else Orphan("media", channel.id)
        if call_of_target_channel(app, target := channel.id.removesuffix(_OTHER_HALF)):
            is_known = self._calls.has_target(target) or self._calls.has_channel(target)
            return None if is_known else Orphan("dialled", channel.id)
        if call_id := call_of_dialled_channel(app, channel.id):
            return None if self._calls.has_call(call_id) else Orphan("dialled", channel.id)
        if self._calls.has_channel(channel.id) or channel.id not in entered:
            return None
        return Orphan("caller", channel.id)


def call_of_dialled_channel(app: str, channel_id: str) -> str | None:
    """Return the id of the call for which we dialled this channel, which is never a caller; None for any other."""
    return (
        call_of_outbound_channel(app, channel_id)
        or call_of_detector_channel(app, channel_id)
        or call_of_target_channel(app, channel_id)
    )
