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
    """Wakes those who wait when a channel enters the application."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, frozenset[str]] = {}

    def observe(self, event: AriEvent) -> None:
        """Notice a channel that enters."""
        if isinstance(event, StasisStart):
            for entered, channel_ids in self._waiting.items():
                if event.channel.id in channel_ids:
                    entered.set()

    @contextlib.contextmanager
    def of(self, *channel_ids: str) -> Iterator[asyncio.Event]:
        """Set when any of the channels enters from now on."""
        entered = asyncio.Event()
        self._waiting[entered] = frozenset(channel_ids)
        try:
            yield entered
        finally:
            del self._waiting[entered]
