"""When an audio agent that is lost in mid-call is dialled again, and for how long. Pure: time and dice are passed in.

| state     | is opened             | is not reached    | is lost                      | closes with 1000, hangs up |
|-----------|-----------------------|-------------------|------------------------------|----------------------------|
| DIALLED   | CONNECTED: AgentReady | gone: AgentFailed | -                            | -                          |
| CONNECTED | -                     | -                 | LOST: AgentAway, or gone (1) | gone: AgentHungUp          |
| LOST      | CONNECTED: AgentBack  | LOST, or gone (2) | -                            | -                          |

An agent is lost when its websocket ends otherwise than with close code 1000 or without a code: reset, no answer to
pings, and every other code, 1001 (going away) too, which servers that are restarted send. While it is LOST it is
dialled again, at once and then after PAUSES_S, whatever the answer is: behind a load balancer a server that is being
restarted is 404, 502 or 503, and soon there again. Pauses are drawn, from half to one and a half times as long: calls
that lose one server together do not all come back to it in the same moment.

(1) Gone, as a call without redials, where limit_s is 0. With AgentFailed, where the time is over that an earlier loss
has begun: an agent that takes calls and drops them does not go on for ever. A connection that has lasted STEADY_S
counts as sound, so that the next loss has all of limit_s.
(2) AgentFailed, once limit_s is over. The call may end in any state; gone is gone, and the leg's own matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

PAUSES_S: Final = (0.0, 0.25, 0.5, 1.0)
"""Before each attempt, on average; the last one is that of all further ones."""
STEADY_S: Final = 10.0
"""A connection that has lasted so long was none that is dropped at once."""


class AgentState(Enum):
    """Whether there is a websocket to an agent that is not gone for good."""

    DIALLED = "dialled for the first time"
    CONNECTED = "connected"
    LOST = "lost and dialled again"


@dataclass(frozen=True, slots=True)
class Return:
    """An agent is there again. away_s: for how long it was lost. attempts: how often it was dialled for that."""

    away_s: float
    attempts: int


class Redial:
    """The state of one call's audio agent.

    limit_s: how long a lost one is dialled again; 0: not at all. dice: returns a number from 0 up to 1.
    All times are in seconds of the same clock.
    """

    def __init__(self, limit_s: float, *, dice: Callable[[], float]) -> None:
        self.limit_s, self._dice = limit_s, dice
        self.state = AgentState.DIALLED
        self._connected_s = self._lost_s = 0.0
        self._until_s = -inf  # when the time to dial again is over
        self._pauses = self._attempts = 0

    @property
    def is_lost(self) -> bool:
        """Return whether the agent is dialled again."""
        return self.state is AgentState.LOST

    def opened(self, now_s: float) -> Return | None:
        """Take note that the agent is connected; return how it came back, None for the first time."""
        was_lost, self.state = self.is_lost, AgentState.CONNECTED
        self._connected_s = now_s
        return Return(now_s - self._lost_s, self._attempts) if was_lost else None

    def lost(self, now_s: float) -> bool:
        """Take note that the agent is lost, and return whether it is dialled again."""
        if self._until_s == -inf or now_s - self._connected_s >= STEADY_S:
            self._until_s, self._pauses = now_s + self.limit_s, 0
        if now_s >= self._until_s:
            return False
        self.state, self._lost_s, self._attempts = AgentState.LOST, now_s, 0
        return True

    def next_attempt(self, now_s: float) -> float | None:
        """Return how long to wait before the agent is dialled again, in seconds; None once the time is over."""
        pause_s = PAUSES_S[min(self._pauses, len(PAUSES_S) - 1)] * (0.5 + self._dice())
        if now_s + pause_s >= self._until_s:
            return None
        self._pauses += 1
        self._attempts += 1
        return pause_s

    def left_s(self, now_s: float) -> float:
        """Return for how long the agent may be dialled yet, in seconds."""
        return max(0.0, self._until_s - now_s)
