"""Who of those that ask gets a concurrency slot: the rules of every pool, whatever it is kept in. Pure.

Source: Retell, "Understand concurrency & limits" and "Make batch calls" (2026-08): one pool for the workspace.

    call                  may use                                           when none is free
    inbound               all of the limit                                  waits, ringing; first come, first served
    outbound, web         the limit less what is reserved for inbound       is refused at once
    outbound of a batch   the same, less the batch's reserved_concurrency   is tried again when one comes free
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from ari_agent.errors import ConcurrencyLimitReached


class SlotKind(StrEnum):
    """What a slot is used for. Web calls count as outbound ones."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    BATCH = "batch"


class SlotAnswer(Enum):
    """What becomes of a call that asks for a slot and is not refused."""

    HELD = "it has one"
    WAITS = "it rings until one comes free"


@dataclass(frozen=True, slots=True)
class SlotUsage:
    """How many calls hold a slot, and how many callers ring and wait for one.

    in_use: all that are held. outbound: of these, those of outbound and web calls, batches included. batch: of these,
    those of batches. waiting: callers who are served before everybody who asks now.
    """

    in_use: int = 0
    outbound: int = 0
    batch: int = 0
    waiting: int = 0

    def with_held(self, kind: SlotKind, by: int = 1) -> SlotUsage:
        """Return the usage with so many slots of this kind more; by: negative for less."""
        return replace(
            self,
            in_use=self.in_use + by,
            outbound=self.outbound + (by if kind is not SlotKind.INBOUND else 0),
            batch=self.batch + (by if kind is SlotKind.BATCH else 0),
        )

    def with_waiting(self) -> SlotUsage:
        """Return the usage with one caller more who waits."""
        return replace(self, waiting=self.waiting + 1)


@dataclass(frozen=True, slots=True)
class SlotAsk:
    """A call that asks for a slot.

    call_id: of the call, or another name that nobody else has. batch_reserve: for a call of a batch, how many slots
    calls of batches leave to all others.
    """

    call_id: str
    kind: SlotKind
    batch_reserve: int = 0

    def answer(self, usage: SlotUsage, *, limit: int, reserved_inbound: int) -> SlotAnswer | ConcurrencyLimitReached:
        """Return what becomes of the call while the pool is used like this; an error: it is refused.

        limit: slots in all. reserved_inbound: of these, never used by outbound calls.
        """
        # Who waits is served first: for everybody who comes now, theirs are taken already.
        taken = max(usage.in_use, min(limit, usage.in_use + usage.waiting))
        if self.kind is SlotKind.INBOUND:
            return SlotAnswer.HELD if taken < limit else SlotAnswer.WAITS
        batch = usage.batch if self.kind is SlotKind.BATCH else 0
        for used, reserved in ((taken, 0), (usage.outbound, reserved_inbound), (batch, self.batch_reserve)):
            if used >= limit - reserved:
                return ConcurrencyLimitReached(used, max(0, limit - reserved))
        return SlotAnswer.HELD


def require_room_for_others(limit: int, reserved_inbound: int) -> None:
    """Raise ValueError unless what is reserved for inbound calls leaves at least one slot for the others."""
    if not 0 <= reserved_inbound < limit:
        raise ValueError(f"reserved_inbound must be 0 to {limit - 1}, is {reserved_inbound}")
