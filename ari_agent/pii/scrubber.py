"""Replaces personal data by the name of its category, `[credit_card]`, in transcripts and JSON; says when it was heard.

Pure. Retell documents that there are scrubbed transcripts and recordings, and not what stands in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ari_agent.contract.chat import ChatItem, ChatMessage
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.parsing.model import ContractModel
from ari_agent.contract.transcript import (
    Dtmf,
    Injected,
    Sms,
    ToolCallInvocation,
    ToolCallResult,
    TranscriptItem,
    Utterance,
    Word,
)
from ari_agent.pii.personal_data import PersonalData, Recognizer, Said

MOST_DIGITS: Final = 500_000
_FEWEST_KEYS: Final = 6
_KEYS_END: Final = "*#"
_TOLD: Final = ("name", "arguments", "content")
"""The keys of a tool call, and of its result, that hold text, which may be JSON. Its id ties the two together."""
ToolItem = TypeVar("ToolItem", bound=ContractModel)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A part of a call, in seconds since it began."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class ScrubbedSpeech:
    """What was said without personal data. heard: when it was, in order; None where the agent did not tell that."""

    utterances: Sequence[Utterance]
    heard: Sequence[TimeSpan] | None


class Scrubber:
    """Replaces the personal data that a recognizer finds by the name of its category, such as `[credit_card]`.

    It is for one call or chat. most_digits: that are looked through in all of it.

    Its methods raise ValueError beyond that: each digit takes some 0.2 ms, and nobody is to keep a processor busy who
    writes nothing but digits.
    """

    def __init__(self, recognizer: Recognizer, *, most_digits: int = MOST_DIGITS) -> None:
        self._recognizer = recognizer
        self._digits_left = most_digits

    def _find(self, said: Sequence[Said]) -> Sequence[Sequence[PersonalData]]:
        self._digits_left -= sum(sum(map(str.isdigit, each.text)) for each in said)
        if self._digits_left < 0:
            raise ValueError("there are too many digits to look for personal data among them")
        return self._recognizer.find(said)

    def speech(self, utterances: Sequence[Utterance]) -> ScrubbedSpeech:
        """Scrub what several people said to one another."""
        found = self._find([Said(each.content, each.role) for each in utterances])
        heard: list[TimeSpan] = []
        is_known = True
        scrubbed = []
        for utterance, data in zip(utterances, found, strict=True):
            if not data:
                scrubbed.append(utterance)
                continue
            words, spans = _words(utterance, data)
            is_known = is_known and bool(spans)
            heard += spans
            scrubbed.append(
                utterance.model_copy(update={"content": replaced(utterance.content, data), "words": tuple(words)})
            )
        return ScrubbedSpeech(scrubbed, sorted(heard, key=lambda span: span.start_s) if is_known else None)

    def items(self, items: Sequence[TranscriptItem]) -> Sequence[TranscriptItem]:
        """Scrub a transcript with its tools, keys and injected context."""
        spoken = iter(self.speech([item for item in items if isinstance(item, Utterance)]).utterances)
        scrubbed: list[TranscriptItem] = []
        for item in self._keys(items):
            match item:
                case Utterance():
                    scrubbed.append(next(spoken))
                case ToolCallInvocation() | ToolCallResult():
                    scrubbed.append(self._tool(item))
                case Injected():
                    scrubbed.append(item.model_copy(update={"content": self.text(item.content)}))
                case Sms():
                    scrubbed.append(item.model_copy(update={"content": self.text(item.content), "multimedia": None}))
                case _:
                    scrubbed.append(item)
        return scrubbed

    def messages(self, items: Sequence[ChatItem]) -> Sequence[ChatItem]:
        """Scrub the messages of a chat, with its tools. Pictures go, which nobody looks into (Retell does the same)."""
        said = [Said(item.content, item.role) for item in items if isinstance(item, ChatMessage)]
        found = iter(self._find(said))
        return [
            item.model_copy(update={"content": replaced(item.content, next(found)), "multimedia": None})
            if isinstance(item, ChatMessage)
            else self._tool(item)
            for item in items
        ]

    def _tool(self, item: ToolItem) -> ToolItem:
        """Scrub what a tool was asked, or has answered."""
        told = {key: self.json_text(value) for key in _TOLD if (value := getattr(item, key, None)) is not None}
        metadata = getattr(item, "metadata", None)
        return item.model_copy(update={**told, **({"metadata": self.json_value(metadata)} if metadata else {})})

    def text(self, text: str, *, context: str = "") -> str:
        """Scrub one text. context: what says what it is, such as the name of a field."""
        return replaced(text, self._find([Said(context, "context"), Said(text)])[1])

    def json_text(self, text: str) -> str:
        """Scrub JSON inside its strings and numbers, so that it stays JSON; anything else as a text."""
        try:
            value = json.loads(text)
            scrubbed = self.json_value(value)
        except (ValueError, RecursionError):
            return self.text(text)
        return text if scrubbed == value else compact_json(scrubbed).decode()

    def json_value(self, value: Any, *, context: str = "") -> Any:
        """Scrub a JSON value; a number that is personal data becomes a text. Raises RecursionError where too deep."""
        match value:
            case str():
                return self.text(value, context=context)
            case bool() | None:
                return value
            case int() | float():
                written = _written(value) or ""
                scrubbed = self.text(written, context=context)
                return value if scrubbed == written else scrubbed
            case Mapping():
                return {
                    self.text(str(key)): self.json_value(each, context=_words_of(str(key)))
                    for key, each in value.items()
                }
            case list() | tuple():
                return self._json_list(value, context)
        return value

    def _json_list(self, values: Sequence[Any], context: str) -> Sequence[Any]:
        """Scrub the values of a list, over which a number may be spread: `["4111", "1111", "1111", "1111"]`."""
        texts = [_written(each) for each in values]
        found = self._find([Said(context, "context"), *(Said(text or "") for text in texts)])[1:]
        return [
            self.json_value(each, context=context) if text is None else replaced(text, data) if data else each
            for each, text, data in zip(values, texts, found, strict=True)
        ]

    def _keys(self, items: Sequence[TranscriptItem]) -> Iterator[TranscriptItem]:
        """The same items, of the keys that make up a number only the first, which holds the category."""
        digits_of = {place: item.digit for place, item in enumerate(items) if isinstance(item, Dtmf)}
        keys: list[int] = []
        said: dict[int, Sequence[int]] = {}
        dropped: set[int] = set()
        for place, digit in digits_of.items():
            if len(digit) != 1 or digit in _KEYS_END:
                keys = []
            else:
                keys.append(place)
                said[keys[0]] = keys
        named: dict[int, str] = {}
        for places in said.values():
            digits = "".join(digits_of[place] for place in places)
            if len(digits) >= _FEWEST_KEYS:
                context = next(
                    (each.content for each in reversed(items[: places[0]]) if isinstance(each, Utterance)), ""
                )
                for data in self._find([Said(context, "context"), Said(" ".join(digits))])[1]:
                    first, *others = places[data.start // 2 : (data.end + 1) // 2]
                    named[first] = f"[{data.category}]"
                    dropped.update(others)
        for place, item in enumerate(items):
            if place in named:
                yield Dtmf(role="dtmf", digit=named[place])
            elif place not in dropped:
                yield item


def replaced(text: str, found: Sequence[PersonalData]) -> str:
    """Return the text with the name of its category in place of each that was found."""
    pieces = []
    behind = 0
    for data in found:
        pieces += [text[behind : data.start], f"[{data.category}]"]
        behind = data.end
    return "".join([*pieces, text[behind:]])


def _written(value: Any) -> str | None:
    """Return a value of JSON as a text, in which a whole number has no decimals; None for what holds others."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)


def _words_of(key: str) -> str:
    return key.replace("_", " ").replace("-", " ")


def _words(utterance: Utterance, found: Sequence[PersonalData]) -> tuple[Sequence[Word], Sequence[TimeSpan]]:
    """The words of an utterance with its personal data replaced, and when that was said.

    Where the words are not those of the text, nobody knows which of them it is: all of them are replaced.
    """
    places = _places(utterance)
    if places is None:
        found, places = [PersonalData(found[0].category, 0, 1)], [(0, 1)] * len(utterance.words)
    words: list[Word] = []
    spans: list[TimeSpan] = []
    told: set[PersonalData] = set()
    is_known = bool(utterance.words)
    for word, (start, end) in zip(utterance.words, places, strict=True):
        data = next((each for each in found if each.start < end and start < each.end), None)
        if data is None:
            words.append(word)
            continue
        if word.start is None or word.end is None:
            is_known = False
        elif data in told and spans:
            spans[-1] = TimeSpan(spans[-1].start_s, max(spans[-1].end_s, word.end))  # with the pause between the words
        else:
            spans.append(TimeSpan(word.start, word.end))
        if data in told:
            words[-1] = words[-1].model_copy(update={"end": word.end})
        else:
            told.add(data)
            words.append(word.model_copy(update={"word": f"[{data.category}]"}))
    is_known = is_known and len(told) == len(found)
    return words, spans if is_known else ()


def _places(utterance: Utterance) -> Sequence[tuple[int, int]] | None:
    """Where in the text of an utterance each of its words is; None where they are not the words of the text."""
    places = []
    behind = 0
    text = utterance.content.casefold()
    for word in utterance.words:
        written = (word.word or "").strip().casefold()
        start = text.find(written, behind)
        if not written or start < 0 or text[behind:start].strip():
            return None
        behind = start + len(written)
        places.append((start, behind))
    return places if len(text) == len(utterance.content) and not text[behind:].strip() else None
