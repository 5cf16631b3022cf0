"""SIP MESSAGE (RFC 3428), the text message of this system: who wrote to whom, and where an answer goes.

An answer goes back the way the message came: out of the same endpoint, to the address it came from. That reaches a
softphone behind NAT as well as a carrier, whatever contact either is configured with. A message that answers none goes
out through the trunk of the number it is sent from.

Everything that goes into a SIP URI here is checked or escaped first, so neither a number nor a header that somebody
else wrote can add a parameter, a header or a second destination.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from ari_agent.asterisk.events import TextMessageReceived
from ari_agent.errors import MalformedMessage

LONGEST_PART_BYTES: Final = 1000
"""UTF-8 bytes of one MESSAGE: RFC 3428 section 8 allows 1300 with all headers, Asterisk takes bodies to 1023."""

_HOST: Final = r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]"
# RFC 3261 section 25.1, as far as numbers and accounts need it; `user` may hold parameters of its own (RFC 3966).
_ADDRESS: Final = re.compile(rf"(?:sips?|pjsip):(?P<user>[^@<>\s]{{1,256}})@(?P<host>{_HOST})(?=[:;>?]|$)", re.I)
_TEL: Final = re.compile(r"tel:(?P<number>\+?[0-9.()*#-]{1,64})(?=[@;?>]|$)", re.I)  # RFC 3966 section 3
_VISUAL: Final = re.compile(r"[-.()]")
_PARTY: Final = re.compile(r"\+?[A-Za-z0-9._*#~-]{1,64}")
_RECEIVED: Final = re.compile(r"(?P<host>[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})")
_ENDPOINT: Final = re.compile(r"[A-Za-z0-9_.+-]{1,128}")
_OTHER_TRANSPORTS: Final = frozenset({"tcp", "tls", "ws", "wss"})


@dataclass(frozen=True, slots=True)
class MessageDestination:
    """Where a text message goes. to: `pjsip:ENDPOINT/URI`. from_uri: becomes the From header."""

    to: str
    from_uri: str


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A text message that came in. from_number, to_number: the user parts of From and of the request's URI.

    sip_call_id: for SIP traces. is_cut_off: the text was longer than the 1023 bytes that Asterisk takes; it is lost.
    """

    from_number: str
    to_number: str
    body: str
    answer_to: MessageDestination
    sip_call_id: str | None = None
    is_cut_off: bool = False


def incoming_message(event: TextMessageReceived) -> IncomingMessage:
    """The message of an event.

    Raises:
        MalformedMessage: a party that is no number and no account, or withholds it; nowhere to answer to.
    """
    message = event.message
    sender = _sender(message.from_.rpartition("<")[2].partition(">")[0] or message.from_)
    called, host = _party("To", message.to)
    received = _RECEIVED.fullmatch(message.variables.get("PJSIP_RECVADDR", ""))
    endpoint = event.endpoint.resource if event.endpoint else ""
    if received is None or not _ENDPOINT.fullmatch(endpoint):
        raise MalformedMessage("it does not say where it came from")
    transport = message.variables.get("PJSIP_TRANSPORT", "").lower()
    uri = f"sip:{_escaped(sender)}@{received[0]}"
    if transport in _OTHER_TRANSPORTS:
        uri += f";transport={transport}"
    return IncomingMessage(
        from_number=sender,
        to_number=called,
        body=message.body,
        answer_to=MessageDestination(f"pjsip:{endpoint}/{uri}", f"sip:{_escaped(called)}@{host}"),
        sip_call_id=message.variables.get("Call-ID"),
        is_cut_off=not message.body and message.variables.get("Content-Length", "0").strip(" 0") != "",
    )


def destination(endpoint: str, *, to_number: str, from_number: str, address: str) -> MessageDestination:
    """To somebody who has not written: out of an endpoint, to its address (`host[:port][;transport=...]`)."""
    host = re.split(r":[0-9]+(?=;|$)|;", address, maxsplit=1)[0]
    return MessageDestination(
        f"pjsip:{endpoint}/sip:{_escaped(to_number)}@{address}", f"sip:{_escaped(from_number)}@{host}"
    )


def parts(text: str, limit_bytes: int = LONGEST_PART_BYTES) -> list[str]:
    """The text in pieces that fit a message each, cut between words where there are any. limit_bytes: 4 or more."""
    found = []
    rest = text.strip()
    while len(rest.encode("utf-8", "replace")) > limit_bytes:
        fitting = rest.encode("utf-8", "replace")[: limit_bytes + 1].decode("utf-8", "ignore")
        cut = max((match.start() for match in re.finditer(r"\s", fitting)), default=0)
        if cut == 0:
            cut = len(rest.encode("utf-8", "replace")[:limit_bytes].decode("utf-8", "ignore"))
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [part for part in (*found, rest) if part]


def _sender(uri: str) -> str:
    """The number or account of From. Whoever withholds it cannot be told from others who do: their chats would mix."""
    if match := _TEL.match(uri):
        return _VISUAL.sub("", match["number"])
    user, host = _party("From", uri)
    if user.lower() == "anonymous" or host.lower().endswith(".invalid"):
        raise MalformedMessage("its sender withholds the number")
    return user


def _party(header: str, uri: str) -> tuple[str, str]:
    """User part, unescaped and without parameters, and host."""
    match = _ADDRESS.match(uri)
    user = unquote(match["user"]).partition(";")[0] if match else ""
    if match is None or not _PARTY.fullmatch(user):
        raise MalformedMessage(f"its {header} {uri[:80]!a} names no number and no account")
    return user, match["host"]


def _escaped(user: str) -> str:
    return quote(user, safe="+*~")
