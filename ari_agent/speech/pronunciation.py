"""How an agent wants single words pronounced, and where they stand in a text. Pure.

Source: Retell, Create Agent, pronunciation_dictionary (2026-08). A word is found whole, as it is written or else in
any case, after numbers were made words. What a voice can do with it is its synthesizer's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_IN_MARKUP: Final = str.maketrans({"<": " ", ">": " ", "&": " and "})


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """How one word is pronounced. alphabet: "ipa", "cmu", "pinyin" or "jyutping", in which phoneme is written."""

    word: str
    alphabet: str
    phoneme: str


class PhonemeRefused(ValueError):
    """A pronunciation cannot be spoken by this voice; the message says why."""


def marked(text: str, pronunciations: Sequence[Pronunciation], phoneme: Callable[[Pronunciation], str | None]) -> str:
    """Return the text as XML's content, with the words that have a pronunciation inside an SSML phoneme element.

    pronunciations: at least one. phoneme: returns the attributes of the element; None: the word is left as it is.
    SSML 1.1, section 3.1.10.
    """
    pattern, entries = _entries(tuple(pronunciations))

    def element(found: re.Match[str]) -> str:
        entry = entries.get(found[0]) or entries.get(found[0].lower())
        attributes = phoneme(entry) if entry else None
        return f"<phoneme {attributes}>{found[0]}</phoneme>" if attributes else found[0]

    return pattern.sub(element, text.translate(_IN_MARKUP))


@lru_cache(maxsize=256)
def _entries(pronunciations: tuple[Pronunciation, ...]) -> tuple[re.Pattern[str], Mapping[str, Pronunciation]]:
    """Return what finds the words, the longest first, and the entry of each word; the first one of a word counts."""
    exact = {entry.word: entry for entry in reversed(pronunciations)}
    entries = {entry.word.lower(): entry for entry in reversed(pronunciations)} | exact
    words = "|".join(re.escape(word) for word in sorted(exact, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE), entries


def without_words(pronunciations: Sequence[Pronunciation]) -> str | None:
    """Return why a dictionary has entries that stand for no word, or None."""
    for entry in pronunciations:
        if entry.word != entry.word.strip() or not any(map(str.isalnum, entry.word)) or set(entry.word) & set("<>&"):
            return (
                "pronunciation_dictionary: word must be a word, without spaces around it and without < > &: "
                f"{entry.word!r}"
            )
    return None
