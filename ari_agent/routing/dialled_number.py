"""What somebody dialled, and which of the stored numbers that is. Pure.

An INVITE, or the dialplan that it went through, may name the dialled number in several places, and each carrier has its
own: see `dialled_candidates`. It may be spelt in E.164, with or without `+`, with the prefix of an international call,
or as it is dialled inside its country.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import phonenumbers

from ari_agent.contract.parsing.e164 import is_e164
from ari_agent.contract.q850 import UNALLOCATED_NUMBER
from ari_agent.routing.inbound_decision import Refuse

_SPECIAL_EXTENSIONS: Final = frozenset({"", "s", "h", "i", "t", "T", "a", "e", "o"})
"""Where Asterisk's dialplan begins, hangs up and goes astray, and no extension at all: never what was dialled."""
_URI_USER: Final = re.compile(r"(?:sips?:(?P<user>[^@>\s]*)@|tel:(?P<number>[^@>\s]*))", re.IGNORECASE)
_IS_URI: Final = re.compile(r"[^<]*<|(?:sips?|tel):", re.IGNORECASE)
_WRITTEN_NUMBER: Final = re.compile(r"\+?[(]?[0-9][0-9(). -]*")
_VISUAL_SEPARATORS: Final = re.compile(r"[(). -]")  # RFC 3966 section 5.1.1
_DIGITS: Final = re.compile(r"\+?[0-9]{5,20}")
_ENDING_DIGITS: Final = 4
_INTERNATIONAL_PREFIXES: Final = ("00", "011", "0011", "010", "001", "009", "119", "810")
"""What is dialled before a country code, in one country or another (ITU-T, "Dialling procedures"), by most of them."""
_MOST_NEAR_MISSES: Final = 5


@dataclass(frozen=True, slots=True)
class Dialled:
    """What was dialled.

    as_dialled: the likeliest place's own spelling, without URI parameters; `""` where no place tells. number: the
    stored number that it is, as it is stored; None where it is none, or more than one. near_misses: stored numbers that
    it could have been: those that it fits, and those that end in the same digits.
    """

    as_dialled: str
    number: str | None = None
    near_misses: Sequence[str] = ()


def dialled_user(text: str) -> str:
    """Return who is called by a SIP or tel URI, a header that holds one, or a user part: without parameters.

    `sip:+12025550100;npdi;rn=+12025550001@pbx` and `+12025550100;phone-context=+1` both are `+12025550100` (RFC 3261
    section 19.1.6, RFC 3966, RFC 4694). Empty where there is no user.
    """
    user = text.strip()
    if _IS_URI.match(user):
        uri = _URI_USER.search(user)
        user = (uri["user"] or uri["number"] or "") if uri else ""
    return unquote(re.split("[;:]", user, maxsplit=1)[0]).strip()


def dialled_candidates(
    *,
    argument: str | None = None,
    extension: str | None = None,
    request_uri: str | None = None,
    dnid: str | None = None,
    to: str | None = None,
    called_party: str | None = None,
) -> Sequence[str]:
    """List what may have been dialled, the likeliest first; `s`, `h`, `i` and `t` never are.

    argument: `to_number=` of Stasis(); where it names a number, nothing else counts. extension: where the dialplan is.
    dnid: CALLERID(dnid). to, called_party: the headers To and P-Called-Party-ID (RFC 7315 section 4.2), or their URI.
    """
    places: Sequence[str | None] = (extension, request_uri, dnid, to, called_party)
    if argument and dialled_user(argument) not in _SPECIAL_EXTENSIONS:
        places = (argument,)
    found: dict[str, None] = {}
    for place in places:
        user = dialled_user(place or "")
        if user in _SPECIAL_EXTENSIONS:
            continue
        found[user] = None
        if _WRITTEN_NUMBER.fullmatch(user):
            found[_VISUAL_SEPARATORS.sub("", user)] = None
    return tuple(found)


def number_spellings(dialled: str) -> Sequence[str]:
    """List how a dialled number may be registered, the likeliest first.

    A number may be registered as it was dialled, or in E.164: with `+` where it was dialled with `00` or without a
    prefix. A name, and what is too short or too long for a number, has one spelling.
    """
    digits = dialled.removeprefix("+")
    if not re.fullmatch(r"[0-9]{3,20}", digits):
        return (dialled,)
    international = digits.removeprefix("00") if dialled.startswith("00") else digits
    return tuple(dict.fromkeys((dialled, f"+{international}", digits)))


def stored_spellings(candidates: Sequence[str]) -> Sequence[str]:
    """List every spelling under which one of the candidates may be registered, whole."""
    return tuple(dict.fromkeys(spelling for candidate in candidates for spelling in number_spellings(candidate)))


def stored_endings(candidates: Sequence[str]) -> Sequence[str]:
    """List the digits in which a stored number must end to be one of the candidates, or a near miss."""
    digits = (candidate[-_ENDING_DIGITS:] for candidate in candidates if _DIGITS.fullmatch(candidate))
    return tuple(dict.fromkeys(digits))


def what_was_dialled(candidates: Sequence[str], stored: Collection[str]) -> Dialled:
    """Decide what was dialled: the first candidate that fits exactly one stored number.

    stored: at least the numbers that `stored_spellings` and `stored_endings` select. A number that is stored as it was
    dialled wins over others that it fits.
    """
    fitting: dict[str, None] = {}
    for candidate in candidates:
        if candidate in stored:
            return Dialled(candidate, candidate)
        matches = sorted(set(_matches(candidate, stored)))
        if len({match.removeprefix("+") for match in matches}) == 1:
            return Dialled(candidate, matches[0])
        fitting |= dict.fromkeys(matches)
    near = tuple(dict.fromkeys((*fitting, *sorted(stored))))[:_MOST_NEAR_MISSES]
    return Dialled(candidates[0] if candidates else "", None, near)


def refused_number(dialled: Dialled, candidates: Sequence[str]) -> Refuse:
    """Turn away whoever dialled no number of ours, and say what was dialled and what could have been meant."""
    told = ", ".join(candidates) or "nothing"
    why = f"no imported number fits what was dialled ({told})"
    if dialled.near_misses:
        why += f"; near misses: {', '.join(dialled.near_misses)}"
    return Refuse(UNALLOCATED_NUMBER, why)


def _matches(dialled: str, stored: Collection[str]) -> Iterator[str]:
    yield from (spelling for spelling in number_spellings(dialled) if spelling in stored)
    if dialled.startswith("+") or not _DIGITS.fullmatch(dialled):
        return
    for number in stored:
        if is_e164(number) and (_is_international(dialled, number) or _is_national(dialled, number)):
            yield number


def _is_international(dialled: str, number: str) -> bool:
    return any(dialled == prefix + number[1:] for prefix in _INTERNATIONAL_PREFIXES)


def _is_national(dialled: str, number: str) -> bool:
    """Whether this is how the number is dialled inside its own country, with trunk or carrier prefix or without."""
    stored = phonenumbers.parse(number, None)
    # A fictional number is of no region; then the country code's main one tells the prefixes.
    region = phonenumbers.region_code_for_number(stored) or phonenumbers.region_code_for_country_code(
        stored.country_code or 0
    )
    try:
        read = phonenumbers.parse(dialled, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164) == number)
