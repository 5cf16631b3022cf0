"""Payment card numbers: by length, issuer's prefix and check digit (ISO/IEC 7812-1, annex B: Luhn). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from ari_agent.pii.spoken_digits import ReadText

_RUN: Final = re.compile(r"\d(?:[\s.,;_\-\u2014]{0,8}\d)+")
"""Digits with no more between them than spaces, a line break, a hyphen or the comma of a pause."""
_GROUPS: Final = re.compile(
    r"(?<!\d)\d{4}(?P<between>\D{1,16})(?:\d{4}(?P=between)\d{4}(?P=between)\d{4}|\d{6}(?P=between)\d{5})(?!\d)"
)
"""Digits in the groups in which cards show them, with the same between all of them, whatever it is."""

_LENGTHS: Final[Sequence[tuple[re.Pattern[str], tuple[int, ...]]]] = tuple(
    (re.compile(prefix), lengths)
    for prefix, lengths in (
        (r"4", (16, 19, 13)),  # Visa
        (r"5[1-5]|2(2(2[1-9]|[3-9])|[3-6]|7([01]|20))", (16,)),  # Mastercard
        (r"3[47]", (15,)),  # American Express
        (r"6(011|4[4-9]|5)", (16, 19)),  # Discover
        (r"35(2[89]|[3-8])", (16, 19)),  # JCB
        (r"3(0|[689])", (14, 16, 19)),  # Diners Club
        (r"62|81", (16, 17, 18, 19)),  # UnionPay, RuPay
        (r"50|5[6-9]|6", (16, 19, 18, 13)),  # Maestro, RuPay, Elo
        (r"220[0-4]|9792", (16,)),  # Mir, Troy
    )
)
_SHORTEST: Final = 13
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find_cards(read: ReadText) -> Iterator[tuple[int, int]]:
    """Where in the text card numbers are. Two that touch are told apart as far as their lengths and checks allow."""
    for shape in (_RUN, _GROUPS):
        for run in shape.finditer(read.text):
            yield from _in_run(read, run.start(), run.group())


@dataclass(frozen=True, slots=True)
class _Run:
    """Digits that stand together. places: of each in the text. sums: of the digits before each, see `_sums`."""

    read: ReadText
    digits: str
    places: Sequence[int]
    sums: Sequence[Sequence[int]]

    def end_of_card(self, first: int) -> int:
        """Behind which digit a card ends that begins with this one; 0 where none begins."""
        if not self.read.begins(self.places[first]):
            return 0
        for prefix, lengths in _LENGTHS:
            if prefix.match(self.digits, first):
                for end in (first + length for length in lengths if first + length <= len(self.digits)):
                    # A group that was written together is taken whole or not at all.
                    ends = end == len(self.digits) or self.read.begins(self.places[end])
                    by_parity = self.sums[(end - 1) % 2]
                    if ends and (by_parity[end] - by_parity[first]) % 10 == 0:
                        return end
        return 0


def _in_run(read: ReadText, offset: int, run: str) -> Iterator[tuple[int, int]]:
    places = [offset + place for place, character in enumerate(run) if character.isdigit()]
    digits = "".join(character for character in run if character.isdigit())
    cards = _Run(read, digits, places, _sums(digits))
    first = 0
    while first <= len(digits) - _SHORTEST:
        end = cards.end_of_card(first)
        if end:
            yield places[first], places[end - 1] + 1
        first = end or first + 1


def _sums(digits: str) -> Sequence[Sequence[int]]:
    """Sums of the digits before each place: with those at odd places doubled as Luhn does, and those at even ones."""
    values = [int(digit) for digit in digits]
    return [
        list(accumulate((_DOUBLED[each] if (at + plain) % 2 else each for at, each in enumerate(values)), initial=0))
        for plain in (0, 1)
    ]
