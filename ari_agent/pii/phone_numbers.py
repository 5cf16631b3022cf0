"""Telephone numbers, in any spelling that is valid by Google's `phonenumbers`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from phonenumbers import Leniency, NumberParseException, PhoneNumberMatcher, parse, region_code_for_number

from ari_agent.pii.spoken_digits import ReadText

_CANDIDATE: Final = re.compile(r"(?<![^\W_])[+(]{0,2}\d(?:[ ().,\-/\u2013]{0,3}\d){6,39}(?![^\W_])(?!:\d)")
_DATE: Final = re.compile(r"(?:19|20)\d\d([-./])\d\d?\1\d\d?\b|\d\d?([-./])\d\d?\2(?:(?:19|20)\d\d)\b")
_PAUSE: Final = re.compile(r"[,;\u2014]")
_ANOTHER: Final = re.compile(
    r"[$\u20ac\u00a3#]\s*$|\b(account|booking|case|claim|confirmation|invoice|order|policy|reference|ref|serial|ticket"
    r"|tracking|auftrag|bestellung|kunden|rechnung|pedido|factura)\w*\b[^.?!\n]{0,20}$"
)
"""What stands before numbers that are none of telephones."""
MAX_EXAMINED: Final = 200
"""How many numbers are examined in one text. Those beyond are all taken for telephone numbers."""
_MAX_TRIES: Final = 10
"""How many readings of one piece of text the library tries."""


def find_phone_numbers(read: ReadText, regions: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield where in a text telephone numbers are, as first character and the one behind the last.

    regions: the countries (ISO 3166, `US`) whose numbers may stand without their country code.
    """
    for count, candidate in enumerate(_CANDIDATE.finditer(read.text)):
        before = read.text[max(0, candidate.start() - 40) : candidate.start()].casefold()
        if count >= MAX_EXAMINED:
            yield candidate.span()
        elif not _ANOTHER.search(before) and not _DATE.match(candidate.group()):
            text = _PAUSE.sub(" ", candidate.group())
            for region in regions:
                for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID, max_tries=_MAX_TRIES):
                    yield candidate.start() + match.start, candidate.start() + match.end


def regions_of(numbers: Iterable[str | None]) -> Sequence[str]:
    """Return the countries (ISO 3166) of numbers in E.164, each once; the United States where none tells any."""
    found: dict[str, None] = {}
    for number in numbers:
        with suppress(NumberParseException):
            if region := region_code_for_number(parse(number or "")):
                found[region] = None
    return tuple(found) or ("US",)
