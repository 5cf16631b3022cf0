"""Takes a SIP URI apart, without judging it: what may stand in one is for whoever reads it first. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_URI: Final = re.compile(
    r"sips?:(?:(?P<user>[^@]*)@)?(?P<host>\[[^\]]*\]|[^:;?]*)(?P<more>.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class SipUri:
    """The parts of a SIP or SIPS URI (RFC 3261 section 19.1.1).

    user: as it is written, with its escapes; "" where there is none. host: in lower case, without the dot that a full
    domain name may end in; an IPv6 address keeps its brackets. more: port, parameters and headers, as they are written.
    """

    user: str
    host: str
    more: str

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Return the parts of a URI; None for what begins with neither `sip:` nor `sips:`."""
        parts = _URI.fullmatch(text)
        return cls(parts["user"] or "", parts["host"].lower().rstrip("."), parts["more"]) if parts else None
