"""How soon a controller claims a caller who is offered to several: the sooner, the fewer calls it has. Pure."""

from __future__ import annotations

import math
from typing import Final

LONGEST_S: Final = 0.03
FULL_CALLS: Final = 400
"""What one process carries on one core, about."""


def claim_delay_s(calls: int) -> float:
    """Return how long to wait before a claim, in seconds, 0 to 0.03. calls: how many the controller has now.

    It grows with the root of that number: among few calls each one tells, among many those of one in ten do, and no
    caller waits longer than for a frame and a half of audio.
    """
    return LONGEST_S * math.sqrt(min(calls, FULL_CALLS) / FULL_CALLS)
