"""How a REFER names a destination that is a bare number; settings of a number, an extension of ours. Pure.

RFC 3515 leaves open which kind of URI stands in Refer-To: some carriers look only at the user part of a SIP URI, some
want it at a host of theirs, and some take `tel:` (RFC 3966).
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

_HOST: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]{1,5}))?", re.ASCII
)


def _host(text: str) -> str:
    host = text.strip()
    match = _HOST.fullmatch(host)
    if match and 0 < int(match["port"] or 5060) < 65536:
        return host
    raise ValueError(f"must be host or host:port such as mytrunk.pstn.twilio.com, not {host[:60]!r}")


ReferToFormat = Literal["sip", "tel"]
"""`tel` writes a number that begins with + as `tel:+15551234567`; `sip`, and any other number, at a host."""
ReferToHost = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_host)]
"""`host` or `host:port` at which a number is written; without it, that of the caller's own domain."""
