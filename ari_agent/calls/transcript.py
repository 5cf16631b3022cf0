"""What is known of what was said in one call: the agent's transcript, and between its turns what only we know. Pure.

The agent sends the whole transcript again and again, longer each time, and may correct it. A key that the caller
pressed, and context that the API injected, stand behind what had been said by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from ari_agent.contract.call import Call
from ari_agent.contract.transcript import (
    MAX_UTTERANCES,
    Dtmf,
    Injected,
    TranscriptItem,
    TranscriptUpdate,
    Utterance,
    as_text,
)

_Item = TypeVar("_Item", bound=TranscriptItem)

MAX_KEYS: Final = 1_000
MAX_INJECTED: Final = 100
"""How many injected contexts are kept of one call; those beyond are dropped."""


class CallTranscript:
    """Keeps what was said in one call, with its keys and injected context.

    is_stale: something came since `fields` was called. has_turn: a turn has begun since then.
    """

    def __init__(self) -> None:
        self.is_stale = self.has_turn = False
        self._said: Sequence[Utterance] = ()
        self._woven: Sequence[TranscriptItem] | None = None
        self._between: list[tuple[int, Dtmf | Injected]] = []  # how much had been said by then
        self._keys = self._injected = 0
        self._collected: dict[str, str] = {}
        self._of_target: Sequence[tuple[int, int | None]] = ()  # from which utterance to which one the target spoke
        self._before: tuple[TranscriptItem, ...] = ()  # of an earlier run
        self._said_before: tuple[Utterance, ...] = ()

    def resume(self, call: Call) -> None:
        """Go on behind what the call object holds of an earlier run, whether the agent tells that again or not."""
        self._before = tuple(call.transcript_with_tool_calls or call.transcript_object or ())
        self._said = self._said_before = tuple(item for item in self._before if isinstance(item, Utterance))
        self._collected = dict(call.collected_dynamic_variables or {})

    def target_speaks(self, speaks: bool) -> None:
        """Take utterances of the `user` that begin from now on for those of a transfer's target, or end that."""
        if speaks:
            self._of_target = (*self._of_target, (len(self._said), None))
        elif self._of_target and self._of_target[-1][1] is None:
            self._of_target = (*self._of_target[:-1], (self._of_target[-1][0], len(self._said)))

    def _whose(self, items: Sequence[_Item]) -> Iterator[_Item]:
        """The same items, with the role of whoever has said them."""
        spans = [range(begin, MAX_UTTERANCES if end is None else end) for begin, end in self._of_target]
        place = -1
        for item in items:
            place += isinstance(item, Utterance)
            if isinstance(item, Utterance) and item.role == "user" and any(place in span for span in spans):
                yield item.model_copy(update={"role": "transfer_target"})
            else:
                yield item

    def say(self, update: TranscriptUpdate, items: Sequence[TranscriptItem] | None = None) -> None:
        """Take all that was said so far. items: the same with tools, keys and context, where their order is known."""
        said = update.transcript
        if self._before and not _continues(said, self._said_before):
            said = (*self._said_before, *said)
            items = None if items is None else (*self._before, *items)
        self._woven = tuple(self._whose(items)) if items is not None and self._of_target else items
        before = len(self._said)
        self._said = tuple(self._whose(said)) if self._of_target else said
        self._between = [(min(place, len(self._said)), item) for place, item in self._between]
        self.is_stale = True
        self.has_turn = self.has_turn or update.turntaking is not None or len(self._said) != before

    def press(self, digit: str) -> None:
        """Add a key that the caller pressed; keys beyond MAX_KEYS are dropped."""
        if self._keys < MAX_KEYS:
            self._keys += 1
            self._insert(Dtmf(role="dtmf", digit=digit))

    def inject(self, content: str, *, time_s: float) -> None:
        """Add context from the API; what exceeds MAX_INJECTED is dropped. time_s: seconds since the call began."""
        if self._injected < MAX_INJECTED:
            self._injected += 1
            self._insert(Injected(role="injected", content=content, time_sec=time_s))

    def collect(self, variables: Mapping[str, str]) -> None:
        """Add variables that the agent has found in what was said."""
        self._collected |= variables
        self.is_stale = True

    def _insert(self, item: Dtmf | Injected) -> None:
        self._between.append((len(self._said), item))
        self.is_stale = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said, pressed, injected or collected."""
        return not (self._said or self._woven or self._between or self._collected)

    @property
    def text(self) -> str:
        """What was said so far, a line an utterance."""
        return as_text(self._said)

    def fields(self) -> dict[str, Any]:
        """Return the fields of the call object that hold the transcript, and reset is_stale and has_turn."""
        self.is_stale = self.has_turn = False
        said = {"transcript": self.text, "transcript_object": self._said} if self._said else {}
        found = {"collected_dynamic_variables": dict(self._collected)} if self._collected else {}
        return {**said, **found, "transcript_with_tool_calls": tuple(self._items())}

    def _items(self) -> Iterator[TranscriptItem]:
        if self._woven is not None:
            yield from self._woven
            return
        yield from self._before
        rest = iter(self._between)
        waiting = next(rest, None)
        for place, utterance in enumerate(self._said[len(self._said_before) :], len(self._said_before)):
            while waiting is not None and waiting[0] <= place:
                yield waiting[1]
                waiting = next(rest, None)
            yield utterance
        while waiting is not None:
            yield waiting[1]
            waiting = next(rest, None)


def _continues(said: Sequence[Utterance], before: Sequence[Utterance]) -> bool:
    """Return whether a transcript begins with an earlier one, whose last utterance may have become longer."""
    pairs = list(zip(said, before, strict=False))
    return (
        len(pairs) == len(before)
        and all(one.role == other.role for one, other in pairs)
        and all(one.content == other.content for one, other in pairs[:-1])
        and all(one.content.startswith(other.content) for one, other in pairs[-1:])
    )
