"""What a destination is, as a gateway would understand it, however it is spelt. Pure.

    +14155550123, 0114930123456, 4930123456          a number of the public network: its country and type
    sip:+14155550123@host, sip:14155550123@host      the same, at a host
    200, reception, *43                              inside the PBX
    112, 911, 11880                                  inside the PBX or, where the dialplan says so, a short number
    *6714155550123                                   a number behind a code: what the network makes of it is not known

What is spelt without `+` is read as a number of the country of the number that dials (`home`), where it is valid there,
and as an international one otherwise; that is what trunks do. Digits behind a whole number change nothing for the
network, and so nothing here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumberType, ShortNumberCost, shortnumberinfo

from ari_agent.contract.dial_policy import NumberType
from ari_agent.contract.parsing.e164 import is_e164
from ari_agent.contract.parsing.sip_uri import SipUri

_MEANINGLESS: Final = re.compile(r"[^0-9A-Za-z+*#]")
"""Visual separators (RFC 3966 section 5.1.1), and what else no gateway dials."""
_MOST_SHORT_DIGITS: Final = 6
_MOST_DIGITS: Final = 15
_VANITY: Final = re.compile(r"\+.*|[0-9]{4}.*", re.DOTALL)
"""A number that ends in letters, such as 1800FLOWERS; what begins with less is a name."""
_POST_DIAL: Final = re.compile(r"[+0-9*#]*[pwx][+0-9*#pwx]*", re.IGNORECASE)
"""Digits with pauses or an extension behind them, in the letters that modems and address books have for these."""
_KEYPAD: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")  # ITU-T E.161
_INTERNATIONAL_PREFIXES: Final = ("00", "011", "0011", "010", "001", "009", "119", "810")
_EVERYWHERE: Final = frozenset({"112", "911"})
"""Emergency numbers that networks understand outside their own country too."""
_OUTSIDE_LINE: Final = ("0", "9")
"""What a PBX may want to be dialled before a number of the public network."""
_OF_NO_COUNTRY: Final = re.compile(r"(?:870|881|882|883|888)[0-9]*")
_AMERICAN_PREMIUM: Final = re.compile(r"1(?:900|976)[0-9]*|1[0-9]{3}976[0-9]{4}")
"""+1 900 whole or not, and the 976 that each area has had; our tables know a part of them."""
_ENQUIRIES: Final = re.compile(r"118[0-9]{1,3}")
"""Directory enquiries, which connect, at the highest prices there are."""

_TYPES: Final[Mapping[int, tuple[NumberType, ...]]] = {
    PhoneNumberType.FIXED_LINE: (NumberType.FIXED_LINE,),
    PhoneNumberType.MOBILE: (NumberType.MOBILE,),
    PhoneNumberType.FIXED_LINE_OR_MOBILE: (NumberType.FIXED_LINE, NumberType.MOBILE),
    PhoneNumberType.TOLL_FREE: (NumberType.TOLL_FREE,),
    PhoneNumberType.PREMIUM_RATE: (NumberType.PREMIUM_RATE,),
    PhoneNumberType.SHARED_COST: (NumberType.SHARED_COST,),
    PhoneNumberType.VOIP: (NumberType.VOIP,),
    PhoneNumberType.PERSONAL_NUMBER: (NumberType.PERSONAL_NUMBER,),
    PhoneNumberType.PAGER: (NumberType.PAGER,),
    PhoneNumberType.UAN: (NumberType.UAN,),
    PhoneNumberType.VOICEMAIL: (NumberType.VOICEMAIL,),
    PhoneNumberType.UNKNOWN: (NumberType.UNKNOWN,),
}


@dataclass(frozen=True, slots=True)
class TargetNumber:
    """A number of the public network, or a short one.

    shown: in E.164 where it has that form. country: ISO 3166-1 alpha-2; None for a number of no or unknown country.
    types: what it is; more than one where the numbering plan does not tell them apart. is_short: of six digits or
    less, which is an extension in a PBX that has such.
    """

    shown: str
    country: str | None
    types: tuple[NumberType, ...]
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class DialTarget:
    """What a destination is.

    host: of a SIP URI, in lower case; None where there is none. number: what is dialled, where that is a number.
    extension: an extension, a feature code or a name inside the PBX; None where it is at a host, or none.
    is_hidden: the digits hold a code and a number, or more than a number has, and may reach anything.
    """

    host: str | None = None
    number: TargetNumber | None = None
    extension: str | None = None
    is_hidden: bool = False

    @property
    def in_words(self) -> str:
        """What the destination was read as, for people: `+4930123456, fixed_line, in DE`, or `extension 200`."""
        host = f" at {self.host}" if self.host else ""
        number = self.number
        if number is None or not number.types:
            return f"extension {self.extension}" if self.extension else f"whoever the host decides{host}"
        return f"{number.shown}, {' or '.join(number.types)}, in {number.country or 'no country that is known'}{host}"


def read_target(destination: str, *, home: str | None) -> DialTarget:
    """Read a number, an extension or name, or a SIP URI. home: the country of the number that dials, if it has one."""
    uri = SipUri.of(destination)
    host = uri.host if uri else None
    user = unquote(uri.user) if uri else destination.strip()
    dialled = _as_dialled(user)
    digits = sum(character.isdigit() for character in dialled)
    if re.search(r"[*#]|.\+", dialled) or _POST_DIAL.fullmatch(dialled):
        if digits > _MOST_SHORT_DIGITS:
            return DialTarget(host, is_hidden=True)
        return DialTarget(host, _behind_code(dialled, home), None if uri else user)
    if not digits or not re.fullmatch(r"\+?[0-9]+", dialled):
        return DialTarget(host, extension=None if uri else user)
    if not dialled.startswith("+") and digits <= _MOST_SHORT_DIGITS:
        return DialTarget(host, _short_number(dialled, home), None if uri else dialled)
    number = _number(dialled, home)
    return DialTarget(host, number, is_hidden=number is None)


def home_of(phone_number: str) -> str | None:
    """Return the country whose prefixes the trunk of this number understands; None for a number inside the PBX."""
    if not is_e164(phone_number):
        return None
    parsed = phonenumbers.parse(phone_number, None)
    # A fictional number is of no region; then the country code's main one tells the prefixes.
    region = phonenumbers.region_code_for_number(parsed)
    return _country(region or phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def _as_dialled(user: str) -> str:
    """Return the characters that a gateway would dial; letters of a vanity number as the keypad has them."""
    plain = unicodedata.normalize("NFKC", user)
    plain = "".join(str(unicodedata.digit(character, character)) for character in plain)
    dialled = _MEANINGLESS.sub("", plain)
    if _VANITY.fullmatch(dialled) and not _POST_DIAL.fullmatch(dialled):
        return dialled.lower().translate(_KEYPAD)
    return dialled


def _behind_code(code: str, home: str | None) -> TargetNumber | None:
    """Read a feature code: an emergency number where it ends in one, as in *67911; else no number."""
    digits = re.split("[^0-9]", code)[-1]
    calls_help = any(_is_emergency(digits[start:], home) for start in range(len(digits) - 2))
    return TargetNumber(code, home, (NumberType.EMERGENCY,), is_short=True) if calls_help else None


def _is_emergency(digits: str, home: str | None) -> bool:
    return digits in _EVERYWHERE or bool(home and shortnumberinfo.is_emergency_number(digits, home))


def _short_number(digits: str, home: str | None) -> TargetNumber:
    if _is_emergency(digits, home) or (digits.startswith(_OUTSIDE_LINE) and _is_emergency(digits[1:], home)):
        kind = NumberType.EMERGENCY
    elif home and _is_expensive(digits, home):
        kind = NumberType.PREMIUM_RATE
    else:
        return TargetNumber(digits, None, (), is_short=True)
    return TargetNumber(digits, home, (kind,), is_short=True)


def _is_expensive(digits: str, home: str) -> bool:
    number = _parsed(digits, home)
    if number is None or not shortnumberinfo.is_valid_short_number_for_region(number, home):
        return False
    cost = shortnumberinfo.expected_cost_for_region(number, home)
    return bool(cost == ShortNumberCost.PREMIUM_RATE) or bool(_ENQUIRIES.fullmatch(digits))


def _number(dialled: str, home: str | None) -> TargetNumber | None:
    """Read a number of seven digits or more; None where it has more digits than any, or no country's length."""
    digits = dialled.removeprefix("+")
    readings = list(_readings(dialled, home))
    for reading in readings:
        if kind := _known(reading):
            return TargetNumber(_e164(reading), _country_of(reading), kind)
    if not dialled.startswith("+") and home and shortnumberinfo.connects_to_emergency_number(dialled, home):
        return TargetNumber(dialled, home, (NumberType.EMERGENCY,))
    for reading in readings:
        if phonenumbers.truncate_too_long_number(reading):  # the network dials what it knows, and ignores the rest
            return TargetNumber(_e164(reading), _country_of(reading), _TYPES[phonenumbers.number_type(reading)])
    if len(digits) > _MOST_DIGITS:
        return None
    possible = next(filter(phonenumbers.is_possible_number, readings), None)
    if possible is None and dialled.startswith("+"):
        return None
    return TargetNumber(dialled if possible is None else _e164(possible), None, (NumberType.UNKNOWN,))


def _known(reading: phonenumbers.PhoneNumber) -> tuple[NumberType, ...]:
    """Return what a number is as far as its first digits or the numbering plan tell; nothing where they do not."""
    digits = _e164(reading).removeprefix("+")
    if _OF_NO_COUNTRY.fullmatch(digits):
        return (NumberType.SATELLITE,)
    if _AMERICAN_PREMIUM.fullmatch(digits):
        return (NumberType.PREMIUM_RATE,)
    return _TYPES[phonenumbers.number_type(reading)] if phonenumbers.is_valid_number(reading) else ()


def _readings(dialled: str, home: str | None) -> Iterator[phonenumbers.PhoneNumber]:
    """Yield what the digits may mean, the likeliest first."""
    if home and not dialled.startswith("+") and (national := _parsed(dialled, home)):
        yield national
    international = [dialled.removeprefix(prefix) for prefix in _INTERNATIONAL_PREFIXES if dialled.startswith(prefix)]
    for digits in (dialled.removeprefix("+"), *international):
        if reading := _parsed(f"+{digits}", None):
            yield reading


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _country_of(number: phonenumbers.PhoneNumber) -> str | None:
    if _AMERICAN_PREMIUM.fullmatch(_e164(number).removeprefix("+")):
        return "US"
    return _country(phonenumbers.region_code_for_number(number))


def _country(region: str | None) -> str | None:
    return region if region in phonenumbers.SUPPORTED_REGIONS else None
