"""What the agent was last asked, and what has come together of its answer. Pure.

Source: Retell, "LLM WebSocket" (2026-08): only the newest request is answered, and only until its content is complete;
a newer one discards the older; an interruption comes unasked and cancels the answer that is on its way. What is spoken
begins with the first piece; a text is sent when it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ari_agent.agents.llm import LlmInterrupt, LlmResponse

OPENING: Final = 0
"""The response_id of what the agent says before it is asked anything."""
LONGEST_TEXT: Final = 16_384
"""Characters of one answer; what is beyond is cut."""


@dataclass(frozen=True, slots=True)
class Said:
    """A complete text. ends: the chat is to end after it."""

    content: str
    ends: bool


class _Pieces:
    def __init__(self, number: int) -> None:
        self.number = number
        self._found: list[str] = []
        self._length = 0
        self._ends = False

    def add(self, message: LlmResponse | LlmInterrupt) -> Said | None:
        """The whole, once it is complete."""
        room = LONGEST_TEXT - self._length
        piece = message.content[:room]
        if piece:
            self._length += len(piece)
            self._found.append(piece)
        self._ends |= bool(message.end_call)
        return Said("".join(self._found), self._ends) if message.content_complete else None


class Conversation:
    """One chat's requests, numbered from 1 on."""

    def __init__(self) -> None:
        self._last_id = OPENING
        self._answer: _Pieces | None = None
        self._interruption: _Pieces | None = None

    @property
    def open_id(self) -> int | None:
        """The request that is not answered yet; None when the agent has nothing to say."""
        return self._answer.number if self._answer else None

    def await_opening(self) -> None:
        """The agent begins."""
        self._answer = _Pieces(OPENING)

    def ask(self) -> int:
        """A new request; what was asked before is of no interest any more."""
        self._last_id += 1
        self._answer = _Pieces(self._last_id)
        return self._last_id

    def take(self, message: LlmResponse | LlmInterrupt) -> Said | None:
        """A piece of an answer. None: there is more to come, or nobody wants it any more."""
        if isinstance(message, LlmInterrupt):
            return self._interrupted(message)
        if self._answer is None or message.response_id != self._answer.number:
            return None
        said = self._answer.add(message)
        if said:
            self._answer = None
        return said

    def _interrupted(self, message: LlmInterrupt) -> Said | None:
        if self._interruption is None or self._interruption.number != message.interrupt_id:
            self._interruption = _Pieces(message.interrupt_id)
        self._answer = None
        said = self._interruption.add(message)
        if said:
            self._interruption = None
        return said
