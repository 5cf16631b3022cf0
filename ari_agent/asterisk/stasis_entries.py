"""Channels that are about to enter our application, and who waits for them.

Asterisk answers for a channel that it makes before that channel runs Stasis(); until then most requests about it are
refused. It announces the moment with a StasisStart, which a loaded PBX sends late, but without being asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from ari_agent.asterisk.events import AriEvent, StasisStart


class StasisEntries:
    """Wakes those who wait for a channel to enter the application."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}

    def observe(self, event: AriEvent) -> None:
        """Wake those who wait for the channel of this event, if it enters."""
        if isinstance(event, StasisStart):
            for entered, channel_ids in self._waiting.items():
                if event.channel.id in channel_ids:
                    entered.set()

    @contextlib.contextmanager
    def of(self, *channel_ids: str) -> Iterator[asyncio.Event]:
        """Give an asyncio.Event that is set when any of the channels enters while the context is open."""
        entered = asyncio.Event()
        self._waiting[entered] = frozenset(channel_ids)
        try:
            yield entered
        finally:
            del self._waiting[entered]
