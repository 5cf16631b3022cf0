"""What was said in a call with a text agent: as its server is told, and as the record keeps it. Pure.

    transcript                    turns of speech alone: the user's words as they were understood, the agent's as far
                                  as they were heard
    transcript_with_tool_calls    the same, and between them tools, keys and injected context, where they came

Texts of one speaker that follow one another are one utterance, however many pieces it was heard or spoken in; a tool
that was used in the middle of an utterance stands in the middle of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ari_agent.calls.transcript import MAX_INJECTED, MAX_KEYS
from ari_agent.contract.call import Call
from ari_agent.contract.transcript import (
    MAX_UTTERANCES,
    MAX_WORDS,
    Dtmf,
    Injected,
    NodeTransition,
    ToolCallInvocation,
    ToolCallResult,
    TranscriptItem,
    Utterance,
    UtteranceMetadata,
    Word,
)

PRESSED: Final = "Pressed Button: "
"""Stands before the keys in the utterance of a user who pressed keys."""
MOST_TOOL_CHARACTERS: Final = 1_000_000
"""The most characters that are kept of all tool events of one call; events beyond that are dropped."""
_USER_TURN: Final = 0
_BEFORE: Final = -1


@dataclass(frozen=True)
class _Entry:
    turn: int
    item: TranscriptItem

    @cached_property
    def json(self) -> Mapping[str, Any]:
        return self.item.as_json()


@dataclass(slots=True)
class _Entries:
    """One of the transcript's two lists: speech alone, or everything that was said and done."""

    found: list[_Entry] = field(default_factory=list)

    def say(self, turn: int, said: Utterance) -> None:
        last = self.found[-1] if self.found else None
        if last and isinstance(last.item, Utterance) and (last.turn, last.item.role) == (turn, said.role):
            self.found[-1] = _Entry(turn, _joined(last.item, said))
        else:
            self.found.append(_Entry(turn, said))

    def with_partial(self, partial: Utterance | None) -> list[_Entry]:
        if partial is None:
            return self.found
        copy = _Entries(self.found[:])
        copy.say(_USER_TURN, partial)
        return copy.found


def _joined(one: Utterance, other: Utterance) -> Utterance:
    content = " ".join(filter(None, (one.content, other.content)))
    return one.model_copy(update={"content": content, "words": (*one.words, *other.words)})


class SpokenTranscript:
    """Keeps what was said and done in one call, each kind up to a limit."""

    def __init__(self) -> None:
        self._speech, self._all = _Entries(), _Entries()
        self._partial: Utterance | None = None  # what the user is saying
        self._words = self._keys = self._injected = self._tool_characters = 0

    def __len__(self) -> int:
        """Return the number of utterances, without the one that the user is still saying."""
        return len(self._speech.found)

    def resume(self, call: Call) -> None:
        """Go on behind what a call object holds of what was said and done before."""
        for item in call.transcript_with_tool_calls or call.transcript_object or ():
            self._all.found.append(_Entry(_BEFORE, item))
            if isinstance(item, Utterance):
                self._speech.found.append(_Entry(_BEFORE, item))

    def user_is_saying(self, text: str) -> bool:
        """Note what the user has said so far in this utterance; return whether that is new."""
        before, self._partial = self._partial, Utterance(role="user", content=text) if text else None
        return self._partial != before

    def user_said(self, text: str, words: Sequence[Word] = ()) -> None:
        """Add an utterance of the user that is complete; an empty text adds nothing."""
        self._partial = None
        if text:
            self._say(_USER_TURN, Utterance(role="user", content=text, words=self._few(words)))

    def agent_said(
        self,
        turn: int,
        text: str,
        words: Sequence[Word],
        *,
        response_id: int | None = None,
        interrupt_id: int | None = None,
    ) -> None:
        """Add what was heard of the agent. turn: above 0; one number for all of an answer or interruption."""
        if not text:
            return
        given = {"response_id": response_id, "interrupt_id": interrupt_id}
        ids = {name: number for name, number in given.items() if number is not None and number >= 0}
        metadata = UtteranceMetadata(**ids) if ids else None
        self._say(turn, Utterance(role="agent", content=text, words=self._few(words), metadata=metadata))

    def tool(self, item: ToolCallInvocation | ToolCallResult | NodeTransition) -> bool:
        """Add the use of a tool, its answer, or a new node of a flow; return False where there is no room for it."""
        size = sum(len(value) for value in item.as_json().values() if isinstance(value, str))
        if self._tool_characters + size > MOST_TOOL_CHARACTERS or len(self._all.found) >= 2 * MAX_UTTERANCES:
            return False
        self._tool_characters += size
        self._all.found.append(_Entry(_USER_TURN, item))
        return True

    def press(self, digit: str) -> None:
        """Add a key that the user pressed; keys beyond MAX_KEYS are dropped."""
        if self._keys < MAX_KEYS:
            self._keys += 1
            self._all.found.append(_Entry(_USER_TURN, Dtmf(role="dtmf", digit=digit)))

    def inject(self, content: str, *, time_s: float) -> None:
        """Add context from the API; what exceeds MAX_INJECTED is dropped. time_s: seconds since the call began."""
        if self._injected < MAX_INJECTED:
            self._injected += 1
            self._all.found.append(_Entry(_USER_TURN, Injected(role="injected", content=content, time_sec=time_s)))

    def utterances(self) -> list[Utterance]:
        """Return what was said, without tools, keys and injected context."""
        return [entry.item for entry in self._speech.with_partial(self._partial) if isinstance(entry.item, Utterance)]

    def items(self) -> list[TranscriptItem]:
        """Return all that was said and done, in order: speech, tools, keys and injected context."""
        return [entry.item for entry in self._all.with_partial(self._partial)]

    def speech_json(self) -> list[Mapping[str, Any]]:
        """Return what was said as JSON objects for the agent's server, without tools, keys and context."""
        return [entry.json for entry in self._speech.with_partial(self._partial)]

    def items_json(self) -> list[Mapping[str, Any]]:
        """Return all that was said and done, in order, as JSON objects for the agent's server."""
        return [entry.json for entry in self._all.with_partial(self._partial)]

    def _say(self, turn: int, said: Utterance) -> None:
        if len(self._speech.found) < MAX_UTTERANCES:
            self._speech.say(turn, said)
            self._all.say(turn, said)

    def _few(self, words: Sequence[Word]) -> tuple[Word, ...]:
        few = tuple(words[: MAX_WORDS - self._words])
        self._words += len(few)
        return few
