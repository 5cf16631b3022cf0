"""How one node proves to another that it passes a request on, for a client whose API key it has checked. Pure.

Both have the same API key, from which a key for this alone is derived. It signs method, path, body, time and a number
that no other request has. Whoever listens between them can neither make nor change a request, and does not learn the
API key; he can read it. That it is done once is up to whoever takes it: see GOOD_FOR_MS. Answers are not signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

HEADER: Final = "X-Ari-Agent-Node"
"""Holds the proof. A request that has it is passed on no further."""
FRESH_FOR_MS: Final = 60_000
"""How far the clocks of two nodes may be apart, in milliseconds."""

GOOD_FOR_MS: Final = 2 * FRESH_FOR_MS
"""How long a proof counts at most, from when it arrives: one of a clock that is fast counts longer."""

_VALUE: Final = re.compile(r"(v=([0-9]{1,15}),n=[0-9a-f]{16},b=([0-9a-f]{64})),d=([0-9a-f]{64})")


def prove(method: str, path: str, body: bytes, *, api_key: str, nonce: str, now_ms: int) -> str:
    """Return the value of the header for a request.

    path: with its query, as it stands in the request line. nonce: 16 hex digits that no other request has.
    """
    about = f"v={now_ms},n={nonce},b={hashlib.sha256(body).hexdigest()}"
    return f"{about},d={_digest(method, path, about, api_key)}"


def is_proven(value: str, method: str, path: str, *, api_key: str, now_ms: int) -> bool:
    """Tell whether a node made this header for this method and path, a minute ago at most. The body may be another."""
    if (match := _VALUE.fullmatch(value)) is None:
        return False
    about, made_ms, digest = match[1], int(match[2]), match[4]
    is_right = hmac.compare_digest(digest, _digest(method, path, about, api_key))
    return is_right and abs(now_ms - made_ms) <= FRESH_FOR_MS


def is_body(value: str, body: bytes) -> bool:
    """Tell whether the header was made for exactly this body; it must be proven before."""
    match = _VALUE.fullmatch(value)
    return match is not None and hmac.compare_digest(match[3], hashlib.sha256(body).hexdigest())


def _digest(method: str, path: str, about: str, api_key: str) -> str:
    key = hmac.digest(api_key.encode(), b"ari-agent: from node to node", "sha256")
    signed = f"{method}\n{path}\n{about}".encode("utf-8", "surrogateescape")  # a stranger's path may hold any byte
    return hmac.new(key, signed, hashlib.sha256).hexdigest()
