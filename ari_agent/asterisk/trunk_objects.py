"""The trunk of a phone number as live SIP objects in Asterisk, as fields of Asterisk's configuration. Pure.

    object         holds                                                          made     removed
    auth           digest credentials (RFC 8760), if any                          first    last
    aor            where the INVITE goes: host, port, transport; OPTIONS
    endpoint       codecs, encryption, who may call; names the other two
    identify       the addresses that the carrier's calls come from, if any
    registration   that we register (RFC 3261 section 10), if we do               last     first

A trunk with several destinations has an aor and an endpoint for each: see `trunk_destinations`.

They live in Asterisk's memory (sorcery.conf maps each kind to the files and then to memory), so they are gone after
Asterisk has restarted and have to be made again. No transport is named: the URI's parameter chooses the one of that
protocol, whatever its section is called in pjsip.conf.

Who calls by a trunk. Asterisk knows callers also by their From user, and the names of trunks can be guessed: so an
endpoint is identified by addresses alone, and by the random word (`line`) that Asterisk puts into the contact which it
registers. A trunk with neither takes no calls: no address is configured for it, and its context is one that no dialplan
has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from ari_agent.asterisk.media_encryption import ENDPOINT_FIELDS, media_encryption
from ari_agent.asterisk.trunk_destinations import Destination, address_of, destinations, trunk_address, trunk_id
from ari_agent.contract.parsing.codec import codec_of
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_settings import MediaEncryption

FROM_TRUNK: Final = "from-trunk"
"""The context of the shipped dialplan where the calls of trunks come in."""
KINDS: Final = ("auth", "aor", "endpoint", "identify", "registration")
"""The kinds of objects of a trunk, in the order in which they are made."""
_CODECS: Final[Mapping[str, str]] = {"PCMU": "ulaw", "PCMA": "alaw", "G722": "g722", "opus": "opus"}
DEFAULT_CODECS: Final = ("ulaw", "alaw", "g722")
"""The codec that the agents' side speaks stands first, so that nothing is converted."""
_USER_CHARACTERS: Final = "+*._~!$&'()=-"
"""What may stand in the user part of a SIP URI as it is (RFC 3261 section 25.1), but for what Asterisk cuts at."""
_RETRY_S: Final = "30"
"""Pause before a registrar that did not answer, or could not serve us, is asked again."""
_REFUSED_RETRY_S: Final = "600"
"""Pause before a registrar that refused us is asked again: carriers lock those out who try a wrong password often."""
_MOST_RETRIES: Final = "1000000"  # Asterisk would give up after ten, for good


@dataclass(frozen=True, slots=True)
class Trunk:
    """The SIP objects that Asterisk is to hold for one destination of a trunk, as fields by attribute name.

    auth: None where the far end knows us by our address. identify, registration: None without.
    """

    id: str
    aor: Mapping[str, str]
    endpoint: Mapping[str, str]
    auth: Mapping[str, str] | None = field(default=None, repr=False)
    identify: Mapping[str, str] | None = None
    registration: Mapping[str, str] | None = None

    def objects(self) -> Sequence[tuple[str, Mapping[str, str]]]:
        """List kind and fields of its objects in the order in which they are to be made."""
        every = [("auth", self.auth), ("aor", self.aor), ("endpoint", self.endpoint)]
        every += [("identify", self.identify), ("registration", self.registration)]
        return [(kind, fields) for kind, fields in every if fields is not None]


def trunk_context(app: str) -> str:
    """Return the context of a trunk that takes no calls, which no dialplan has."""
    return f"{app}-trunk-takes-no-calls"


def takes_calls(config: TrunkConfig) -> bool:
    """Tell whether the carrier's calls come in by the trunk itself."""
    return config.registration is not None or bool(config.inbound_addresses)


def codecs(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return Asterisk's names for those codecs of the list that it has, in order; without any, DEFAULT_CODECS."""
    known = (codec for name in names or () if (codec := codec_of(name)))
    return tuple(dict.fromkeys(_CODECS[codec] for codec in known)) or DEFAULT_CODECS


def trunk_encryption(config: TrunkConfig | None) -> MediaEncryption:
    """Return whether a trunk's audio is encrypted, by its setting or else by its transport."""
    config = config or TrunkConfig()
    _, transport = trunk_address(config) or ("", config.transport.lower())
    return media_encryption(config, transport)


def trunks(app: str, phone_number: str, config: TrunkConfig | None, *, context: str = FROM_TRUNK) -> Sequence[Trunk]:
    """Return the objects of a number's trunk, one set for each destination; none where no calls can go out.

    context: of the dialplan, where the calls of a trunk that takes calls come in.
    """
    if config is None or not (ways := destinations(app, phone_number, config)):
        return ()
    first, *others = (_way(app, phone_number, config, way) for way in ways)
    if takes_calls(config):
        # Text messages go to the controller alone, as there is no such context.
        inbound = {"context": context, "message_context": trunk_context(app)}
        first = replace(first, endpoint={**first.endpoint, **inbound})
    if config.inbound_addresses:
        first = replace(first, identify={"endpoint": first.id, "match": ",".join(config.inbound_addresses)})
    return (replace(first, registration=_registration(phone_number, config, first.id)), *others)


def _login(config: TrunkConfig) -> Mapping[str, str] | None:
    if config.auth_username and config.auth_password:  # Asterisk takes no empty password
        return {"username": config.auth_username, "password": config.auth_password}
    return None


def _way(app: str, phone_number: str, config: TrunkConfig, way: Destination) -> Trunk:
    login = _login(config)
    main = trunk_id(app, phone_number)
    endpoint = {
        "context": trunk_context(app),
        "identify_by": "ip",
        "aors": way.endpoint,
        # The INVITE's From. As caller id of the channel it would be lost when that joins the audio before it dials.
        "from_user": phone_number,
        "outbound_auth": main if login else "",
        "disallow": "all",
        "allow": ",".join(codecs(config.codecs)),
        "direct_media": "no",
        # A REFER from the far end would take it out of the agent's call: refused with 603, and the talk goes on.
        "allow_transfer": "no",
        "rtp_symmetric": "yes",
        **ENDPOINT_FIELDS[trunk_encryption(config)],
    }
    aor = {"contact": way.uri}
    if config.qualify_frequency_s:
        aor["qualify_frequency"] = str(config.qualify_frequency_s)
    auth = {"auth_type": "digest", **login} if login and way.endpoint == main else None
    return Trunk(id=way.endpoint, aor=aor, endpoint=endpoint, auth=auth)


def registration_uris(phone_number: str, config: TrunkConfig) -> tuple[str, str] | None:
    """Return server_uri and client_uri of a trunk's registration, by which Asterisk tells its state; None without.

    They are the registrar, and the address of record: the user name at the registrar's host (RFC 3261 section 10.2).
    """
    if config.registration is None:
        return None
    address = address_of(config.registration.registrar_uri or config.termination_uri or "", config)
    if address is None:
        return None
    host, transport = address
    user = quote(config.auth_username or phone_number, safe=_USER_CHARACTERS)
    return Destination("", host, transport).uri, f"sip:{user}@{host}"


def registered_user(phone_number: str, config: TrunkConfig) -> str | None:
    """Return the user part of the contact that a trunk registers, which its carrier then calls; None without.

    It is the user name and not the number: a carrier with many numbers of ours then names the called one in To.
    """
    if config.registration is None:
        return None
    return config.registration.contact_user or config.auth_username or phone_number


def _registration(phone_number: str, config: TrunkConfig, name: str) -> Mapping[str, str] | None:
    wanted, uris = config.registration, registration_uris(phone_number, config)
    if wanted is None or uris is None:
        return None
    server_uri, client_uri = uris
    return {
        "server_uri": server_uri,
        "client_uri": client_uri,
        "outbound_auth": name if _login(config) else "",
        "contact_user": quote(registered_user(phone_number, config) or "", safe=_USER_CHARACTERS),
        "expiration": str(wanted.expires_s),
        "line": "yes",
        "endpoint": name,
        "max_random_initial_delay": "0",
        "retry_interval": _RETRY_S,
        "forbidden_retry_interval": _REFUSED_RETRY_S,
        "fatal_retry_interval": _REFUSED_RETRY_S,
        "max_retries": _MOST_RETRIES,
    }
