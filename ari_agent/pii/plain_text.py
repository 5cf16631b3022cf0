"""A text as what looks for numbers in it reads it: with plain spaces, hyphens and letters, and nothing invisible. Pure.

People paste numbers from web pages and documents, with no-break spaces, typographic hyphens, tabs and soft hyphens, and
write to one another with keycaps and letters of full width.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_INVISIBLE: Final = frozenset({"Cf", "Me", "Mn"})
"""Categories of characters that change how those beside them look: joiners, marks of direction, accents, keycaps."""
_PAUSE: Final = "\u2014"


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text, and where each of its characters stood in the one that it is made of; None: where they stand now."""

    text: str
    places: Sequence[int] | None = None


def plain_text(text: str) -> PlainText:
    """Return the text with each character as its plain kin: any space, tab or control as " ", any hyphen as "-".

    Letters and figures of full width, superscripts and circled figures become the usual ones (Unicode, NFKC). Line
    breaks and em dashes, which tell numbers apart, stay.
    """
    if text.isascii() and not _CONTROL.search(text):
        return PlainText(text)
    plain = {character: _plain(character) for character in set(text)}
    written = "".join(plain[character] for character in text)
    if "" not in plain.values():
        return PlainText(written)
    return PlainText(written, [place for place, character in enumerate(text) if plain[character]])


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category in _INVISIBLE:
        return ""
    if category == "Zs" or (category == "Cc" and character != "\n"):
        return " "
    if (category == "Pd" and character != _PAUSE) or character == "\u2212":
        return "-"
    compatible = unicodedata.normalize("NFKC", character)
    return compatible if len(compatible) == 1 else character
