"""Who may be dialled or written to. Whatever dials anybody asks here first. Pure.

Today the rule is the number's `allowed_outbound_country_list`; it holds for calls and for text messages.
"""

from __future__ import annotations

import re
from typing import Final

from ari_agent.contract.parsing.e164 import country_of, country_of_caller
from ari_agent.contract.phone_number import PhoneNumber

_INSIDE: Final = re.compile(r"[0-9]{1,6}|.*[^0-9+].*", re.DOTALL)
"""Shorter than any number of E.164, or a name: it is inside the PBX."""


def refused_destination(to_number: str, number: PhoneNumber) -> str | None:
    """Say why the number may not call or write to `to_number`, or return None if it may.

    The spelling of `to_number` makes no difference. Destinations inside the PBX are always allowed.
    """
    allowed = number.allowed_outbound_country_list
    digits = re.sub("[-._]", "", to_number)  # RFC 3966 section 5.1.1: visual separators
    if not allowed or _INSIDE.fullmatch(digits):
        return None
    country = country_of_caller(digits, home=country_of(number.phone_number))
    if country in allowed:
        return None
    return (
        f"{number.phone_number} may not reach {to_number} in {country or 'an unknown country'}: "
        f"its allowed_outbound_country_list is {', '.join(allowed)}"
    )
