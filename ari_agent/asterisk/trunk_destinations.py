"""Where the calls of a trunk go: its destinations, in order, and when the next one is tried. Pure.

    termination_uri       endpoint {app}-trunk-14155550100      with all that takes calls, too
    termination_uris[0]   endpoint {app}-trunk-14155550100-2
    termination_uris[1]   endpoint {app}-trunk-14155550100-3

Asterisk itself goes on to the next address of one name, if the DNS has several (RFC 3263 section 4.3), and to nothing
else. What is decided by the callee is final: whoever is busy or declines is not called again by another way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.contract.phone_number import TrunkConfig

NO_RESPONSE_MS: Final = 4_000.0
"""How long a destination may leave an INVITE without any response while there is another one to try; Asterisk itself
would wait for 32 s (timer B of RFC 3261)."""
_URI: Final = re.compile(r"(?:sip(?P<secure>s)?:)?(?P<host>[^;]+)(?:;transport=(?P<transport>\w+))?", re.IGNORECASE)
_UNAVAILABLE: Final = frozenset({408, 500, 502, 503, 504})
"""The SIP statuses by which a destination says that it cannot serve the call, whoever is called (RFC 3261 21.5)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One way out of a trunk.

    endpoint: its name in Asterisk. host: `host` or `host:port`. transport: `udp`, `tcp` or `tls`.
    """

    endpoint: str
    host: str
    transport: str

    @property
    def uri(self) -> str:
        """The SIP URI of the destination."""
        return f"sip:{self.host}{'' if self.transport == 'udp' else f';transport={self.transport}'}"


def trunk_id(app: str, phone_number: str) -> str:
    """Return the name of a number's trunk in Asterisk: `{app}-trunk-` and the digits, or hex for other names."""
    if re.fullmatch(r"\+[0-9]+", phone_number):
        return f"{app}-trunk-{phone_number[1:]}"
    return f"{app}-trunk-x{phone_number.encode().hex()}"


def number_of_trunk(app: str, channel_name: str) -> str | None:
    """Return the phone number whose trunk a channel is of; None for a channel of no trunk. See `trunk_id`."""
    found = re.fullmatch(
        rf"PJSIP/{re.escape(app)}-trunk-(?:(?P<digits>[0-9]+)|x(?P<hex>(?:[0-9a-f]{{2}})+))(?:-[0-9])?-[0-9a-f]{{8}}",
        channel_name,
    )
    if found is None:
        return None
    return f"+{found['digits']}" if found["digits"] else bytes.fromhex(found["hex"]).decode("utf-8", "replace")


def trunk_address(config: TrunkConfig) -> tuple[str, str] | None:
    """Return where a trunk's calls go first: `host` or `host:port`, and `udp`, `tcp` or `tls`; None where nothing says.

    `termination_uri` may name a transport of its own, which wins over `transport`; `sips:` is never less than TLS.
    """
    return address_of(config.termination_uri, config) if config.termination_uri else None


def address_of(uri: str, config: TrunkConfig) -> tuple[str, str] | None:
    """Return host and transport of a termination_uri of a trunk, as `trunk_address` does; None where it is none."""
    parts = _URI.fullmatch(uri)
    if parts is None:
        return None
    return parts["host"], "tls" if parts["secure"] else (parts["transport"] or config.transport).lower()


def destinations(app: str, phone_number: str, config: TrunkConfig | None) -> Sequence[Destination]:
    """List where a number's calls go, in the order in which they are tried; empty where it has no trunk."""
    if config is None or not config.termination_uri:
        return ()
    uris = (config.termination_uri, *(config.termination_uris or ()))
    addresses = dict.fromkeys(address for uri in uris if (address := address_of(uri, config)))
    name = trunk_id(app, phone_number)
    return tuple(
        Destination(name if place == 1 else f"{name}-{place}", host, transport)
        for place, (host, transport) in enumerate(addresses, 1)
    )


def tries_next(sip_status: int | None, *, rang: bool) -> bool:
    """Tell whether a call that was not answered is to try the trunk's next destination.

    sip_status: of the final response, or what Asterisk makes of none at all: 408 where nobody answers, 503 where there
    is no such host or no connection to it. rang: there was a 180 or 183, so somebody was called.
    """
    return not rang and sip_status in _UNAVAILABLE
