"""The `X-Retell-Signature` header: `v=<unix ms>,d=<hex>`, HMAC-SHA256 over the body and the time. Pure.

Source: Retell, "Secure the webhook" (2026-08), and the verifiers of its SDKs: Python 6.2.13 takes exactly
`v=(\\d+),d=([0-9a-f]{64})`, so no spaces and lower-case hex. The key is the API key, the message is the raw
body followed by the decimal time; a signature is fresh for five minutes in both directions.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

HEADER: Final = "X-Retell-Signature"
FRESH_FOR_MS: Final = 300_000
"""How far the time of a signature may be from now, in either direction, in milliseconds."""

_HEADER_VALUE: Final = re.compile(r"v=([0-9]{1,20}),d=([0-9a-f]{64})")


def _digest(body: bytes, key: str, signed_ms: str) -> str:
    return hmac.new(key.encode("utf-8"), body + signed_ms.encode("ascii"), hashlib.sha256).hexdigest()


def sign(body: bytes, key: str, now_ms: int) -> str:
    """The value of the header for exactly these bytes. key: the API key; now_ms: milliseconds since 1970."""
    return f"v={now_ms},d={_digest(body, key, str(now_ms))}"


def verify(body: bytes, key: str, header: str, now_ms: int) -> bool:
    """Whether `header` was made for exactly these bytes with this key, within five minutes of `now_ms`."""
    match = _HEADER_VALUE.fullmatch(header)
    if match is None or abs(now_ms - int(match[1])) > FRESH_FOR_MS:
        return False
    return hmac.compare_digest(_digest(body, key, match[1]), match[2])
