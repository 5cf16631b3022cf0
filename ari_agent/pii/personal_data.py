"""Finds personal data in what several people say to one another, and in single texts. Pure.

What is found is stated by BUILT_IN, by Retell's names of categories; where it is found, by its place in the text that
was said. A card number may be said over several utterances, with the other's "mm-hm" between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.pii.cards import find_cards
from ari_agent.pii.emails import find_emails
from ari_agent.pii.national_ids import find_national_ids
from ari_agent.pii.phone_numbers import find_phone_numbers
from ari_agent.pii.spoken_digits import ReadText, Source, read_digits

BUILT_IN: Final[frozenset[PiiCategory]] = frozenset(
    {"credit_card", "phone_number", "email", "ssn", "bank_account", "medical_id"}
)
"""What is recognised by rules. `ssn` stands for the identification numbers of many countries."""
_MAX_BETWEEN: Final = 2
"""How many utterances of others may stand between two that share a number."""
_SHORTEST_PART: Final = 3
"""The fewest digits of a part of a number that is looked for where it is repeated."""
_BETWEEN_DIGITS: Final = r"[\s.,\-]{0,3}"
_CONTEXT: Final = 3
"""How many utterances back a word may stand that says what a number is."""


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance. speaker: whoever says it, by any name; only their own utterances go on with one another."""

    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Personal data of one category, from `start` to before `end` in the characters of a text."""

    category: PiiCategory
    start: int
    end: int


FindMore = Callable[[Sequence[str]], Sequence[Sequence[PersonalData]]]
"""Finds more than BUILT_IN in each of several texts; it may take seconds."""


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Finds the personal data of some categories in what was said.

    categories: those that are looked for. regions: the countries (ISO 3166) whose telephone numbers may stand without
    their country code. find_more: finds what is not built in, if that is wanted.
    """

    categories: frozenset[PiiCategory] = BUILT_IN
    regions: Sequence[str] = ("US",)
    find_more: FindMore | None = None

    def find(self, said: Sequence[Said]) -> Sequence[Sequence[PersonalData]]:
        """Return the personal data in each utterance, in the order of its text and without overlaps."""
        found: list[list[PersonalData]] = [[] for _ in said]
        alone: dict[int, ReadText] = {}
        for passage in _passages(said):
            read = read_digits(passage)
            for category, start, end in self._in_text(read, said):
                sources = list(read.spans(start, end))
                for source in sources if len(sources) == 1 else (*sources, *_repeated(sources, said, alone)):
                    found[source.place].append(PersonalData(category, source.start, source.end))
        if self.find_more and said:
            for place, several in enumerate(self.find_more([each.text for each in said])):
                found[place] += [data for data in several if data.category in self.categories]
        return [_merged(each) for each in found]

    def _in_text(self, read: ReadText, said: Sequence[Said]) -> Iterator[tuple[PiiCategory, int, int]]:
        finders: Mapping[PiiCategory, Callable[[], Iterator[tuple[int, int]]]] = {
            "credit_card": lambda: find_cards(read),
            "phone_number": lambda: find_phone_numbers(read, self.regions),
            "email": lambda: find_emails(read),
        }
        for category, find in finders.items():
            if category in self.categories:
                yield from ((category, start, end) for start, end in find())
        if not self.categories.isdisjoint({"ssn", "bank_account", "medical_id"}):
            for category, start, end in find_national_ids(read, _Contexts(read, said)):
                if category in self.categories:
                    yield category, start, end


def _passages(said: Sequence[Said]) -> Iterator[Sequence[tuple[int, str]]]:
    """The utterances of each speaker by their places, in parts in which one may go on with the number of another."""
    by_speaker: dict[str, list[tuple[int, str]]] = {}
    for place, each in enumerate(said):
        passage = by_speaker.setdefault(each.speaker, [])
        if passage and place - passage[-1][0] > _MAX_BETWEEN + 1:
            yield passage
            passage = by_speaker[each.speaker] = []
        passage.append((place, each.text))
    yield from by_speaker.values()


def _repeated(parts: Sequence[Source], said: Sequence[Said], alone: dict[int, ReadText]) -> Iterator[Source]:
    """Where others repeat a part of a number that was said in several: "4111 1111." "4111 1111, and then?".

    alone: utterances that were read by themselves, by their places; more are added.
    """
    for part in parts:
        speaker = said[part.place].speaker
        digits = [each for each in _digits(said[part.place].text[part.start : part.end]).text if each.isdigit()]
        if len(digits) < _SHORTEST_PART:
            continue
        shape = re.compile(rf"(?<!\d){_BETWEEN_DIGITS.join(digits)}(?!\d)")
        for place in range(part.place + 1, min(len(said), part.place + _MAX_BETWEEN + 2)):
            if said[place].speaker != speaker:
                read = alone[place] if place in alone else alone.setdefault(place, _digits(said[place].text))
                for match in shape.finditer(read.text):
                    yield from (Source(place, each.start, each.end) for each in read.spans(*match.span()))


def _digits(text: str) -> ReadText:
    return read_digits([(0, text)])


class _Contexts:
    """What was said up to a place of a text and shortly before, in lower case; the same object for each utterance."""

    def __init__(self, read: ReadText, said: Sequence[Said]) -> None:
        self._read, self._said = read, said
        self._known: dict[int, str] = {}

    def __call__(self, offset: int) -> str:
        place = next(self._read.spans(offset, offset + 1)).place
        if place not in self._known:
            before = self._said[max(0, place - _CONTEXT) : place + 1]
            self._known[place] = "\n".join(each.text for each in before).casefold()
        return self._known[place]


def _merged(found: Sequence[PersonalData]) -> Sequence[PersonalData]:
    """The same places without overlaps; what overlaps has the category of the longest of it."""
    merged: list[PersonalData] = []
    longest = 0
    for data in sorted(found, key=lambda each: (each.start, -each.end)):
        if merged and data.start < merged[-1].end:
            before = merged.pop()
            category = data.category if data.end - data.start > longest else before.category
            longest = max(longest, data.end - data.start)
            merged.append(PersonalData(category, before.start, max(before.end, data.end)))
        else:
            longest = data.end - data.start
            merged.append(data)
    return merged
