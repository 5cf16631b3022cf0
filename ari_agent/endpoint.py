"""Where the service of a provider is reached, and what it says of a failure: never a key, never a URL's query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ari_agent.contract.parsing.redacted_url import RedactedUrl
from ari_agent.errors import ConfigurationError
from ari_agent.http_client import http_client

CONNECT_TIMEOUT_S: Final = 3.0
_SHOWN_CHARS: Final = 300
_TELLING_CHARS: Final = 8
_HIDDEN: Final = "***"
_KEEP_ALIVE_S: Final = 60.0
_EITHER: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP or websocket service.

    base: its URL without user, password and query, and without a slash at the end; http for ws and https for wss, which
    aiohttp takes for both. query: of the configured URL, sent with every request. host: in lower case. authorization:
    the header that user and password make; empty without them.
    """

    base: str
    query: str = field(repr=False)
    host: str
    authorization: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str, *, setting: str, error: type[ConfigurationError] = ConfigurationError) -> Self:
        """Return the service at a URL that a setting holds.

        error: what is raised, with a message that names the setting, if it is no http, https, ws or wss URL of a host.

        Raises:
            ConfigurationError: see there.
        """
        try:
            redacted = RedactedUrl.of(url)
            parts = urlsplit(redacted.target)
            scheme = _EITHER[parts.scheme]
        except (ValueError, KeyError):
            raise error(f"{setting} must be a URL like https://host/v1") from None
        base = urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        return cls(base, parts.query, parts.hostname or "", redacted.authorization)

    def url(self, path: str, query: str = "") -> str:
        """Return the URL of one of its resources; the query of the configured URL comes first."""
        return self.base + path + ("?" if self.query or query else "") + "&".join(filter(None, (self.query, query)))

    def is_of(self, domain: str) -> bool:
        """Return whether the endpoint's host is this domain or lies in it."""
        return self.host == domain or self.host.endswith(f".{domain}")

    def headers(self, key_header: Mapping[str, str]) -> dict[str, str]:
        """Return what authorizes a request: the provider's key, or else user and password of the URL."""
        return {**self.authorization, **key_header}


def http_session(headers: Mapping[str, str] | None = None) -> aiohttp.ClientSession:
    """Return a session for one provider, with as many connections as there are calls.

    They stay open for a minute, so that the next request does not wait for TCP and TLS.
    """
    return http_client(
        headers=headers,
        keep_alive_s=_KEEP_ALIVE_S,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
    )


def refuses_key(status: int) -> bool:
    """Return whether this HTTP status says that the key is wrong. The body is then not shown: it may hold the key."""
    return status in {401, 403}


def may_pass(status: int) -> bool:
    """Return whether the same request may succeed in a moment, by the HTTP status of its answer."""
    return status >= 500 or status in {408, 429}


def reason(body: bytes, *, secret: str | None) -> str:
    """What the body of an error says, in one short line: {"error": {"message": ...}}, {"detail": ...} and the like."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "detail", "message", "message"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return printable(found, secret=secret) if isinstance(found, str) else ""


def without_secret(text: str, secret: str) -> str:
    """Return a text without a secret; nor does it end with the beginning of one, where the text was cut.

    A beginning of fewer than _TELLING_CHARS characters stays: it tells nothing.
    """
    if not secret:
        return text
    text = text.replace(secret, _HIDDEN)
    end = text.rstrip(")'\"")  # what others say is quoted, or stands in parentheses
    for length in range(len(secret) - 1, _TELLING_CHARS - 1, -1):
        if end.endswith(secret[:length]):
            return end[:-length] + _HIDDEN + text[len(end) :]
    return text


def printable(text: str, *, secret: str | None) -> str:
    """A provider's words for a log: one line, short, and without the key."""
    text = without_secret(text, secret or "")
    return "".join(character if character.isprintable() else " " for character in text)[:_SHOWN_CHARS].strip()
