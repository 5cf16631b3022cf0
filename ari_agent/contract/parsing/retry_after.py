"""The `Retry-After` header (RFC 9110 section 10.2.3): when a receiver wants to be asked again. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]+")


def parse_retry_after(header: str, now_ms: int) -> float | None:
    """Return for how many seconds to wait, at least 0; None for a header that says neither seconds nor a date.

    now_ms: milliseconds since 1970, of which a date in the header is told. However long the receiver wants: the
    result may be infinite.
    """
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text) if len(text) < 16 else math.inf
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_ms / 1000)
    except (ValueError, OverflowError):
        return None
