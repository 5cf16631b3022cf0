"""What was said and done in a call whose model hears and speaks itself, in the order of the server's items. Pure.

The server tells of an item before it knows its text: a caller's words are written down while the model answers already.
So each item has its place from the beginning, and its text once that is there. Of what the caller did not hear to its
end, the same share of the text is kept as of the sound: nobody tells when which word was spoken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ari_agent.agents.realtime import MAX_TEXT
from ari_agent.agents.realtime_events import FunctionCall
from ari_agent.calls.dialogue.spoken_transcript import MOST_TOOL_CHARACTERS
from ari_agent.calls.transcript import MAX_INJECTED, MAX_KEYS
from ari_agent.contract.transcript import (
    MAX_UTTERANCES,
    Dtmf,
    Injected,
    ToolCallInvocation,
    ToolCallResult,
    TranscriptItem,
    Utterance,
)

_MOST_SPOKEN_CHARACTERS: Final = 2_000_000


@dataclass(slots=True)
class _Spoken:
    """An item of one side. share: how much of it was heard, from 0 to 1, where it was cut before its text was there."""

    role: Literal["agent", "user"]
    text: str = ""
    share: float = 1.0
    is_whole: bool = False


def heard_part(text: str, share: float) -> str:
    """Return so much of a text, from 0 to 1, without a word that was cut."""
    end = round(len(text) * share)
    part = text[:end]
    if 0 < end < len(text) and not text[end].isspace():
        part = part.rpartition(" ")[0]
    return part.strip()


class RealtimeTranscript:
    """Keeps what was said and done in one call, each kind up to a limit."""

    def __init__(self) -> None:
        self._entries: list[_Spoken | TranscriptItem] = []
        self._spoken: dict[str, _Spoken] = {}
        self._tool_characters = self._spoken_characters = self._keys = self._injected = 0

    def begin(self, role: Literal["agent", "user"], item_id: str) -> None:
        """Give an item its place, unless it has one."""
        if item_id not in self._spoken and len(self._spoken) < MAX_UTTERANCES:
            self._spoken[item_id] = spoken = _Spoken(role)
            self._entries.append(spoken)

    def grow(self, item_id: str, text: str) -> None:
        """Add a piece of an item's text, which the agent says."""
        self.begin("agent", item_id)
        if (spoken := self._spoken.get(item_id)) and not spoken.is_whole and spoken.share >= 1:
            self._write(spoken, spoken.text + text)

    def write(self, role: Literal["agent", "user"], item_id: str, text: str) -> None:
        """Set the whole text of an item; of one that was cut before, what was heard of it."""
        self.begin(role, item_id)
        if (spoken := self._spoken.get(item_id)) and not spoken.is_whole:
            spoken.is_whole = True
            self._write(spoken, heard_part(text, spoken.share))

    def cut(self, item_id: str, share: float) -> None:
        """Take note that the caller has heard only this share of what has come of an item, and will hear no more."""
        self.begin("agent", item_id)
        spoken = self._spoken.get(item_id)
        if spoken is None or share >= 1:
            return
        spoken.share = share
        if spoken.text:
            spoken.is_whole = True
            self._write(spoken, heard_part(spoken.text, share))

    def called(self, call: FunctionCall, kind: str | None) -> None:
        """Add the use of a tool; nothing where there is no room. kind: its type; None where there is no such tool."""
        self._tool(
            ToolCallInvocation(
                role="tool_call_invocation",
                tool_call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
                type=kind,
            )
        )

    def ended(self, call_id: str, content: str, *, successful: bool) -> None:
        """Add what a tool has come to; nothing where there is no room."""
        self._tool(
            ToolCallResult(role="tool_call_result", tool_call_id=call_id, content=content, successful=successful)
        )

    def _tool(self, item: ToolCallInvocation | ToolCallResult) -> None:
        size = sum(len(value) for value in item.as_json().values() if isinstance(value, str))
        if self._tool_characters + size <= MOST_TOOL_CHARACTERS and len(self._entries) < 2 * MAX_UTTERANCES:
            self._tool_characters += size
            self._entries.append(item)

    def press(self, digit: str) -> None:
        """Add a key that the caller pressed; keys beyond MAX_KEYS are dropped."""
        if self._keys < MAX_KEYS:
            self._keys += 1
            self._entries.append(Dtmf(role="dtmf", digit=digit))

    def inject(self, content: str, *, time_s: float) -> None:
        """Add context from the API; what exceeds MAX_INJECTED is dropped. time_s: seconds since the call began."""
        if self._injected < MAX_INJECTED:
            self._injected += 1
            self._entries.append(Injected(role="injected", content=content, time_sec=time_s))

    def utterances(self) -> list[Utterance]:
        """Return what was said, without tools, keys and context."""
        return [item for item in self.items() if isinstance(item, Utterance)]

    def items(self) -> Sequence[TranscriptItem]:
        """Return all that was said and done, in order."""
        return list(self._items())

    def _items(self) -> Iterator[TranscriptItem]:
        for entry in self._entries:
            if not isinstance(entry, _Spoken):
                yield entry
            elif said := entry.text.strip():
                yield Utterance(role=entry.role, content=said)

    def _write(self, spoken: _Spoken, text: str) -> None:
        text = text[:MAX_TEXT]
        grown = len(text) - len(spoken.text)
        if self._spoken_characters + grown <= _MOST_SPOKEN_CHARACTERS:
            self._spoken_characters += grown
            spoken.text = text
