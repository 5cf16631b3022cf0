"""How often nodes look at one another, and after how long they act. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds.

    beat_s: from one heartbeat to the next. answer_s: how long the database may take for one thing. free_after_s: for
    how long a node must have been silent whose lock is free: one whose connection alone was lost is back by then.
    frozen_after_s: for how long one that still holds its lock. stood_still_s: after how long a process that was not run
    asks the database before it goes on; less than `frozen_after_s`. grace_s: for how long after PostgreSQL was away
    nobody is taken for dead, as all come back at about the same time. again_s: until what has failed is tried again.
    """

    beat_s: float = 1.0
    answer_s: float = 5.0
    free_after_s: float = 1.5
    frozen_after_s: float = 10.0
    stood_still_s: float = 8.0
    grace_s: float = 10.0
    again_s: float = 5.0
