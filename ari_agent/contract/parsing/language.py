"""Locales and time zones."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")

Locale = Annotated[str, Field(pattern=r"^([a-z]{2,3}-([A-Z]{2}|[0-9]{3})|multi)$")]
"""A language and its region, such as `en-US` or `es-419`, or the older value `multi`."""


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    known = _known_zones()
    # A system without a time zone database knows none: then only the form is checked.
    if name in known if known else _ZONE.fullmatch(name):
        return name
    raise ValueError(f"must be an IANA time zone such as America/New_York, not {name[:40]!r}")


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_zone)]
"""The name of a zone of the IANA time zone database, such as `America/New_York`."""
