"""Figures as people read them, and what they type as pages read it. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

NONE: Final = "\u2013"
"""A dash, where there is no figure."""
_DAY_MS: Final = 86_400_000
_LAST_MS: Final = 253_402_300_799_000
"""The end of the year 9999: what a clock that is wrong tells beyond it is shown as that."""


def iso_time(at_ms: float) -> str:
    """Return a time, in milliseconds since 1970, as ISO 8601 in UTC, for the `datetime` of a <time> element."""
    return _moment(at_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_time(at_ms: float) -> str:
    """Return a time, in milliseconds since 1970, as `2026-11-30 07:15:02 UTC`: what a page shows without scripts."""
    return f"{_moment(at_ms):%Y-%m-%d %H:%M:%S} UTC"


def lasted(duration_ms: float | None) -> str:
    """Return a duration as `0:07`, `12:34` or `1:02:03`; NONE where there is none."""
    if duration_ms is None or not math.isfinite(duration_ms):
        return NONE
    minutes, seconds = divmod(int(duration_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def seconds(duration_ms: float) -> str:
    """Return a short time in seconds: `0.35 s`, `3.2 s`, `75 s`."""
    value = duration_ms / 1000
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def cents(value: float | None) -> str:
    """Return cents as `12.35 ct`; NONE where there are none."""
    return NONE if value is None else f"{value:.2f} ct"


def readable(text: str) -> str:
    """Return a text without what no field holds and a database refuses, such as NUL."""
    return "".join(filter(str.isprintable, text)).strip()


def query_string(fields: Mapping[str, str]) -> str:
    """Return the query string of a link with these fields, but for those that are empty."""
    return urlencode({name: value for name, value in fields.items() if value})


def midnight_ms(now_ms: int) -> int:
    """Return when this day has begun in UTC, in milliseconds since 1970."""
    return now_ms - now_ms % _DAY_MS


def _moment(at_ms: float) -> datetime:
    return datetime.fromtimestamp(min(at_ms, _LAST_MS) / 1000, UTC)
