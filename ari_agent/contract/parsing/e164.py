"""Telephone numbers (ITU-T E.164), pseudo numbers of a PBX, and ISO 3166 countries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

import phonenumbers
from pydantic import AfterValidator, Field

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PSEUDO: Final = re.compile(r"\+?[0-9A-Za-z*#._-]{1,64}")
_DIALLED: Final = re.compile(r"(?:\+|00)?([0-9]{3,20})")


def is_e164(text: str) -> bool:
    """Whether this is `+`, country code and number, possible in that country. Fictional numbers count as possible."""
    if not _E164.fullmatch(text):
        return False
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(text, None)))
    except phonenumbers.NumberParseException:
        return False


def require_e164(text: str) -> str:
    """The number without surrounding spaces. ValueError says what was wrong and, where it can, what was meant."""
    number = text.strip()
    if is_e164(number):
        return number
    raise ValueError(f"must be an E.164 number such as +14157774444, not {number[:32]!r}{_meant(number)}")


def _meant(text: str) -> str:
    try:
        guess = phonenumbers.parse(text[:64], "US")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(guess):
        return ""
    return f"; did you mean {phonenumbers.format_number(guess, phonenumbers.PhoneNumberFormat.E164)}?"


def require_pseudo_number(text: str) -> str:
    """A number or name inside a PBX: `100`, `reception`, `*43`. ValueError if it could not stand in a SIP URI."""
    number = text.strip()
    if _PSEUDO.fullmatch(number):
        return number
    raise ValueError(
        "must be a number such as +14157774444, or 1 to 64 letters, digits and * # . _ - "
        f"for a number inside the PBX, not {number[:32]!r}"
    )


def all_spellings(number: str) -> Sequence[str]:
    """The number as it is, and its digits bare and after `+` and `00`; a name inside a PBX has one spelling."""
    match = _DIALLED.fullmatch(number)
    if match is None:
        return (number,)
    digits = match[1]
    return tuple(dict.fromkeys((number, f"+{digits}", digits, f"00{digits}")))


def pretty(number: str) -> str:
    """`+1 (415) 777-4444` as people of that country write it; pseudo numbers stay as they are."""
    if not is_e164(number):
        return number
    parsed = phonenumbers.parse(number, None)
    if parsed.country_code == 1:
        return f"+1 {phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)}"
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_of(number: str) -> str | None:
    """ISO 3166-1 alpha-2 code of an E.164 number; None for a pseudo number or one that no country owns."""
    if not is_e164(number):
        return None
    return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))


def country_of_caller(number: str, *, home: str | None) -> str | None:
    """ISO 3166-1 alpha-2 code of a caller, however the trunk spells them; None for one that no country owns.

    With `+` or `00` a number is international. Without, it is one of `home` (the country of the number that was
    dialled) if it can be, and international otherwise.
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
"""E.164, or a pseudo number inside the PBX."""

Country = Annotated[str, Field(min_length=2, max_length=2), AfterValidator(_country)]
"""ISO 3166-1 alpha-2."""
