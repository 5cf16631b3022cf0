"""Where a provider of speech is reached, and what is said of its failures: never a key, never a URL's query."""

from __future__ import annotations

import base64
import binascii
import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ari_agent.contract.parsing.redacted_url import RedactedUrl
from ari_agent.errors import SpeechUnavailable
from ari_agent.http_client import http_client
from ari_agent.speech.attempts import AttemptFailed

CONNECT_TIMEOUT_S: Final = 3.0
_SHOWN_CHARS: Final = 300
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
    def of(cls, url: str, *, setting: str) -> Self:
        """Return the service at a URL that a setting holds.

        Raises:
            SpeechUnavailable: it is no http, https, ws or wss URL of a host; the message names the setting.
        """
        try:
            redacted = RedactedUrl.of(url)
            parts = urlsplit(redacted.target)
            scheme = _EITHER[parts.scheme]
        except (ValueError, KeyError):
            raise SpeechUnavailable(f"{setting} must be a URL like https://host/v1") from None
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

    They stay open for a minute, so that the next sentence does not wait for TCP and TLS.
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


@contextmanager
def failures(shown: str) -> Iterator[None]:
    """Whatever the network does is an AttemptFailed of one line."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise AttemptFailed(f"{shown}: its certificate is not valid: {_line(error)}", again=False) from None
    except aiohttp.InvalidURL:
        raise AttemptFailed(f"{shown} is not a URL that a request can be sent to", again=False) from None
    except ValueError as error:  # of PcmStream, or of a key that no header can carry
        raise AttemptFailed(f"{shown} failed: {_line(error)}", again=False) from None
    except aiohttp.WSServerHandshakeError as error:
        raise AttemptFailed(f"{shown} answered {error.status}, expected 101", again=error.status >= 500) from None
    except aiohttp.ClientPayloadError:
        raise AttemptFailed(f"{shown}: the connection was lost in the middle of the audio") from None
    except aiohttp.ClientConnectorError as error:
        raise AttemptFailed(f"{shown} is not reachable: {_why(error.os_error)}") from None
    except (aiohttp.ClientError, OSError, RuntimeError) as error:
        # RuntimeError: aiohttp's, for reading from a session that was closed; no text: it may hold the request's URL
        raise AttemptFailed(f"{shown} failed: {type(error).__name__}") from None


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


def printable(text: str, *, secret: str | None) -> str:
    """A provider's words for a log: one line, short, and without the key."""
    if secret:
        text = text.replace(secret, "***")
    return "".join(character if character.isprintable() else " " for character in text)[:_SHOWN_CHARS].strip()


def decoded(audio: str) -> bytes:
    """Decode audio from Base64. Raises: AttemptFailed."""
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise AttemptFailed("audio from text to speech that is no base64", again=False) from None


def _why(error: OSError) -> str:
    """Return the operating system's message for an error; uvloop and asyncio word it differently."""
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else error.strerror or "no connection"


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_SHOWN_CHARS] if lines else type(error).__name__
