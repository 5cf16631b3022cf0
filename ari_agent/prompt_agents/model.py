"""What is asked of a language model, and what it answers piece by piece. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

ChatMessage: TypeAlias = Mapping[str, Any]
"""A message of the chat completions API: `role`, `content`, and for tools `tool_calls` or `tool_call_id`."""


@dataclass(frozen=True, slots=True)
class Backup:
    """The model that is asked as well, where the first one has said nothing after so many milliseconds."""

    model: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request. model: None for the server's own. temperature: from 0 to 1. tools: as the API describes them."""

    messages: Sequence[ChatMessage]
    tools: Sequence[Mapping[str, Any]] = ()
    model: str | None = None
    temperature: float = 0.0
    backup: Backup | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model calls, once all of its arguments are there: JSON, as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """What a request has cost: tokens of the prompt and of the answer, by a model."""

    model: str
    prompt: int
    completion: int


Piece: TypeAlias = Text | ToolCall | TokensUsed


@dataclass(slots=True)
class ToolCallParts:
    """Puts tool calls together that come in parts. MAX_CALLS of them, of MAX_BYTES of arguments each."""

    MAX_CALLS = 16
    MAX_CHARACTERS = 64 * 1024

    _parts: dict[int, tuple[str, str, list[str]]] = field(default_factory=dict)

    def add(self, index: int, call_id: str | None, name: str | None, arguments: str | None) -> None:
        """Take a part of the tool call at this place. Raises: ValueError, where there are too many or too long ones."""
        if index not in self._parts and len(self._parts) >= self.MAX_CALLS:
            raise ValueError(f"more than {self.MAX_CALLS} tool calls")
        had_id, had_name, text = self._parts.get(index, ("", "", []))
        text.append(arguments or "")
        if sum(map(len, text)) > self.MAX_CHARACTERS:
            raise ValueError(f"arguments of more than {self.MAX_CHARACTERS} characters")
        self._parts[index] = (had_id or call_id or "", had_name or name or "", text)

    def whole(self) -> list[ToolCall]:
        """Return the tool calls, in order; one without an id gets one, and one without a name is left out."""
        return [
            ToolCall(call_id or f"call_{index}", name, "".join(text))
            for index, (call_id, name, text) in sorted(self._parts.items())
            if name
        ]
