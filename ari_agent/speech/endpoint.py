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
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from ari_agent.errors import SpeechUnavailable
from ari_agent.speech.attempts import AttemptFailed

CONNECT_TIMEOUT_S: Final = 3.0
_SHOWN_CHARS: Final = 300
_EITHER: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP or websocket service. base: its URL without a path's last slash; aiohttp takes http for both.

    shown: the URL without user, password and query. authorization: the header that user and password make.
    """

    base: str = field(repr=False)
    query: str = field(repr=False)
    shown: str
    authorization: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, url: str, *, setting: str) -> Self:
        """Raises: SpeechUnavailable, naming the setting, when it is no URL of a host."""
        try:
            parts = urlsplit(url)
            scheme, host, _ = _EITHER[parts.scheme], parts.hostname or "", parts.port
        except (ValueError, KeyError):
            scheme = host = ""
        if not host:
            raise SpeechUnavailable(f"{setting} must be a URL like https://host/v1")
        authorization = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            authorization["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
        where = (scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        base = urlunsplit(where)
        return cls(base, parts.query, base, authorization)

    def url(self, path: str, query: str = "") -> str:
        """Of one of its resources; the query of the endpoint's own URL stays."""
        return self.base + path + ("?" if self.query or query else "") + "&".join(filter(None, (self.query, query)))


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
    """Base64. Raises: AttemptFailed."""
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise AttemptFailed("audio from text to speech that is no base64", again=False) from None


def _why(error: OSError) -> str:
    """In the system's words; uvloop and asyncio have others."""
    known = error.errno is not None and error.errno in errno.errorcode
    return os.strerror(error.errno or 0) if known else error.strerror or "no connection"


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:_SHOWN_CHARS] if lines else type(error).__name__
