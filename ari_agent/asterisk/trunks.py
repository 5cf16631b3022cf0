"""The trunk of a phone number as live SIP objects in Asterisk: one auth, one aor, one endpoint, made without a restart.

    object     holds                                       made     removed
    auth       digest credentials (RFC 8760), if any       first    last
    aor        where the INVITE goes: host, port, transport
    endpoint   codecs, encryption; names the other two     last     first

They live in Asterisk's memory (sorcery.conf maps each kind to the files and then to memory), so they are gone after
Asterisk has restarted and have to be made again. No transport is named: the URI's parameter chooses the one of that
protocol, whatever its section is called in pjsip.conf.

A trunk takes no calls. Asterisk knows callers also by their From user, and these names can be guessed: so the endpoint
is identified by nothing but an address that none is configured for, and its context is one that no dialplan has.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.media_encryption import ENDPOINT_FIELDS, media_encryption
from ari_agent.contract.parsing.codec import codec_of
from ari_agent.contract.phone_number import MediaEncryption, TrunkConfig

log = logging.getLogger(__name__)

_KINDS: Final = ("auth", "aor", "endpoint")
_CODECS: Final[Mapping[str, str]] = {"PCMU": "ulaw", "PCMA": "alaw", "G722": "g722", "opus": "opus"}
DEFAULT_CODECS: Final = ("ulaw", "alaw", "g722")
"""The codec that the agents' side speaks stands first, so that nothing is converted."""
_URI: Final = re.compile(r"(?:sip(?P<secure>s)?:)?(?P<host>[^;]+)(?:;transport=(?P<transport>\w+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trunk:
    """The SIP objects that Asterisk is to hold for a trunk, as fields by attribute name.

    auth: None where the far end knows us by our address.
    """

    id: str
    aor: Mapping[str, str]
    endpoint: Mapping[str, str]
    auth: Mapping[str, str] | None = field(default=None, repr=False)


def trunk_id(app: str, phone_number: str) -> str:
    """Return the name of a number's trunk in Asterisk: `{app}-trunk-` and the digits, or hex for other names."""
    if re.fullmatch(r"\+[0-9]+", phone_number):
        return f"{app}-trunk-{phone_number[1:]}"
    return f"{app}-trunk-x{phone_number.encode().hex()}"


def trunk_context(app: str) -> str:
    """Return the context of all trunks, which no dialplan has: a trunk takes no calls."""
    return f"{app}-trunk-takes-no-calls"


def codecs(names: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return Asterisk's names for those codecs of the list that it has, in order; without any, DEFAULT_CODECS."""
    known = (codec for name in names or () if (codec := codec_of(name)))
    return tuple(dict.fromkeys(_CODECS[codec] for codec in known)) or DEFAULT_CODECS


def trunk_address(config: TrunkConfig) -> tuple[str, str] | None:
    """Return where a trunk's calls go: `host` or `host:port`, and `udp`, `tcp` or `tls`; None where nothing says so.

    `termination_uri` may name a transport of its own, which wins over `transport`; `sips:` is never less than TLS.
    """
    uri = _URI.fullmatch(config.termination_uri or "")
    if uri is None:
        return None
    return uri["host"], "tls" if uri["secure"] else (uri["transport"] or config.transport).lower()


def trunk_encryption(config: TrunkConfig | None) -> MediaEncryption:
    """Return whether a trunk's audio is encrypted, by its setting or else by its transport."""
    config = config or TrunkConfig()
    _, transport = trunk_address(config) or ("", config.transport.lower())
    return media_encryption(config, transport)


def trunk(app: str, phone_number: str, config: TrunkConfig) -> Trunk | None:
    """Return the trunk of a number; None where nothing says where to send its calls."""
    address = trunk_address(config)
    if address is None:
        return None
    host, transport = address
    name = trunk_id(app, phone_number)
    login = None
    if config.auth_username and config.auth_password:  # Asterisk takes no empty password
        login = {"username": config.auth_username, "password": config.auth_password}
    endpoint = {
        "context": trunk_context(app),
        "identify_by": "ip",
        "aors": name,
        # The INVITE's From. As caller id of the channel it would be lost when that joins the audio before it dials.
        "from_user": phone_number,
        "outbound_auth": name if login else "",
        "disallow": "all",
        "allow": ",".join(codecs(config.codecs)),
        "direct_media": "no",
        # A REFER from the far end would take it out of the agent's call: refused with 603, and the talk goes on.
        "allow_transfer": "no",
        "rtp_symmetric": "yes",
        **ENDPOINT_FIELDS[trunk_encryption(config)],
    }
    return Trunk(
        id=name,
        aor={"contact": f"sip:{host}{'' if transport == 'udp' else f';transport={transport}'}"},
        endpoint=endpoint,
        auth={"auth_type": "digest", **login} if login else None,
    )


class Trunks:
    """The trunks of one application in one Asterisk. All methods raise AsteriskError."""

    def __init__(self, ari: Ari, *, app: str) -> None:
        self._ari = ari
        self._app = app

    async def put(self, phone_number: str, config: TrunkConfig | None) -> None:
        """Make a number's trunk what its configuration says; calls in progress stay as they are."""
        wanted = trunk(self._app, phone_number, config) if config else None
        if wanted is None:
            await self.remove(phone_number)
            return
        if wanted.auth:
            await self._ari.put_object("auth", wanted.id, wanted.auth)
        # Asterisk adds a contact to those that an aor has, and goes on calling the first.
        await self._ari.delete_object("aor", wanted.id)
        await self._ari.put_object("aor", wanted.id, wanted.aor)
        await self._ari.put_object("endpoint", wanted.id, wanted.endpoint)
        if not wanted.auth:
            await self._ari.delete_object("auth", wanted.id)
        if config and config.auth_username and not wanted.auth:
            log.warning("trunk without a login: its user name has no password", extra={"phone_number": phone_number})
        log.info(
            "trunk is live",
            extra={"phone_number": phone_number, "trunk": wanted.id, "contact": wanted.aor["contact"]},
        )

    async def remove(self, phone_number: str) -> None:
        """Remove a number's trunk. One that is not there is no error."""
        await self._remove(trunk_id(self._app, phone_number))

    async def remove_others(self, phone_numbers: frozenset[str]) -> None:
        """Remove the trunks of all numbers but these."""
        kept = {trunk_id(self._app, phone_number) for phone_number in phone_numbers}
        for name in await self._ari.endpoints():
            if name.startswith(f"{self._app}-trunk-") and name not in kept:
                await self._remove(name)

    async def _remove(self, name: str) -> None:
        for kind in reversed(_KINDS):
            await self._ari.delete_object(kind, name)
