"""Claims callers whom the dialplan offers to several controllers, and forgets those whom another one got."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sized
from typing import Any, Protocol

from ari_agent.asterisk.events import AriEvent, CallBroadcast, StasisStart
from ari_agent.asterisk.shared_channels import SharedChannels
from ari_agent.calls.claim_delay import claim_delay_s
from ari_agent.errors import AsteriskError

log = logging.getLogger(__name__)


class OwnCalls(Protocol):
    """The calls of this controller."""

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""

    def live(self) -> Sized:
        """Return those that have not ended."""


class SharedCalls:
    """One controller's share of the callers who are offered to several.

    channels: of this Asterisk. calls: the controller's own, which say whether and how soon it claims another one.
    """

    def __init__(self, channels: SharedChannels, *, calls: OwnCalls) -> None:
        self._channels, self._calls = channels, calls
        self._working: set[asyncio.Task[None]] = set()

    def on_event(self, event: AriEvent) -> None:
        """Take an event; called in the order of arrival, never waits."""
        if isinstance(event, CallBroadcast):
            self._start(self._claim(event.channel.id))
        elif isinstance(event, StasisStart) and event.channel.is_shared:
            self._start(self._channels.mark(event.channel.id))

    async def close(self) -> None:
        """Claim nothing more."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _claim(self, channel_id: str) -> None:
        await asyncio.sleep(claim_delay_s(len(self._calls.live())))
        if self._calls.stopping:
            return
        got = await self._channels.claim(channel_id)
        log.debug("caller claimed" if got else "another controller has the caller", extra={"channel_id": channel_id})

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._told(work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AsteriskError as error:
            log.warning("a caller who is offered to several controllers: %s", error)
