"""What a number's trunk can be set to: destinations, encryption, registration, and where its calls come from."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel, Many

_TERMINATION_URI: Final = re.compile(
    r"(sips?:)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)(:(?P<port>[0-9]{1,5}))?"
    r"(;transport=(tcp|udp|tls))?",
    re.IGNORECASE,
)
_WIDEST_NETWORK: Final = {4: 8, 6: 16}
"""The shortest prefix of a network that calls may be taken from, by IP version, as nothing else is looked at."""


def _termination_uri(text: str) -> str:
    uri = text.strip()  # since people copy and paste it
    match = _TERMINATION_URI.fullmatch(uri)
    if match and 0 < int(match["port"] or 5060) < 65536:
        return uri
    raise ValueError(f"must be host, host:port or sip:host such as mytrunk.pstn.twilio.com, not {uri[:60]!r}")


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"must be an address or a network such as 192.0.2.0/28, not {text[:60]!r}") from None
    if network.prefixlen < _WIDEST_NETWORK[network.version]:
        raise ValueError(f"{network} is too wide: name the addresses that the carrier publishes")
    return str(network)


def _our_word(value: object) -> object:
    """Return our word for the same, where this is another usual one; everything else as it is."""
    return _OTHER_WORDS.get(value, value) if isinstance(value, str) else value


_OTHER_WORDS: Final = {"required": "require", "optional": "allow", "none": "disable"}

TerminationUri = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_termination_uri)]
MoreDestinations = Annotated[Many[TerminationUri], Field(max_length=8)]
"""The destinations that are tried after `termination_uri`, in this order; naming that one again does no harm."""
MediaEncryption = Annotated[Literal["require", "allow", "disable"], BeforeValidator(_our_word)]
"""Whether the audio of a trunk is encrypted (SRTP), of ours; also `required`, `optional` and `none` are understood."""
_Network = Annotated[str, Field(max_length=60), AfterValidator(_network)]
CarrierAddresses = Annotated[Many[_Network], Field(max_length=100)]
"""The addresses and networks that a carrier's calls come from; whoever calls from there is taken for the carrier."""
QualifyFrequency = Annotated[int, Field(strict=True, ge=0, le=86_400), INTEGRAL]
"""Every how many seconds OPTIONS asks a trunk's destinations whether they are there; 0 never."""


class TrunkRegistration(ContractModel):
    """Makes Asterisk register with the carrier (SIP REGISTER), whose calls then come to where it did so from.

    registrar_uri: the registrar, as a termination_uri; null for that one. expires_s: how long a registration is to
    last; the registrar may shorten it. contact_user: the user part of the address that is registered, which a carrier
    calls; null for the trunk's user name.
    """

    registrar_uri: TerminationUri | None = None
    expires_s: Annotated[int, Field(strict=True, ge=60, le=86_400), INTEGRAL] = 3600
    contact_user: Annotated[str, Field(pattern=r"^[A-Za-z0-9+*._-]{1,64}$")] | None = None
