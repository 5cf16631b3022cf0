"""Telephone numbers (ITU-T E.164), pseudo numbers of a PBX, and ISO 3166 countries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

import phonenumbers
from pydantic import AfterValidator, Field

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PSEUDO: Final = re.compile(r"\+?[0-9A-Za-z*#._-]{1,64}")
_DOUBLE_ZERO: Final = re.compile(r"^00(?=[\s(./-]*[1-9])")
_DIALLED: Final = re.compile(r"(?:\+|00)?([0-9]{3,20})")


def is_e164(text: str) -> bool:
    """Whether the text is `+`, a country code and a number of a length possible there; it may be fictional."""
    if not _E164.fullmatch(text):
        return False
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(text, None)))
    except phonenumbers.NumberParseException:
        return False


def require_e164(text: str) -> str:
    """Return the E.164 number without surrounding spaces.

    Raises:
        ValueError: it is not one; the message says what was given and, where it can be guessed, what was meant.
    """
    number = text.strip()
    if is_e164(number):
        return number
    raise ValueError(f"must be an E.164 number such as +14157774444, not {number[:32]!r}{_suggestion(number)}")


def _suggestion(text: str) -> str:
    """`; did you mean +14157774444?` where the text reads as a number, of the US without `+` or `00`; else nothing."""
    try:
        guess = phonenumbers.parse(_DOUBLE_ZERO.sub("+", text[:64]), "US")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(guess):
        return ""
    return f"; did you mean {phonenumbers.format_number(guess, phonenumbers.PhoneNumberFormat.E164)}?"


def require_pseudo_number(text: str) -> str:
    """Return a number or a name inside a PBX, such as `100`, `reception` or `*43`, without surrounding spaces.

    Raises:
        ValueError: it could not be the user part of a SIP URI.
    """
    number = text.strip()
    if _PSEUDO.fullmatch(number):
        return number
    raise ValueError(
        "must be a number such as +14157774444, or 1 to 64 letters, digits and * # . _ - "
        f"for a number inside the PBX, not {number[:32]!r}{_suggestion(number)}"
    )


def require_own_number(text: str) -> str:
    """Return a number of one's own, without surrounding spaces: in E.164, or one inside a PBX, such as `200`.

    Raises:
        ValueError: it is neither, or a number of the public network in another spelling than E.164.
    """
    number = text.strip()
    if number.startswith("+") or _suggestion(number):
        return require_e164(number)
    return require_pseudo_number(number)


def all_spellings(number: str) -> Sequence[str]:
    """The number as given, then its digits after `+`, bare, and after `00`; a name inside a PBX has one spelling."""
    match = _DIALLED.fullmatch(number)
    if match is None:
        return (number,)
    digits = match[1]
    return tuple(dict.fromkeys((number, f"+{digits}", digits, f"00{digits}")))


def pretty(number: str) -> str:
    """The E.164 number as people write it, such as `+1 (415) 777-4444`; any other text is returned unchanged."""
    if not is_e164(number):
        return number
    parsed = phonenumbers.parse(number, None)
    if parsed.country_code == 1:
        return f"+1 {phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)}"
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_of(number: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of an E.164 number's country; None for other text and for numbers of no country."""
    if not is_e164(number):
        return None
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))


def country_of_caller(number: str, *, home: str | None) -> str | None:
    """The ISO 3166-1 alpha-2 code of a caller's country, however the trunk spells the number; None if there is none.

    A number with `+` or `00` is international. One without is read as a number of `home` (the country of the number
    that was dialled) if it is valid there, and as an international number otherwise.
    """
    digits = number.removeprefix("+")
    if not re.fullmatch(r"[0-9]{4,20}", digits):
        return None
    international = "+" + (digits.removeprefix("00") if number == digits else digits)
    if number == digits and not number.startswith("00") and home is not None:
        try:
            national = phonenumbers.parse(number, home)
        except phonenumbers.NumberParseException:
            return None
        if phonenumbers.is_valid_number(national):
            return phonenumbers.region_code_for_number(national)
    return country_of(international)


def _country(code: str) -> str:
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"must be an ISO 3166-1 alpha-2 country code in capitals such as US, not {code[:8]!r}")
    return code


E164 = Annotated[str, Field(json_schema_extra={"examples": ["+14157774444"]}), AfterValidator(require_e164)]
"""A number in E.164: `+`, country code, subscriber number, 7 to 15 digits."""

DialledNumber = Annotated[
    str, Field(json_schema_extra={"examples": ["+14157774444", "100"]}), AfterValidator(require_pseudo_number)
]
"""A number in E.164, or a number or name inside the PBX (1 to 64 letters, digits and `* # . _ -`)."""

OwnNumber = Annotated[
    str, Field(json_schema_extra={"examples": ["+14157774444", "200"]}), AfterValidator(require_own_number)
]
"""A number in E.164, or a number or name inside the PBX that is no public number in another spelling."""

Country = Annotated[str, Field(min_length=2, max_length=2), AfterValidator(_country)]
"""A country by its ISO 3166-1 alpha-2 code, in capitals."""
