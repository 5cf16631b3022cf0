"""Who listens in on calls in progress, and how loud both sides of a call are.

    media half ── one tap a call, while anybody listens ──▶ 16-bit linear audio ──▶ a short queue for each listener

A listener that is too slow loses its oldest audio, and holds nobody up. What a recording would leave out while it is
paused is silence here too, whether or not the call is recorded. Nothing is kept, so it needs no recording; but a call
whose `data_storage_setting` keeps what is said from the database keeps it from listeners as well.
Each beginning and end is told in the log, and in the public log of the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ari_agent.calls.media.call_tap import Levels
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_events import ListeningChanged
from ari_agent.calls.state import ANSWERED_STATES, CallState
from ari_agent.contract.storage_setting import keeps_everything
from ari_agent.errors import CallError
from ari_agent.media.audio import SampleFormat

log = logging.getLogger(__name__)

CHANNELS: Final = 2
LONGEST_PIECE_S: Final = 0.1
_MOST_PIECES: Final = 32  # that wait for one listener: 2 s, as they come every 60 ms
_MOST: Final = 20
_MOST_OF_ONE_CALL: Final = 4

_LEFT_ALONE: Final = "caller and target were left alone with each other"
_WITHHELD: Final = "its data_storage_setting keeps what is said from everybody"


class CannotListen(CallError):
    """Raised where nobody can listen in on a call, or no more can: 409. why: a clause, for people."""

    http_status = 409

    def __init__(self, call_id: str, why: str) -> None:
        super().__init__(f"call {call_id} cannot be listened to: {why}")


class Listener:
    """One who listens in: stereo audio, the caller left, as signed 16-bit little-endian samples at `rate_hz`.

    why_over: why there is no more, as a clause for people; None while there is. dropped_pieces: how many were left out
    because the listener was too slow.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.why_over: str | None = None
        self.dropped_pieces = 0
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the audio in pieces of LONGEST_PIECE_S at most, until it is over."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.why_over is not None:
                return
            self._news.clear()
            await self._news.wait()

    def give(self, piece: bytes) -> None:
        """Add a piece; the oldest goes where too many wait."""
        if len(self._waiting) == _MOST_PIECES:
            self._waiting.popleft()
            self.dropped_pieces += 1
        self._waiting.append(piece)
        self._news.set()

    def end(self, why: str) -> None:
        """Let the pieces end, after those that wait."""
        self.why_over = why
        self._news.set()


class _TappedCall:
    """One call that is listened to. samples: of what its media half gives away. listeners: with their logins."""

    def __init__(self, session: CallSession) -> None:
        self.session = session
        self.listeners: dict[Listener, str] = {}
        samples = session.media.listen(self._hear) if session.media else None
        if samples is None:
            raise CannotListen(session.call_id, _why_unheard(session))
        self.samples: SampleFormat = samples
        self._piece_bytes = int(samples.rate_hz * LONGEST_PIECE_S) * CHANNELS * 2

    def begin(self, listener: Listener, login: str) -> None:
        self.listeners[listener] = login
        self._tell(login, listens=True)

    def end(self, listener: Listener, why: str) -> None:
        """Let a listener hear no more; the last one takes the tap away. Idempotent."""
        login = self.listeners.pop(listener, None)
        if login is None:
            return
        listener.end(why)
        self._tell(login, listens=False)
        if not self.listeners and self.session.media:
            self.session.media.listen(None)

    def _hear(self, stereo: bytes) -> None:
        why = None if stereo else _why_over(self.session)
        if _is_withheld(self.session):
            why = _WITHHELD
        if why:
            for listener in tuple(self.listeners):
                self.end(listener, why)
            return
        linear = self.samples.to_linear(stereo)
        for start in range(0, len(linear), self._piece_bytes):
            piece = linear[start : start + self._piece_bytes]
            for listener in self.listeners:
                listener.give(piece)

    def _tell(self, login: str, *, listens: bool) -> None:
        self.session.post(ListeningChanged(login, listens))
        what = "somebody listens to a call" if listens else "somebody listens to a call no more"
        log.info(what, extra={"call_id": self.session.call_id, "login": login})


class CallMonitoring:
    """Lets people listen in on calls, and tells levels. session_of: returns a live call; raises UnknownCall, or others.

    most, most_of_one_call: how many may listen at the same time.
    """

    def __init__(
        self, session_of: Callable[[str], CallSession], *, most: int = _MOST, most_of_one_call: int = _MOST_OF_ONE_CALL
    ) -> None:
        self._session_of = session_of
        self._most, self._most_of_one_call = most, most_of_one_call
        self._tapped: dict[CallSession, _TappedCall] = {}

    def levels(self, call_id: str) -> Levels | None:
        """Return how loud both sides of a live call are at this moment; None where nothing of it is heard."""
        try:
            media = self._session_of(call_id).media
        except CallError:
            return None
        return media.levels if media and media.has_audio else None

    @contextmanager
    def listener(self, call_id: str, login: str) -> Iterator[Listener]:
        """Listen in on a call, for as long as the context is open. login: who listens, for both logs.

        Raises:
            UnknownCall: no live call has this id.
            CallNotOngoing: it has ended.
            CannotListen: nothing of it is heard here now, or nobody may, or as many listen as may.
        """
        session = self._session_of(call_id)
        tapped = self._tapped.get(session)
        self._check(session, len(tapped.listeners) if tapped else 0)
        if tapped is None or not tapped.listeners:
            tapped = self._tapped[session] = _TappedCall(session)
        listener = Listener(tapped.samples.rate_hz)
        tapped.begin(listener, login)
        try:
            yield listener
        finally:
            tapped.end(listener, "the listener has left")
            if not tapped.listeners and self._tapped.get(session) is tapped:
                del self._tapped[session]

    def _check(self, session: CallSession, listeners: int) -> None:
        if _is_withheld(session):
            raise CannotListen(session.call_id, _WITHHELD)
        if listeners >= self._most_of_one_call:
            raise CannotListen(session.call_id, f"{listeners} listen to it already, and no more may")
        in_all = sum(len(tapped.listeners) for tapped in self._tapped.values())
        if in_all >= self._most:
            raise CannotListen(session.call_id, f"{in_all} listen to calls already, and no more may")


def _is_withheld(session: CallSession) -> bool:
    return session.record is None or not keeps_everything(session.record.data_storage_setting)


def _why_unheard(session: CallSession) -> str:
    if session.state is CallState.BRIDGED:
        return _LEFT_ALONE
    return "nothing of it is heard now" if session.state in ANSWERED_STATES else "it is not answered yet"


def _why_over(session: CallSession) -> str:
    return _LEFT_ALONE if session.state is CallState.BRIDGED else "the call has ended"
