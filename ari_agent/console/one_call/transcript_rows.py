"""The transcript of a call as the rows of a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ari_agent.contract.call import Call

_MOST_ROWS: Final = 2000
_MOST_CHARACTERS: Final = 500_000
"""What a page shows of a transcript; a word that plays counts as _WORD_CHARACTERS, which its markup has."""
_WORD_CHARACTERS: Final = 50
_SPEAKERS: Final = {"agent": "Agent", "user": "Caller", "transfer_target": "Target"}


_FAILED: Final[Mapping[bool | None, str]] = {None: "", True: "", False: "failed: "}
_DOINGS: Final[Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]]] = {
    "tool_call_invocation": ("Tool", lambda item: f"{item['name']} {item['arguments']}"),
    "tool_call_result": ("Tool's answer", lambda item: f"{_FAILED[item['successful']]}{item['content']}"),
    "node_transition": ("Node", lambda item: f"{item['former_node_name']} \u2192 {item['new_node_name']}"),
    "dtmf": ("Key", lambda item: str(item["digit"])),
    "sms": ("Text message", lambda item: str(item["content"])),
    "injected": ("Context added", lambda item: str(item["content"])),
}
"""What was done beside speaking: its name, and how it is told."""


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """One turn or one doing of the agent.

    at_s: when it began, in seconds of the recording; None where that is not known. words: text and beginning of each
    word, where they are known; else `text` is all of it. kind: `agent`, `user`, `transfer_target`, or `tool`.
    """

    kind: str
    speaker: str
    text: str
    at_s: float | None = None
    words: Sequence[tuple[str, float]] = ()


def transcript_rows(call: Call) -> Sequence[TranscriptRow]:
    """Return the rows of a call's transcript, with what its agent did, in their order."""
    items = call.transcript_with_tool_calls or call.transcript_object or ()
    return tuple(row for item in items for row in _rows(item.model_dump(mode="json")))


def fitting(rows: Sequence[TranscriptRow]) -> Sequence[TranscriptRow]:
    """Return the first rows that fit into a page; one that is too long by itself ends where the page does."""
    left, found = _MOST_CHARACTERS, []
    for row in rows[:_MOST_ROWS]:
        if left <= 0:
            break
        size = len(row.text) + len(row.words) * _WORD_CHARACTERS
        found.append(row if size <= left else replace(row, text=row.text[:left], words=()))
        left -= size
    return found


def _rows(item: dict[str, Any]) -> Iterator[TranscriptRow]:
    role = item["role"]
    if role in _SPEAKERS:
        timed = [(word["word"], word["start"]) for word in item["words"] if word["word"] and word["start"] is not None]
        at_s = timed[0][1] if timed else None
        # words with gaps in their times would leave out what was said
        is_whole = timed and len(timed) == len(item["words"])
        yield TranscriptRow(role, _SPEAKERS[role], item["content"], at_s, timed if is_whole else ())
    else:
        name, text = _DOINGS[role]
        yield TranscriptRow("tool", name, text(item))
