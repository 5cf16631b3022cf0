"""Numbers in words, as they are read aloud, by the library num2words. Pure.

cardinal("1,250.50")  one thousand two hundred and fifty point five zero
ordinal("21")         twenty-first
year("2026")          twenty twenty-six
digits("0123")        zero one two three
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from num2words import CONVERTER_CLASSES, num2words

LONGEST: Final = 15
"""The most digits that are read as one number; longer ones are read digit by digit."""

_KEPT: Final = 4096
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def library_language(language: str) -> str | None:
    """Return what num2words calls this language, a BCP 47 tag such as "pt-BR"; None: it does not know it."""
    name, _, region = language.partition("-")
    found = (f"{name.lower()}_{region.upper()}", name.lower())
    return next((each for each in found if each in CONVERTER_CLASSES), None)


@lru_cache(maxsize=_KEPT)
def _in_words(number: int, kind: str, language: str) -> str:
    return str(num2words(number, to=kind, lang=language)).replace(",", "")


def cardinal(number: str, language: str = "en") -> str:
    """Return a number in words. number: ASCII digits, with commas between thousands and a decimal point or without."""
    whole, point, decimals = number.replace(",", "").partition(".")
    words = digits(whole) if len(whole) > LONGEST else _in_words(int(whole), "cardinal", language)
    return f"{words} point {digits(decimals)}" if point and decimals else words


def ordinal(number: str) -> str:
    """Return an ordinal number in words. number: at most LONGEST ASCII digits, with commas or without."""
    return _in_words(int(number.replace(",", "")), "ordinal", "en")


def year(number: str) -> str:
    """Return a year in words: in two halves, but 2000 to 2009. number: four ASCII digits."""
    return _in_words(int(number), "year", "en").replace("oh-", "oh ")


def digits(number: str) -> str:
    """Return the digits of a text one by one, and nothing else of it."""
    return " ".join(_DIGITS[int(each)] for each in number if each in "0123456789")


def in_groups(groups: Sequence[str]) -> str:
    """Return groups of digits, as of a telephone number, digit by digit, with a short pause after each group."""
    return ", ".join(digits(group) for group in groups)
