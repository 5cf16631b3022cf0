"""A conversation as a model reads it: one JSON object a line, of bounded length. Pure.

The words of callers stand inside JSON strings, so that nobody can end the transcript, or speak in the agent's name, by
what they say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

LONGEST_LINE: Final = 4_000
"""The most characters of one utterance, or of one tool's answer, that are read."""
_BEGINNING: Final = 1 / 3  # of what is read of a conversation that is too long: the end tells more than the beginning

_Entry = dict[str, Any]


def _said(item: Mapping[str, Any]) -> _Entry:
    return {"speaker": item["role"], "said": _short(item["content"])}


def _tool_called(item: Mapping[str, Any]) -> _Entry:
    return {"tool_called": _short(item["name"]), "arguments": _short(item["arguments"])}


def _tool_answered(item: Mapping[str, Any]) -> _Entry:
    return {"tool_answered": _short(item["content"]), "successful": item.get("successful")}


def _key(item: Mapping[str, Any]) -> _Entry:
    return {"speaker": "user", "key_pressed": item["digit"]}


def _context(item: Mapping[str, Any]) -> _Entry:
    return {"told_to_the_agent": _short(item["content"])}


_ENTRIES: Final[Mapping[str, Callable[[Mapping[str, Any]], _Entry]]] = {
    "agent": _said,
    "user": _said,
    "transfer_target": _said,
    "tool_call_invocation": _tool_called,
    "tool_call_result": _tool_answered,
    "dtmf": _key,
    "injected": _context,
}
"""How an item of a transcript is told to the model, by its role; others are not."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as a text of lines. left_out: how many lines in its middle are missing, because it is too long."""

    text: str
    left_out: int = 0


def conversation(items: Iterable[Mapping[str, Any]], *, most_characters: int) -> Conversation:
    """Return the conversation as a model reads it. items: of a transcript with tool calls, as JSON.

    most_characters: where it is longer, lines in the middle are left out.
    """
    lines = [json.dumps(_ENTRIES[item["role"]](item), ensure_ascii=False) for item in items if item["role"] in _ENTRIES]
    if sum(len(line) + 1 for line in lines) <= most_characters:
        return Conversation("\n".join(lines))
    beginning = _fitting(lines, most_characters * _BEGINNING)
    rest = lines[len(beginning) :]
    end = _fitting(rest[::-1], most_characters * (1 - _BEGINNING))[::-1]
    left_out = len(rest) - len(end)
    gap = json.dumps({"lines_left_out": left_out})
    return Conversation("\n".join([*beginning, gap, *end]), left_out)


def _fitting(lines: Sequence[str], most_characters: float) -> Sequence[str]:
    """Return as many of the first lines as fit."""
    lengths = accumulate(len(line) + 1 for line in lines)
    return lines[: sum(length <= most_characters for length in lengths)]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."
