"""Calls that began in the same hour and went alike, counted: what figures of many calls are made of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Calls that have the same in common. hour_ms: when the hour in which they began did, in milliseconds since 1970.

    is_answered: somebody picked up. is_over: they have ended. reply_ms: the median time from the end of what was said
    to the agent's first sound in each of these calls, rounded; None where nobody measured it.
    """

    hour_ms: int
    is_answered: bool
    is_over: bool
    reply_ms: int | None
    calls: int
