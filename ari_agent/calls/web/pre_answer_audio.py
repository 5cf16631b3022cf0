"""What an agent says before its listener can be spoken to: sound and marks, in order, bounded. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ari_agent.agents.message import Mark
from ari_agent.calls.web.playback_position import MARKS_LIMIT

MESSAGES_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class PreAnswerSound:
    """A piece of the agent's sound, in the agent's encoding."""

    payload: bytes


PreAnswerItem: TypeAlias = PreAnswerSound | Mark


class PreAnswerAudio:
    """Keeps sound and marks in order. limit_bytes: how much sound is kept; what exceeds it is dropped."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._left_bytes = self._limit_bytes = limit_bytes
        self._items: list[PreAnswerItem] = []
        self._marks = 0

    def play(self, payload: bytes) -> bool:
        """Add sound; return False, and drop it, where there is no room."""
        if len(payload) > self._left_bytes or len(self._items) >= MESSAGES_LIMIT:
            return False
        self._items.append(PreAnswerSound(payload))
        self._left_bytes -= len(payload)
        return True

    def mark(self, name: str) -> bool:
        """Add a mark after what was added before; return False, and drop it, where too many wait."""
        if self._marks >= MARKS_LIMIT or len(self._items) >= MESSAGES_LIMIT:
            return False
        self._items.append(Mark(name))
        self._marks += 1
        return True

    def take(self) -> list[PreAnswerItem]:
        """Take out and return all that was added, in order, so that there is room again."""
        items, self._items = self._items, []
        self._left_bytes, self._marks = self._limit_bytes, 0
        return items
