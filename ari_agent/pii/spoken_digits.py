"""What one person said, with spoken digits as digits, and the way back to the words that they were. Pure.

    "my card is four one one one, um, double one eleven"  ->  "my card is 41111111"

A recognizer of speech writes digits in figures or in words, with commas where the speaker paused, and an agent may send
half of a number in one utterance and the rest in the next. What recognises numbers reads this text instead. English
words are read as people say digits (`oh`, `double five`, `eight hundred`, `forty-one`); of German and Spanish the ten
digits. `twenty twenty` is 2020, and no sum is ever made: `two thousand` is left as it is. Words that sound like a
digit (`to`, `for`) are one within a row of digits, where a recognizer has misheard: `four to seven one` is 4271, and
`nine to five` is no number.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ari_agent.pii.plain_text import plain_text

_UNITS: Final[Mapping[str, str]] = {
    word: str(digit)
    for several in (
        "zero one two three four five six seven eight nine",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
    )
    for digit, word in enumerate(several.split())
} | {"nought": "0", "zwo": "2"}
_ZEROS: Final = tuple(word for word, digit in _UNITS.items() if digit == "0")
_TEENS: Final[Mapping[str, str]] = {
    word: str(number)
    for number, word in enumerate(
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
        start=10,
    )
}
_TENS: Final[Mapping[str, str]] = {
    word: str(number)
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_TIMES: Final[Mapping[str, int]] = {"double": 2, "triple": 3, "treble": 3, "doppel": 2, "doble": 2}
_ALIKE: Final[Mapping[str, str]] = {"to": "2", "too": "2", "for": "4", "fore": "4", "ate": "8", "won": "1"}
MAX_FILLERS: Final = 3
_FILLER: Final = r"\b(?:um|uh|er|erm|hm|hmm|and|then|dash|hyphen|space|pause|next|okay|ok|yes|yeah|und|y)\b"
_GAP: Final = re.compile(rf"(?:[\s,.;:\-\u2013\u2014\u2026]|{_FILLER})*", re.IGNORECASE)
"""What may stand between two digits of one number: marks of a pause, and at most MAX_FILLERS words."""
_FILLERS: Final = re.compile(_FILLER, re.IGNORECASE)


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_UNIT: Final = _one_of(_UNITS)
_NUMBER: Final = re.compile(
    r"(?P<written>\d+)"
    rf"|\b(?:(?P<plus>plus)(?=[\s-](?:\d|{_UNIT}\b))"
    rf"|(?P<times>{_one_of(_TIMES)})[\s-](?P<timed>{_UNIT}|oh?|\d)"
    rf"|(?P<tens>{_one_of(_TENS)})(?:[\s-](?!{_one_of(_ZEROS)}\b)(?P<ones>{_UNIT}))?"
    rf"|(?P<hundreds>{_UNIT})[\s-]hundred"
    rf"|(?P<unit>{_UNIT})|(?P<teen>{_one_of(_TEENS)})|(?P<oh>oh?)"
    rf"|(?P<alike>{_one_of(_ALIKE)}))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was said.

    place: of the utterance among all of them. start, end: its first character there, and the one behind the last.
    """

    place: int
    start: int
    end: int


class ReadText:
    """A text in which spoken digits are figures, and that knows where each part of it was said.

    text: complete after `close`.
    """

    def __init__(self) -> None:
        self.text = ""
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._said: list[tuple[Source | None, bool]] = []  # and whether its characters stand for themselves
        self._length = 0
        self._written: dict[int, Sequence[int]] = {}

    def written(self, place: int, places: Sequence[int]) -> None:
        """Take note where in an utterance the characters were written that its sources count. See PlainText."""
        self._written[place] = places

    def add(self, text: str, source: Source | None, *, one_by_one: bool) -> None:
        """Append a piece of text, and where it was said; None: nowhere.

        one_by_one: each character stands for one that was said, and not the piece as a whole for all of it.
        """
        self._pieces.append(text)
        self._starts.append(self._length)
        self._said.append((source, one_by_one))
        self._length += len(text)

    def close(self) -> ReadText:
        """Join all that was added to `text`, and return this object."""
        self.text = "".join(self._pieces)
        self._pieces.clear()
        return self

    def begins(self, offset: int) -> bool:
        """Return whether a number may be cut before this character: a word or number begins there, or all ends."""
        at = bisect_left(self._starts, offset)
        return offset == self._length or (at < len(self._starts) and self._starts[at] == offset)

    def spans(self, start: int, end: int) -> Iterator[Source]:
        """Yield where the characters from `start` to before `end` were said, one place for each utterance."""
        found: dict[int, Source] = {}
        for at in range(bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)):
            source, one_by_one = self._said[at]
            if source is not None:
                begin = source.start + (max(0, start - self._starts[at]) if one_by_one else 0)
                stop = min(source.end, source.start + end - self._starts[at]) if one_by_one else source.end
                first = found.get(source.place)
                found[source.place] = Source(source.place, first.start if first else begin, stop)
        yield from (self._as_written(source) for source in found.values())

    def _as_written(self, source: Source) -> Source:
        places = self._written.get(source.place)
        if places is None:
            return source
        return Source(source.place, places[source.start], places[source.end - 1] + 1)


@dataclass(frozen=True, slots=True)
class _Number:
    """Digits as somebody said or wrote them. is_spoken: in words."""

    digits: str
    is_spoken: bool
    start: int
    end: int


def read_digits(utterances: Sequence[tuple[int, str]]) -> ReadText:
    """Read what one person said, as places and texts of utterances that may go on with one another's numbers."""
    read = ReadText()
    before: _Number | None = None  # a number that may go on
    gap: list[tuple[str, Source | None]] = []  # what was said behind it
    for place, written in utterances:
        plain = plain_text(written)
        text = plain.text
        if plain.places is not None:
            read.written(place, plain.places)
        if gap or before:
            gap.append(("\n", None))
        behind = 0
        for number in _numbers(text):
            gap.append((text[behind : number.start], Source(place, behind, number.start)))
            for said, source in _between(before, gap, number):
                read.add(said, source, one_by_one=True)
            source = Source(place, number.start, number.end)
            read.add(number.digits, source, one_by_one=not number.is_spoken)
            before, gap, behind = number, [], number.end
        gap.append((text[behind:], Source(place, behind, len(text))))
    for said, source in gap:
        read.add(said, source, one_by_one=True)
    return read.close()


def _between(
    before: _Number | None, gap: Sequence[tuple[str, Source | None]], number: _Number
) -> Sequence[tuple[str, Source | None]]:
    """What stands between two numbers: nothing where both are spoken and one goes on with the other, else a space."""
    if before is None or not all(_GAP.fullmatch(said) for said, _ in gap):
        return gap
    fillers = sum(len(_FILLERS.findall(said)) for said, _ in gap)
    if fillers > MAX_FILLERS:
        return gap
    if before.is_spoken and number.is_spoken:
        return ()
    return [(" ", None)] if fillers or len(gap) > 1 else gap


def _numbers(text: str) -> Iterator[_Number]:
    matches = list(_NUMBER.finditer(text))
    found = [number for place, number in enumerate(matches) if number["alike"] is None or _in_row(text, matches, place)]
    for place, number in enumerate(found):
        digits = _digits(number)
        neighbours = (
            text[before.end() : behind.start()] for before, behind in pairwise(found[max(0, place - 1) : place + 2])
        )
        if number["oh"] is None or any(_GAP.fullmatch(between) for between in neighbours):
            yield _Number(digits, number["written"] is None, *number.span())


def _in_row(text: str, found: Sequence[re.Match[str]], place: int) -> bool:
    """Return whether a word stands between two single digits, of which one has another at its other side."""

    def goes_on(first: int) -> bool:
        """Return whether a number and the next are parts of one row, neither of them being more than one digit."""
        if first < 0 or first + 1 >= len(found):
            return False
        both = found[first : first + 2]
        are_single = all(
            each["unit"] or each["oh"] or each["alike"] or len(each["written"] or "") == 1 for each in both
        )
        return are_single and _GAP.fullmatch(text[both[0].end() : both[1].start()]) is not None

    def is_plain(at: int) -> bool:
        return 0 <= at < len(found) and found[at]["alike"] is None

    if not (goes_on(place - 1) and goes_on(place) and is_plain(place - 1) and is_plain(place + 1)):
        return False
    return goes_on(place - 2) or goes_on(place + 1)


def _digits(number: re.Match[str]) -> str:
    said = {name: words.casefold() for name, words in number.groupdict().items() if words}
    match said:
        case {"written": written}:
            return "".join(str(int(figure)) for figure in written)  # figures of other scripts are digits too
        case {"times": times, "timed": timed}:
            return _UNITS.get(timed, timed.replace("oh", "0").replace("o", "0")) * _TIMES[times]
        case {"tens": tens}:
            return _TENS[tens] + _UNITS.get(said.get("ones", ""), "0")
        case {"hundreds": hundreds}:
            return _UNITS[hundreds] + "00"
        case {"alike": alike}:
            return _ALIKE[alike]
    return "+" if "plus" in said else _UNITS.get(said.get("unit", "")) or _TEENS.get(said.get("teen", ""), "0")
