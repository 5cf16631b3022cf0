"""Reads the SIP headers of a caller's INVITE through ARI: two requests where Asterisk reads many in one.

Asterisk reads no header line longer than about 4090 bytes, nor a value that is no UTF-8, and one such line fails the
list of names and the bulk read that it is part of. Then the others are read one by one, and their names are found by
asking for ever longer prefixes, each of which fails only if the long line is under it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.codecs import CODEC
from ari_agent.asterisk.sip_headers import (
    CALLED_PARTY,
    FACT_READS,
    HEADER_NAMES,
    HEADER_PREFIX,
    PRIVACY,
    HeaderRead,
    callers_host,
    custom_sip_headers,
    fact_reads,
    header_reads,
    under_both_names,
    written_names,
)

log = logging.getLogger(__name__)

CALL_ID: Final = "CHANNEL(pjsip,call-id)"
_REMOTE_URI: Final = "CHANNEL(pjsip,remote_uri)"
_LOCAL_URI: Final = "CHANNEL(pjsip,local_uri)"
_REMOTE_ADDRESS: Final = "CHANNEL(pjsip,remote_addr)"
_REQUEST_URI: Final = "CHANNEL(pjsip,request_uri)"
_DNID: Final = "CALLERID(dnid)"
_PRESENTATION: Final = "CALLERID(num-pres)"
_ALL_NAMES: Final = "PJSIP_HEADERS()"
_FACTS: Final = (
    _ALL_NAMES,
    CALL_ID,
    _REMOTE_URI,
    _LOCAL_URI,
    _REMOTE_ADDRESS,
    _REQUEST_URI,
    _DNID,
    _PRESENTATION,
    CODEC,
)
_NAME_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789-_."
# `X-` and four characters more: at worst some 160 requests, spent only on an INVITE with a line over 4 kB.
_MAX_PREFIX_CHARACTERS: Final = 6
_MAX_REPEATS: Final = 8


@dataclass(frozen=True, slots=True)
class SipHeaders:
    """What the controller keeps of the caller's INVITE.

    headers: those that become variables: names in lower case, values untouched. written: by the same names, how the
    INVITE writes them. sip_call_id: its Call-ID. caller_host: where a number in a REFER is to be understood.
    local_uri: that of To, which is ours in a Referred-By. unreadable: names of headers that Asterisk could not hand
    over; a line over 4 kB hides its own name. request_uri, from_uri: of the INVITE. called_party, privacy: the headers
    P-Called-Party-ID and Privacy. dnid, presentation: CALLERID(dnid) and CALLERID(num-pres), which other channels than
    those of SIP have as well, like codec: that of the audio, under Asterisk's name.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    sip_call_id: str | None = None
    caller_host: str | None = None
    local_uri: str | None = None
    unreadable: tuple[str, ...] = ()
    request_uri: str = ""
    from_uri: str = ""
    called_party: str = ""
    privacy: str = ""
    dnid: str = ""
    presentation: str = ""
    codec: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """Return the dynamic variables that the headers become."""
        return under_both_names(self.headers, self.written)


async def read_sip_headers(ari: Ari, channel_id: str) -> SipHeaders:
    """Read the headers of a channel's INVITE, before the answer or after it.

    A channel that is no PJSIP channel has none, only dnid and presentation.

    Raises:
        AsteriskUnreachable, AsteriskRefused, ChannelGone: as they say.
    """
    facts = await ari.read_variables(channel_id, _FACTS)
    sip_call_id = facts.get(CALL_ID)
    names = facts.get(_ALL_NAMES)
    if names is None and sip_call_id is not None:
        log.warning("a SIP header is longer than Asterisk can read", extra={"channel_id": channel_id})
        names = ",".join([*HEADER_NAMES, *await _names_under(ari, channel_id, HEADER_PREFIX)])
        about = list(FACT_READS)
        reads = await _with_repeats(ari, channel_id, header_reads(names))
        missing: Sequence[HeaderRead] = ()
    else:
        reads = header_reads(names or "")
        about = fact_reads(names or "")
        missing = reads
    values = await ari.read_variables(channel_id, [read.function for read in (*reads, *about)])
    unreadable = tuple(dict.fromkeys(read.name.lower() for read in missing if read.function not in values))
    if unreadable:
        log.warning("SIP headers that Asterisk cannot read", extra={"channel_id": channel_id, "names": unreadable})
    return SipHeaders(
        headers=custom_sip_headers((read.name, values[read.function]) for read in reads if read.function in values),
        written=written_names(reads),
        sip_call_id=sip_call_id,
        caller_host=callers_host(facts.get(_REMOTE_URI), facts.get(_REMOTE_ADDRESS)),
        local_uri=facts.get(_LOCAL_URI),
        unreadable=unreadable,
        request_uri=facts.get(_REQUEST_URI, ""),
        from_uri=facts.get(_REMOTE_URI, ""),
        called_party=values.get(CALLED_PARTY.function, ""),
        privacy=values.get(PRIVACY.function, ""),
        dnid=facts.get(_DNID, ""),
        presentation=facts.get(_PRESENTATION, ""),
        codec=facts.get(CODEC, ""),
    )


async def read_far_end(ari: Ari, channel_id: str) -> SipHeaders:
    """Return what a REFER of a call that we placed needs to know; its channel has no INVITE headers to read."""
    facts = await ari.read_variables(channel_id, (_REMOTE_URI, _LOCAL_URI))
    return SipHeaders(caller_host=callers_host(facts.get(_REMOTE_URI), None), local_uri=facts.get(_LOCAL_URI))


async def _names_under(ari: Ari, channel_id: str, prefix: str) -> list[str]:
    """Return the names of readable headers that begin with a prefix, although a long line may be among them."""
    listed = await ari.read_variable(channel_id, f"PJSIP_HEADERS({prefix})")
    if listed is not None:
        return listed.split(",")
    if len(prefix) >= _MAX_PREFIX_CHARACTERS or not await _some_readable(ari, channel_id, prefix):
        return []
    longer = await asyncio.gather(
        *(_names_under(ari, channel_id, prefix + character) for character in _NAME_CHARACTERS)
    )
    return [prefix, *(name for names in longer for name in names)]


async def _some_readable(ari: Ari, channel_id: str, prefix: str) -> bool:
    """Return whether any header under the prefix can be read: the list fails alike for none and for a long one."""
    values = await asyncio.gather(
        *(ari.read_variable(channel_id, f"PJSIP_HEADER(read,{prefix}*,{number})") for number in range(1, 4))
    )
    return any(value is not None for value in values)


async def _with_repeats(ari: Ari, channel_id: str, reads: Sequence[HeaderRead]) -> list[HeaderRead]:
    """Return the reads without those of missing headers, and with further lines of the names that were not listed."""
    found: list[HeaderRead] = []
    for read in reads:
        if read.name not in HEADER_NAMES:
            found.append(read)
            continue
        for occurrence in range(1, _MAX_REPEATS + 1):
            line = HeaderRead(read.name, occurrence)
            if await ari.read_variable(channel_id, line.function) is None:
                break
            found.append(line)
    return found
