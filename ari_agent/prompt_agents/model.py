"""What is asked of a language model, and what it answers piece by piece. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ari_agent.errors import AgentError


class ModelFailed(AgentError):
    """Raised when the model by which an agent answers gives no answer; the message says why, and holds no secret."""


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


@dataclass(frozen=True, slots=True)
class ModelStep:
    """What was asked of a model, or came of it, for the public log of the call.

    what: `prompt` as the conversation begins, `asked`, `answered`, `failed`, `tool` for the end of a custom one, and
    `node_transition` where a flow goes to another node.
    facts: by name. content: what was said or went wrong. secrets: texts that the log never shows, from here on.
    """

    what: Literal["prompt", "asked", "answered", "failed", "tool", "node_transition"]
    facts: Mapping[str, object]
    content: object = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


Piece: TypeAlias = Text | ToolCall | TokensUsed


@dataclass(slots=True)
class ToolCallParts:
    """Puts tool calls together that come in parts: at most MAX_CALLS, each with at most MAX_CHARACTERS of arguments."""

    MAX_CALLS = 16
    MAX_CHARACTERS = 64 * 1024
    MAX_NAME = 100
    """Characters of a name, and of an id."""

    _parts: dict[int, tuple[str, str, str]] = field(default_factory=dict)

    def add(self, index: int, call_id: str | None, name: str | None, arguments: str | None) -> None:
        """Take a part of the tool call at this place. Raises: ValueError, where there are too many or too long ones."""
        if index not in self._parts and len(self._parts) >= self.MAX_CALLS:
            raise ValueError(f"more than {self.MAX_CALLS} tool calls")
        had_id, had_name, text = self._parts.get(index, ("", "", ""))
        text += arguments or ""
        if len(text) > self.MAX_CHARACTERS:
            raise ValueError(f"arguments of more than {self.MAX_CHARACTERS} characters")
        if max(len(call_id or ""), len(name or "")) > self.MAX_NAME:
            raise ValueError(f"a tool's name or id of more than {self.MAX_NAME} characters")
        self._parts[index] = (had_id or call_id or "", had_name or name or "", text)

    def whole(self) -> list[ToolCall]:
        """Return the tool calls, in order; one without an id gets one, and one without a name is left out."""
        return [
            ToolCall(call_id or f"call_{index}", name, text)
            for index, (call_id, name, text) in sorted(self._parts.items())
            if name
        ]


class Thoughts:
    """Takes thoughts out of an answer that begins with them, between `<think>` and `</think>`, as some servers send.

    Source: the chat templates of DeepSeek R1 and Qwen 3; servers that read them tell thoughts apart by themselves.
    """

    _BEGIN, _END = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._ends: str | None = None  # where the thoughts end, once they have begun
        self._is_over = False

    def left_out_of(self, text: str) -> str:
        """Return what of the next piece is no thought; what may yet be one is held back."""
        if self._is_over:
            return text
        self._held += text
        if self._ends is None:
            begun = self._held.lstrip()
            if self._BEGIN.startswith(begun[: len(self._BEGIN)]) and len(begun) < len(self._BEGIN):
                return ""
            if not begun.startswith(self._BEGIN):
                return self.rest()
            self._ends = self._END
        _, end, answer = self._held.partition(self._ends)
        if not end:
            self._held = self._held[-len(self._ends) :]
            return ""
        self._held, self._ends = answer.lstrip(), None
        return self.rest()

    def rest(self) -> str:
        """Return what was held back and is no thought, at the end of the answer."""
        self._is_over = True
        held, self._held = self._held, ""
        return "" if self._ends else held
