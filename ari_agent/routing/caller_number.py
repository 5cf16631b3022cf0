"""Who calls, as far as the caller wants it known. Pure.

A caller withholds the number with `Privacy: id` (RFC 3325 sections 7 and 9.3), `user` or `header` (RFC 3323 section
4.2), with an anonymous From (RFC 3323 section 4.1), or by the presentation that Asterisk has read from the INVITE.
Carriers tell the number nevertheless, in P-Asserted-Identity, to those that they trust not to hand it on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ari_agent.routing.dialled_number import dialled_user

ANONYMOUS: Final = "anonymous"
"""The number of a caller who withholds it."""

_NO_NUMBERS: Final = frozenset({"", ANONYMOUS, "restricted", "unavailable", "unknown", "private", "withheld"})
_WITHHOLDING: Final = frozenset({"id", "user", "header"})
_IDENTITIES: Final = frozenset({"p-asserted-identity"})
_LEAST_DIGITS: Final = 6
"""A number of fewer digits is part of too many other values."""
_COMPARED_DIGITS: Final = 7
"""How many last digits of a number are compared, which all its spellings share."""


@dataclass(frozen=True, slots=True)
class CallerNumber:
    """Who calls. number: as it is told, or ANONYMOUS. headers: what may be told of the INVITE, by name."""

    number: str
    headers: Mapping[str, str]


def who_calls(
    number: str,
    *,
    headers: Mapping[str, str],
    privacy: str = "",
    presentation: str = "",
    from_uri: str = "",
    show_withheld: bool = False,
) -> CallerNumber:
    """Decide which number the caller has, and which headers may be told.

    Of a caller who withholds the number, P-Asserted-Identity is left out, and so is every header that holds the number
    that it, From or Asterisk knows.

    number: Asterisk's CALLERID(num). headers: those that become variables, by name. privacy: the Privacy header.
    presentation: CALLERID(num-pres), such as `allowed_not_screened` or `prohib_not_screened`. from_uri: of From.
    show_withheld: tell what the caller withholds.
    """
    told = number if number.strip().lower() not in _NO_NUMBERS else ANONYMOUS
    asks = {value.strip().lower() for value in re.split("[;,]", privacy)}
    withheld = bool(asks & _WITHHOLDING) or presentation.startswith("prohib")
    if show_withheld or not withheld:
        return CallerNumber(told, headers)
    identities = [value for name, value in headers.items() if name.lower() in _IDENTITIES]
    secrets = {_digits(dialled_user(identity)) for identity in (number, from_uri, *identities)}
    secrets = {digits[-_COMPARED_DIGITS:] for digits in secrets if len(digits) >= _LEAST_DIGITS}
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() not in _IDENTITIES and not any(digits in _digits(value) for digits in secrets)
    }
    return CallerNumber(ANONYMOUS, kept)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)
