"""Tells the turns of calls, each after a model of voice has listened to what the caller said before it.

    turn_clock.py ── turn ──▶ CallTurns ──▶ VoiceEnds, one thread for all calls
                                  │               │
                              the agent's leg ◀───┘ turn_voice.py

A turn costs some milliseconds in that thread, and a call nothing between turns. Where MOST_WAITING turns wait already,
or the model fails, or is not done LAST_TURNS_S after a call's end, the level's figure counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

from ari_agent.calls.media.call_latency import Detector
from ari_agent.calls.media.turn_clock import Turn
from ari_agent.calls.media.turn_voice import waited_by_voice_s
from ari_agent.speech.voice_activity import RATE_HZ, VoiceDetector
from ari_agent.speech.voice_end import since_voice_s

log = logging.getLogger(__name__)

MOST_WAITING: Final = 32
"""So many turns may wait for the model, about 0.2 s of its time."""
LAST_TURNS_S: Final = 0.5
"""So long a call that ends waits for what the model says of its last turns."""

TellTurn: TypeAlias = Callable[[float | None, Detector, float], None]
"""Takes what was found of a turn: how long the caller waited in ms, None for what is none; who found it; and when the
answer began, in seconds of the turn's clock."""


class VoiceEnds:
    """Listens to turns with a detector, for all calls, in one thread. Used from the event loop's thread."""

    def __init__(self, detector: VoiceDetector, *, most_waiting: int = MOST_WAITING) -> None:
        self._detector, self._most_waiting = detector, most_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="voice-ends")
        self._waiting = 0

    def find(self, turn: Turn) -> asyncio.Future[float | None] | None:
        """Begin to find how long the caller waited, in seconds, None for no turn. None: too many turns wait already."""
        if self._waiting >= self._most_waiting:
            return None
        self._waiting += 1
        found = asyncio.get_running_loop().run_in_executor(self._thread, self._listen, turn)
        found.add_done_callback(self._done)
        return found

    def close(self) -> None:
        """End the thread; what waits is given up."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _listen(self, turn: Turn) -> float | None:
        return waited_by_voice_s(turn, lambda sound: since_voice_s(sound.backward(RATE_HZ), self._detector))

    def _done(self, _found: asyncio.Future[float | None]) -> None:
        self._waiting -= 1


@dataclass(frozen=True, slots=True)
class _Pending:
    turn: Turn
    found: asyncio.Future[float | None] | None


class CallTurns:
    """Tells the turns of one call, in order. ends: None where the level alone says when the caller's speech ended."""

    def __init__(self, ends: VoiceEnds | None, tell: TellTurn) -> None:
        self._ends, self._tell = ends, tell
        self._pending: deque[_Pending] = deque()

    def take(self, turn: Turn) -> None:
        """Tell of a turn, as soon as it is known how long the caller waited; of no turn that nobody has found."""
        found = self._ends.find(turn) if self._ends is not None else None
        self._pending.append(_Pending(turn, found))
        if found is None:
            self._tell_known()
        else:
            found.add_done_callback(lambda _: self._tell_known())

    async def finish(self) -> None:
        """Tell of all that were taken, within LAST_TURNS_S: then the level's figure counts."""
        waiting = [pending.found for pending in self._pending if pending.found is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=LAST_TURNS_S)
        for found in waiting:
            found.cancel()
        self._tell_known()

    def _tell_known(self) -> None:
        pending = self._pending
        while pending and (pending[0].found is None or pending[0].found.done()):
            self._tell_one(pending.popleft())

    def _tell_one(self, pending: _Pending) -> None:
        by_level_s, found = pending.turn.waited_s, pending.found
        if found is None or found.cancelled():
            self._tell_found(pending.turn, by_level_s, "level")
        elif error := found.exception():
            log.warning("voice activity has failed, so that the level tells when speech ended: %s", error)
            self._tell_found(pending.turn, by_level_s, "level")
        elif found.result() is not None or by_level_s is not None:
            self._tell_found(pending.turn, found.result(), "voice_activity")

    def _tell_found(self, turn: Turn, waited_s: float | None, detector: Detector) -> None:
        if waited_s is not None or detector == "voice_activity":
            self._tell(None if waited_s is None else waited_s * 1000, detector, turn.began_s)
