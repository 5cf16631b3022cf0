"""Who may be dialled or written to. Whatever dials anybody asks here first. Pure.

Today the rule is the number's `allowed_outbound_country_list`; it holds for calls, text messages and transfers.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from ari_agent.contract.parsing.e164 import country_of, country_of_caller
from ari_agent.contract.phone_number import PhoneNumber

_INSIDE: Final = re.compile(r"[0-9]{1,6}|.*[^0-9+].*", re.DOTALL)
"""Shorter than any number of E.164, or a name: it is inside the PBX."""
_SIP_URI: Final = re.compile(r"sips?:(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:;]*).*", re.IGNORECASE | re.DOTALL)
_TRUNK_HOST: Final = re.compile(r"(?:sips?:)?(?:[^@]*@)?(?P<host>\[[^\]]*\]|[^:;]*)", re.IGNORECASE)
_VISUAL: Final = re.compile(r"[^0-9A-Za-z+*#]")
_PUBLIC: Final = re.compile(r"\+?[0-9]{7,}")
"""A number of the public network, as a gateway would read it."""
_DIALLABLE: Final = re.compile(r"[0-9+*#]{7,}")
"""What may be a code and a number behind it, such as `*67` and a number."""


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


def refused_transfer(destination: str, number: PhoneNumber | None) -> str | None:
    """Say why a call of this number may not be transferred to `destination`, or return None if it may.

    destination: as `read_destination` returns it. number: None where the call has none, which allows everything.

    A number in a SIP URI counts as a number, whatever the host, for a gateway there would dial it. Any other SIP URI
    leads wherever its host decides: where a list of countries is set, only the host of the number's own trunk will do.
    The host of the caller's From will not: callers write what they like there.
    """
    if number is None or not number.allowed_outbound_country_list:
        return None
    uri = _SIP_URI.fullmatch(destination)
    if uri is None:
        return refused_destination(destination, number)
    user = _VISUAL.sub("", unquote(uri["user"] or ""))
    if _PUBLIC.fullmatch(user):
        return refused_destination(user, number)
    config = number.sip_outbound_trunk_config
    trunk = _TRUNK_HOST.match((config and config.termination_uri) or "")
    if trunk and trunk["host"].lower() == uri["host"].lower() and not _DIALLABLE.fullmatch(user):
        return None
    return (
        f"{number.phone_number} may not reach {uri['host']}: its allowed_outbound_country_list is set, which allows no "
        "SIP host but that of its own trunk, and no codes before a number"
    )
