"""Words that are looked for in transcripts, and where they stand. Pure.

Every word has to be somewhere in what was said, in any order and whatever its case; a part of a longer word counts. A
record is not parsed unless it can hold them: it is JSON in ASCII, in which plain letters stand as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

MOST_WORDS: Final = 8
SHORTEST: Final = 2
"""Characters of a word that is looked for."""
_AROUND: Final = 60
"""Characters of what was said that are shown before a word and behind it."""
_MORE: Final = "\u2026"
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]+")
"""What stands in ASCII JSON as it is."""


@dataclass(frozen=True, slots=True)
class SaidWords:
    """What is looked for. words: in small letters. plain: a part of each, as it has to be in the record's JSON."""

    words: Sequence[str]
    plain: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what a field of a form asks for; of very many words the first ones, without those of one letter."""
        words = [word for word in text.lower().split() if len(word) >= SHORTEST][:MOST_WORDS]
        plain = [max(_PLAIN.findall(word), key=len, default="") for word in words]
        return cls(words, [part for part in plain if part])

    def found(self, document: str, amendments: str | None = None) -> str | None:
        """Return some of what was said around the first word; None where not all of them were said.

        document: a call object as JSON in ASCII. amendments: keys that win over it.
        """
        stored = f"{document}{amendments or ''}".lower()
        if not all(part in stored for part in self.plain):
            return None
        try:
            known = {**json.loads(document), **json.loads(amendments or "{}")}
            said = [text for item in _items(known) if isinstance(text := item.get("content"), str)]
        except (ValueError, TypeError, RecursionError):  # a damaged record; its own page says so
            return None
        small = [text.lower() for text in said]
        if not all(any(word in text for text in small) for word in self.words):
            return None
        place = next(place for place, text in enumerate(small) if self.words[0] in text)
        return _around(said[place], small[place], self.words[0])


def _items(known: dict[str, Any]) -> Sequence[dict[str, Any]]:
    several = known.get("transcript_object") or known.get("transcript_with_tool_calls") or ()
    speakers = {"agent", "user", "transfer_target"}
    return [item for item in several if isinstance(item, dict) and item.get("role") in speakers]


def _around(text: str, lower: str, word: str) -> str:
    # a few characters have more than one small letter, so that the place is near it alone
    at = min(lower.index(word), len(text))
    start, end = max(0, at - _AROUND), at + len(word) + _AROUND
    before, behind = _MORE if start else "", _MORE if end < len(text) else ""
    return f"{before}{text[start:end].strip()}{behind}"
