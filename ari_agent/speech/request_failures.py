"""What is said of an attempt at speaking that fails on the way to a provider: one line, and no secret."""

from __future__ import annotations

import base64
import binascii
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp

from ari_agent.speech.attempts import AttemptFailed

_SHOWN_CHARS: Final = 300


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
