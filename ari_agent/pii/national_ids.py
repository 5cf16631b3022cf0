"""National identification numbers, by the rules of their countries, and bank accounts by IBAN (python-stdnum). Pure.

A number whose rules many numbers of its length fulfil is taken only after a word that says what it is, there or in what
was said just before: `context`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stdnum import iban
from stdnum.at import vnr
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr as steuer_id
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import ssn
from stdnum.za import idnr as za_idnr

from ari_agent.contract.agent_options import PiiCategory
from ari_agent.pii.spoken_digits import ReadText


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of number. shape: of it in capital letters, with what may stand between; context: what must be said."""

    category: PiiCategory
    shape: re.Pattern[str]
    is_valid: Callable[[str], bool]
    context: re.Pattern[str] | None = None


def _digits(*groups: int) -> str:
    """The shape of so many digits, with a separator allowed between the groups."""
    return r"[ .\-/]?".join(rf"(?:\d[ \-]?){{{size - 1}}}\d" if size > 1 else r"\d" for size in groups)


def _kind(module: Any, shape: str, *, category: PiiCategory = "ssn", context: str | None = None) -> _Kind:
    pattern = re.compile(rf"(?<![^\W_])(?:{shape})(?![^\W_])")
    return _Kind(category, pattern, module.is_valid, re.compile(rf"\b(?:{context})") if context else None)


class _ByFormat:
    """UK national insurance numbers (HMRC, NIM39110): they have no check digit, and little else looks alike."""

    @staticmethod
    def is_valid(number: str) -> bool:
        return number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


_SOCIAL: Final = r"social|ssn|tax id|itin"

KINDS: Final[Sequence[_Kind]] = (
    _kind(ssn, r"\d{3}[ .\-]\d{2}[ .\-]\d{4}"),
    _kind(ssn, _digits(9), context=_SOCIAL),
    _kind(vnr, _digits(4, 6), context=r"sozialversicherung|svnr|sv.nummer"),
    _kind(nn, _digits(2, 2, 2, 3, 2)),
    _kind(egn, _digits(10), context=r"egn|\u0435\u0433\u043d"),
    _kind(cpf, _digits(3, 3, 3, 2)),
    _kind(sin, _digits(3, 3, 3), context=r"sin\b|social insurance"),
    _kind(ahv, r"756[ .]?" + _digits(4, 4, 2)),
    _kind(ric, r"\d{17}[\dX]"),
    _kind(steuer_id, _digits(2, 3, 3, 3)),
    _kind(ik, r"[1-6]" + _digits(10)),
    _kind(dni, r"\d{8}[ \-]?[A-Z]"),
    _kind(nie, r"[XYZ][ \-]?\d{7}[ \-]?[A-Z]"),
    _kind(hetu, r"\d{6}[+\-A-FU-Y]\d{3}[\dA-Z]"),
    _kind(nir, r"[12][ .]?" + _digits(2, 2, 2, 3, 3, 2)),
    _kind(nhs, _digits(3, 3, 4), category="medical_id", context=r"nhs\b|national health"),
    _kind(amka, _digits(11)),
    _kind(aadhaar, _digits(4, 4, 4), context=r"aadh?aa?r|uidai"),
    _kind(codicefiscale, r"[A-Z]{6}[ ]?\d[\dLMNPQRSTUV][A-EHLMPRST][\dLMNPQRSTUV]{2}[ ]?[A-Z][\dLMNPQRSTUV]{3}[A-Z]"),
    _kind(rrn, r"\d{6}-?[1-8]\d{6}"),
    _kind(curp, r"[A-Z]{4}\d{6}[HM][A-Z]{5}[\dA-Z]\d"),
    _kind(bsn, _digits(9), context=r"bsn\b|burgerservice|sofi"),
    _kind(fodselsnummer, _digits(6, 5)),
    _kind(pesel, _digits(11)),
    _kind(cnp, _digits(13)),
    _kind(personnummer, r"\d{6}[+\-]\d{4}|(?:19|20)\d{6}-?\d{4}"),
    _kind(personnummer, _digits(10), context=r"personnummer|personal identity|samordning"),
    _kind(tckimlik, r"[1-9]" + _digits(10)),
    _kind(za_idnr, _digits(13)),
    _kind(_ByFormat, r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D]"),
    _kind(iban, r"[A-Z]{2}\d{2}(?:[ ]?[A-Z\d]{4}){2,7}(?:[ ]?[A-Z\d]{1,3})?", category="bank_account"),
)
_MAX_GROUPS_BEHIND: Final = 3
_DIGITS: Final = re.compile(r"\d(?:[^\d\n]{0,8}\d){5,}")
"""The digits of a number: the fewest that any has, and the most letters that stand between two of them."""
_LETTERS: Final = 24
"""As many characters before and behind the digits are looked at."""
MAX_EXAMINED: Final = 100
"""How many numbers of one shape are examined in one text. Those beyond are all taken for what they look like."""
_SEPARATORS: Final = re.compile(r"[ .\-/]")


def find_national_ids(read: ReadText, context: Callable[[int], str]) -> Iterator[tuple[PiiCategory, int, int]]:
    """Yield the numbers of people and accounts in a text: category, first character and the one behind the last.

    context: returns, in lower case, what was said up to a place of the text and shortly before; asked for each number.
    """
    upper = read.text.upper()
    if len(upper) != len(read.text):  # a few letters have no single capital
        upper = read.text
    examined: Counter[_Kind] = Counter()
    named: dict[tuple[_Kind, str], bool] = {}  # whether its word is there: a long text is not searched for each number
    for begin, end in _pieces(upper):
        for kind in KINDS:
            for found in kind.shape.finditer(upper, begin, end):
                examined[kind] += 1
                length = _valid_length(kind, found.group()) if examined[kind] <= MAX_EXAMINED else len(found.group())
                if length and kind.context:
                    where = kind, context(found.start())
                    if where not in named:
                        named[where] = kind.context.search(where[1]) is not None
                    length *= named[where]
                if length:
                    yield kind.category, found.start(), found.start() + length


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text that may hold a number, with the letters that may belong to it."""
    for digits in _DIGITS.finditer(text):
        # No word is cut, lest half of it be read as a number.
        begin, end = digits.span()
        before, behind = text[max(0, begin - _LETTERS) : begin], text[end : end + _LETTERS]
        if begin > _LETTERS:
            before = before[before.find(" ") + 1 :]
        if end + _LETTERS < len(text):
            behind = behind[: max(0, behind.rfind(" "))]
        yield begin - len(before), end + len(behind)


def _valid_length(kind: _Kind, written: str) -> int:
    """How much of what has the shape is such a number; 0: none of it. The groups at its end may be other words."""
    for _ in range(_MAX_GROUPS_BEHIND + 1):
        # By the rules of the country as written first: for some, the separator says the century.
        if kind.is_valid(written) or kind.is_valid(_SEPARATORS.sub("", written)):
            return len(written)
        written, space, _behind = written.rpartition(" ")
        if not space:
            break
    return 0
