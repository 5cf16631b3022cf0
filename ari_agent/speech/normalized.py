"""What an agent's text sounds like where it is not written in words: numbers, times, amounts, addresses. Pure.

    English          all rules of english_rules.py
    other languages  whole numbers alone, of those that num2words knows; and nothing in other languages, or in "multi"

The transcript keeps what was written: every character of the result has its place there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from ari_agent.speech.english_rules import DAY_FIRST, MONTH_FIRST, Rule
from ari_agent.speech.speakable import Found, replaced
from ari_agent.speech.spoken_numbers import cardinal, library_language

_MONTH_FIRST: Final = frozenset({"en", "en-us", "en-ca", "en-ph"})
_CANDIDATE: Final = re.compile(r"[0-9@&#%=+×/]|\w\.|\b(?:Dr|Mr|Mrs|Ms|St|Ave|Blvd|Rd|Hwy|Pkwy)\b")  # noqa: RUF001
_NUMBERS: Final = re.compile(r"[0-9]+")
_MOST_NUMBERS: Final = 40
"""In one sentence of at most 400 characters; one with more is no speech, and would take long."""
_BY_ITSELF: Final = re.compile(r"(?<![\w.,:/+#°-])[1-9][0-9]{0,8}(?![\w°%€$£])(?![.,:/-]\S)(?!\.\s+\w)(?!\s?[%€$£])")
"""A whole number that can be nothing else: no date, time, amount, ordinal ("am 3. Mai") or code."""


def normalized(text: str, places: Sequence[int], language: str) -> tuple[str, Sequence[int]]:
    """Return the text in words, with the place of each character in what the agent wrote.

    places: those of the text's characters. language: BCP 47, "en-US". Of what is several words now, the last one has
    the place of what was written, and those before it that of what stands before.
    """
    if not _CANDIDATE.search(text) or len(_NUMBERS.findall(text)) > _MOST_NUMBERS:
        return text, places
    for pattern, replacement in _rules(language):
        if pattern.search(text):
            text, places = replaced(pattern, replacement, text, places)
    return text, places


@cache
def _rules(language: str) -> Sequence[Rule]:
    name = language.lower()
    if name.partition("-")[0] == "en":
        return MONTH_FIRST if name in _MONTH_FIRST else DAY_FIRST
    of_library = library_language(language)
    if of_library is None:
        return ()

    def in_words(number: Found) -> str:
        return cardinal(number[0], of_library)

    return ((_BY_ITSELF, in_words),)
