"""When an agent that was asked to say something has said it: it has spoken, and nobody speaks any more. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOUD_DBFS: Final = -45.0
"""The level from which a frame is somebody speaking."""
QUEUED_MS: Final = 400
"""An agent with more audio than this waiting to be heard is not done; a live stream of silence has less."""


@dataclass(frozen=True, slots=True)
class SpeechLimits:
    """How long an agent is waited for, in seconds.

    begins_within_s: it has nothing to say if it has not begun by then.
    quiet_s: it is done once nobody has spoken for so long.
    longest_s: from the beginning to the end, whatever is said.
    """

    begins_within_s: float = 8.0
    quiet_s: float = 1.5
    longest_s: float = 60.0


class SpeechWatch:
    """Watches one agent that was asked to speak, and those who listen and may answer."""

    def __init__(self, limits: SpeechLimits, *, now_s: float) -> None:
        """now_s: when it was asked, in seconds of the clock that `look` is given."""
        self._limits = limits
        self._asked_s = self._spoken_s = now_s
        self._has_begun = False

    def look(self, now_s: float, *, agent_speaks: bool, others_speak: bool) -> bool:
        """Return whether the agent has said what it had to say, or is waited for no longer."""
        self._has_begun = self._has_begun or agent_speaks
        if agent_speaks or others_speak:
            self._spoken_s = now_s
        if now_s - self._asked_s >= self._limits.longest_s:
            return True
        if not self._has_begun:
            return now_s - self._asked_s >= self._limits.begins_within_s
        return now_s - self._spoken_s >= self._limits.quiet_s
