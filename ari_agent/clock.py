"""The time of day. A pure module gets the time as an argument; a module that waits gets this function."""

from __future__ import annotations

import time


def now_ms() -> int:
    """The time now, in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000
