"""SIP header names and values: what is read of an INVITE, and what becomes of it. Pure.

Every `X-*` header and `Diversion`, `History-Info`, `User-To-User` and `P-Asserted-Identity` counts. `X-Caller: abc`
becomes the dynamic variables `x-caller` and `X-Caller`: the name in lower case and as the INVITE writes it, the value
untouched. The dialplan sees it as the channel variable ARI_AGENT_HDR_X_CALLER.

Asterisk names them with `PJSIP_HEADERS(prefix)`, a comma-separated list that repeats what the INVITE repeats, and
reads them with `PJSIP_HEADER(read,NAME,n)`; neither tells upper from lower case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

HEADER_PREFIX: Final = "X-"
HEADER_NAMES: Final = ("Diversion", "History-Info", "User-To-User", "P-Asserted-Identity")
CHANNEL_VARIABLE_PREFIX: Final = "ARI_AGENT_HDR_"
# An INVITE of 64 kB could bring thousands, and reading each costs Asterisk a turn of the call's own thread.
MAX_HEADERS: Final = 200

# RFC 3261 section 25.1 `token`, without `*`, which PJSIP_HEADER takes for a wildcard, and without the quotes: a name
# stands between parentheses and commas there, and nothing of it may end the argument.
_CUSTOM_NAME: Final = re.compile(r"x-[a-z0-9.!%_+~-]{1,126}", re.ASCII | re.IGNORECASE)
_WANTED: Final = frozenset(name.lower() for name in HEADER_NAMES)
_NOT_IN_A_VARIABLE: Final = re.compile(r"[^A-Z0-9]")
_HOST: Final = re.compile(r"sips?:(?:[^@>;?]*@)?(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?=[:;>?]|$)")
_ADDRESS: Final = re.compile(r"(?P<host>[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})")
_SIP_PORT: Final = 5060


@dataclass(frozen=True, slots=True)
class HeaderRead:
    """A header line to read. occurrence: 1 for the first line of this name."""

    name: str
    occurrence: int = 1

    @property
    def function(self) -> str:
        """Return the dialplan function that reads the line."""
        return f"PJSIP_HEADER(read,{self.name},{self.occurrence})"


CALLED_PARTY: Final = HeaderRead("P-Called-Party-ID")
PRIVACY: Final = HeaderRead("Privacy")
FACT_READS: Final = (CALLED_PARTY, PRIVACY)
"""Headers that tell who is called and who calls, and become no variables."""


def becomes_variable(name: str) -> bool:
    """Return whether a header of this name becomes a dynamic variable."""
    return name.lower() in _WANTED or _CUSTOM_NAME.fullmatch(name) is not None


def header_reads(names: str) -> list[HeaderRead]:
    """Return the lines to read, in the order of the INVITE, at most MAX_HEADERS.

    names: the answer of PJSIP_HEADERS().
    """
    seen: Counter[str] = Counter()
    reads: list[HeaderRead] = []
    for name in (part.strip() for part in names.split(",")):
        if not becomes_variable(name):
            continue
        seen[name.lower()] += 1
        reads.append(HeaderRead(name, seen[name.lower()]))
    return reads[:MAX_HEADERS]


def fact_reads(names: str) -> list[HeaderRead]:
    """Return those of FACT_READS that the INVITE has. names: the answer of PJSIP_HEADERS()."""
    listed = {name.strip().lower() for name in names.split(",")}
    return [read for read in FACT_READS if read.name.lower() in listed]


def written_names(reads: Iterable[HeaderRead]) -> dict[str, str]:
    """Return how the INVITE first writes the name of each header, by the name in lower case."""
    written: dict[str, str] = {}
    for read in reads:
        written.setdefault(read.name.lower(), read.name)
    return written


def under_both_names(headers: Mapping[str, str], written: Mapping[str, str]) -> dict[str, str]:
    """Return header values by their names in lower case and by those that `written_names` gives."""
    return {written.get(name, name): value for name, value in headers.items()} | dict(headers)


def custom_sip_headers(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header values by their names in lower case.

    lines: name and value of each, in the order of the INVITE. Values of one name are joined with `, ` (RFC 3261 section
    7.3.1).
    """
    headers: dict[str, str] = {}
    for name, value in lines:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def channel_variable_name(header: str) -> str:
    """Return the channel variable of a header: `x-caller` -> `ARI_AGENT_HDR_X_CALLER`."""
    return CHANNEL_VARIABLE_PREFIX + _NOT_IN_A_VARIABLE.sub("_", header.upper())


def channel_variables(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the channel variables of the headers, by name.

    `x-a.b` and `x-a-b` would share a variable: the first keeps the name, later ones get `_2`, `_3` and so on.
    """
    variables: dict[str, str] = {}
    for header, value in headers.items():
        name = plain = channel_variable_name(header)
        number = 1
        while name in variables:
            number += 1
            name = f"{plain}_{number}"
        variables[name] = value
    return variables


def callers_host(remote_uri: str | None, remote_address: str | None) -> str | None:
    """Return the host where a number without a host is to be understood: that of the caller's own domain.

    remote_uri: the From URI, `CHANNEL(pjsip,remote_uri)`. Its host is a carrier's own for a call from a trunk, and the
    PBX's for a call from one of its telephones: in both cases who knows the number. A withheld From
    (`anonymous.invalid`, RFC 3323 section 4.1) leaves remote_address, `CHANNEL(pjsip,remote_addr)`: where the INVITE
    came from. When the two are the same host, the port is kept.
    """
    uri = _HOST.search(remote_uri or "")
    address = _ADDRESS.fullmatch(remote_address or "")
    host = uri["host"] if uri else None
    if host is not None and host.lower().rpartition(".")[2] == "invalid":
        host = None
    if address is None:
        return host
    if host is None or host == address["host"]:
        port = int(address["port"])
        return address["host"] if port == _SIP_PORT else f"{address['host']}:{port}"
    return host
