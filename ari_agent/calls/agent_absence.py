"""What the caller of one phone call hears while its agent is lost and dialled again.

    AgentAway ── nothing is heard for SILENCE_S ──▶ music ── AgentBack, a transfer, the end of the call ──▶ no music

What the agent said last is heard to its end first, and a loss that is over at once is a pause, and not a burst of
music. Asterisk plays it, so that it costs the controller nothing; a transfer brings music of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ari_agent.calls.media.media_half import MediaHalf
from ari_agent.calls.transfer.hold_music import HoldMusic
from ari_agent.timed_wait import is_set_within

MUSIC: Final = "relaxing_sound"
SILENCE_S: Final = 0.3
"""So long the caller hears nothing before there is music."""
_LOOK_EACH_S: Final = 0.1


class AgentAbsence:
    """What the absences of one call's agent sound like.

    music: of the call; what it plays for others is left alone. listener: returns the channel of a caller who listens to
    the agent, and None while there is none.
    """

    def __init__(self, music: HoldMusic, *, listener: Callable[[], str | None]) -> None:
        self._music, self._listener = music, listener
        self._asking = asyncio.Lock()  # of Asterisk: no music begins behind its end
        self._over = asyncio.Event()  # the latest absence
        self._silent_s = 0.0
        self._ours: object = None  # what `music` plays for us

    def begin(self) -> asyncio.Event:
        """Take note that the agent is away; return what says that it is not any more, for `follow`."""
        self._over = asyncio.Event()
        return self._over

    async def follow(self, over: asyncio.Event, media: MediaHalf) -> None:
        """Play music to a caller who hears nothing, until the absence is over, or the media half closes."""
        self._silent_s = 0.0
        while not media.is_closed and not await is_set_within(over, _LOOK_EACH_S):
            hears_something = self._music.playing is not None or media.stats.queued_ms
            channel_id = None if hears_something else self._listener()
            self._silent_s = 0.0 if channel_id is None else self._silent_s + _LOOK_EACH_S
            if channel_id is None or self._silent_s < SILENCE_S:
                continue
            async with self._asking:
                if self._music.playing is None and not over.is_set():
                    await self._music.start(channel_id, MUSIC)
                    self._ours = self._music.playing

    async def pause(self) -> None:
        """Stop the music; it comes again where the caller goes on listening, and hears nothing."""
        self._silent_s = 0.0
        async with self._asking:
            if self._ours is not None and self._music.playing is self._ours:
                await self._music.stop()
            self._ours = None

    async def end(self) -> None:
        """Stop the music for good: the agent is there again, or nobody listens any more. Idempotent."""
        self._over.set()
        await self.pause()
