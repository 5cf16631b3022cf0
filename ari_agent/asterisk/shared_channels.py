"""Channels that the dialplan offers to several controllers: `StasisBroadcast()`, of Asterisk 22.10 and later.

    CallBroadcast to every application -> POST /events/claim -> 204, and StasisStart: it is ours
                                                             -> 409: another one was sooner

Such a channel runs `StasisBroadcast()` for as long as it is in somebody's application, and its place in the dialplan
does not say in whose. So the one that has got it writes its name on the channel, as the dialplan does before
`Stasis()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ari_agent.asterisk.channel_variables import ChannelVariables
from ari_agent.asterisk.events import Channel
from ari_agent.asterisk.rest import Rest
from ari_agent.errors import AsteriskRefused, ChannelGone

APP_VARIABLE: Final = "ARI_AGENT_APP"
"""The channel variable that names the application which a caller is in, or comes back to from a detour."""
_CLAIMED: Final = 409


class SharedChannels:
    """Claims channels for one application, and finds those that it has got. Requests raise as those of Ari do."""

    def __init__(self, rest: Rest, variables: ChannelVariables, *, app: str) -> None:
        self._rest, self._variables, self._app = rest, variables, app
        self._apps: dict[str, str] = {}  # of the channels that are there, once it is written on them

    async def claim(self, channel_id: str) -> bool:
        """Claim a channel that is offered. Return whether it enters our application: not where another was sooner."""
        parameters = {"channelId": channel_id, "application": self._app}
        try:
            await self._rest.request("claimChannel", "POST", "/events/claim", parameters=parameters)
        except ChannelGone:  # the offer is over: the caller has hung up, or it took too long
            return False
        except AsteriskRefused as error:
            if error.status != _CLAIMED:
                raise
            return False
        return True

    async def mark(self, channel_id: str) -> None:
        """Write our name on a channel that has entered our application. One that is gone is no error."""
        self._apps.pop(channel_id, None)  # that of a controller that has died
        with suppress(ChannelGone):
            await self._variables.set(channel_id, APP_VARIABLE, self._app)

    async def entered(self, channels: Iterable[Channel], app: str | None = None) -> frozenset[str]:
        """Return the ids of those that are in an application; None: in our own.

        channels: all of Asterisk's. What is written on a channel is read once.
        """
        app = app or self._app
        channels = list(channels)
        shared = {channel.id for channel in channels if channel.is_shared}
        self._apps = {channel_id: written for channel_id, written in self._apps.items() if channel_id in shared}
        unknown = sorted(shared - self._apps.keys())
        for channel_id, written in zip(unknown, await asyncio.gather(*map(self.written_on, unknown)), strict=True):
            if written:
                self._apps[channel_id] = written
        offered = {channel_id for channel_id, written in self._apps.items() if written == app}
        return frozenset(offered | {channel.id for channel in channels if channel.is_in(app)})

    async def written_on(self, channel_id: str) -> str | None:
        """Return the name of the application that is written on a channel now; None where none is, or it is gone."""
        try:
            return await self._variables.read(channel_id, APP_VARIABLE)
        except ChannelGone:
            return None
