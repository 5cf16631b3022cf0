"""The session of one call's model at its server: asked for, set up or refused, and told anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ari_agent.agents.realtime import LeftOut, RealtimeClient, RealtimeSession
from ari_agent.agents.realtime_events import ServerError

_EVENT: Final = "session"
_MAY_BE_LEFT_OUT: Final[tuple[LeftOut, ...]] = ("voice", "transcription")


class ModelSession:
    """What the server is asked for. wanted: all of it. send: sends an event to the server.

    without: what the server has refused of it, and it was asked for without.
    """

    def __init__(self, client: RealtimeClient, wanted: RealtimeSession, *, send: Callable[[bytes], None]) -> None:
        self._client, self._send = client, send
        self.wanted = wanted
        self.without: set[LeftOut] = set()
        self.is_set_up = False  # the server has taken it, and so knows the format of audio
        self._settled = asyncio.Event()

    def request(self) -> None:
        """Ask the server for the session, unless it is set up."""
        if not self.is_set_up:
            self._send(self._client.session(self.wanted, event_id=_EVENT, without=self.without))

    def taken(self) -> bool:
        """Take note that the server has set it up; returns False where it was before."""
        is_news = not self.is_set_up
        self.is_set_up = True
        self.settle()
        return is_news

    def do_without(self, error: ServerError) -> bool:
        """Ask for it without what this error is about; returns False where that cannot be left out, or was already."""
        named = f"{error.param} {error.message}".lower()
        for part in _MAY_BE_LEFT_OUT:
            if part in named and part not in self.without:
                self.without.add(part)
                self.request()
                return True
        return False

    def change(self, wanted: RealtimeSession) -> None:
        """Tell the server of the prompt and tools that hold from now on, if they are others."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._send(self._client.retold(wanted))

    async def wait_settled(self) -> None:
        """Wait until it is set up, or will never be."""
        await self._settled.wait()

    def settle(self) -> None:
        """Have nobody wait for it any more."""
        self._settled.set()
