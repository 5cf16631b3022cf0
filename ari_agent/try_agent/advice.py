"""What to tell the writer of an agent: what would be right, and why an agent cannot be reached. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ari_agent.agents.schema.message_model import MessageTable
from ari_agent.agents.schema.message_tables import TABLES
from ari_agent.try_agent.options import TrialProtocol

_NOT_A_WEBSOCKET: Final = (
    "something answers there, but not a websocket: are port and path those of the agent, and is it ws:// or wss://?"
)
_BROKEN_OFF: Final = re.compile(r"SSL|TLS|record layer|[Rr]eset|closed|[Dd]isconnected|EOF")
_UNREACHED: Final[Sequence[tuple[str, str]]] = (
    (r"refused|Connect call failed", "nothing listens there: is the agent running, on this port?"),
    (r"\b40[13]\b", "the agent refuses the handshake: does it want --header 'Authorization: ...' or --auth-token?"),
    (r"\b404\b", "the server has nothing at this path: is the path of the URL right?"),
    (r"\b30\d\b", "the server redirects, which is not followed: give the URL that it redirects to"),
    (r"\b5\d\d\b", "the agent's server failed while it answered the handshake: its own log says why"),
    (r"answered \d+", _NOT_A_WEBSOCKET),
    (
        r"CERTIFICATE_VERIFY_FAILED|CertificateError",
        "its certificate is not one that this machine trusts, or is made for another name: SSL_CERT_FILE names a file "
        "with an authority of your own",
    ),
    (
        r"Name or service|nodename|No address|Temporary failure in name|DNSError",
        "there is no such host: is the name in the URL right?",
    ),
    (
        r"timed out|Timeout|within [\d.]+ s",
        "nothing answered in time: is the address right, and does a firewall drop it?",
    ),
    (r"malformed|no ws or wss URL", "a URL looks like ws://127.0.0.1:8770/path"),
    (r"handshake|upgrade|HTTP|ClientResponseError|[Rr]eset|closed|[Dd]isconnected", _NOT_A_WEBSOCKET),
)
"""Regular expressions of errors, and what they mean in plain words; the first that is found counts."""

_FAULTS: Final[Sequence[tuple[str, str]]] = (
    (r"header of a WAV file", "send samples alone: leave out the header (44 bytes of most files)"),
    (r"WAV file was not played", "convert it to the audio that is expected, and send its samples without the header"),
    (r"WAV file", "send samples alone, without the header of a file"),
    (r"at most \d+ are taken", "send long audio in several messages"),
    (r"more marks are waiting", "send a mark at the end of what you say, not with every piece of it"),
    (r"binary message", "send audio as base64 in a text message: {media}"),
    (r"not base64|media\.payload", "{media}"),
    (r"unknown", "known are {known}"),
)


def why_not_reached(url: str, message: str) -> str:
    """Return in plain words what a failed handshake means and what to do. message: the error's own text."""
    if url.startswith("wss:") and _BROKEN_OFF.search(message) and "CERTIFICATE" not in message.upper():
        return "it does not speak TLS there, or no TLS that this machine takes: is it ws:// and not wss://?"
    return next((advice for pattern, advice in _UNREACHED if re.search(pattern, message)), "")


def table_of(protocol: TrialProtocol) -> MessageTable:
    """Return the messages that an agent may send in this protocol."""
    return TABLES[f"{protocol}-from-agent"]


def right_for(protocol: TrialProtocol, fault: str, kind: str | None = None) -> str:
    """Return what would be right instead of a message with this fault. kind: which message it was, where known."""
    table = table_of(protocol)
    for pattern, advice in _FAULTS:
        if re.search(pattern, fault):
            return advice.format(media=table.example("media"), known=_known(table))
    example = table.example(kind) if kind else None
    return example or f"a text message is one JSON object with {table.key}, which is one of {_known(table)}"


def meant_protocol(protocol: TrialProtocol, message: Mapping[str, object] | None) -> TrialProtocol | None:
    """Guess which protocol an agent speaks from a message that is none of this protocol; None where nothing tells.

    message: the JSON object that it sent, None for a binary message.
    """
    found: TrialProtocol | None = None
    if message is None:
        found = "web"
    elif "response_type" in message or "response_id" in message:
        found = "llm"
    elif "streamSid" in message or message.get("event") == "media":
        found = "twilio"
    return None if found == protocol else found


def _known(table: MessageTable) -> str:
    return ", ".join(name for name in table.models if " " not in name)
