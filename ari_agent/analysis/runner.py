"""Sees to it that every call and chat that waits for its analysis gets it, and its webhook, in time and after a crash.

What waits is in the database, written in the transaction that ended the call or chat, with the time by which its
webhook goes out whatever the model says. It waits until the analysis is stored, and its webhook with it, in one
transaction: a process that dies between leaves it to the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.errors import StoreError, UnreadableRecord
from ari_agent.timed_wait import is_set_within

log = logging.getLogger(__name__)

AT_ONCE: Final = 32
"""How many calls, and as many chats, are under way at the same time; most of them wait for the model."""
POLL_S: Final = 30.0
"""The longest wait before the database is asked again, since another process may have ended a call."""
STORE_RETRY_S: Final = 1.0


class Outcome(StrEnum):
    """How an analysis ended: the model's in whole or in part, none of it, or the conversation was gone by then."""

    ANALYSED = "analysed"
    PARTLY = "partly"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Concluded:
    """An analysis that is stored. after_end_ms: milliseconds from the end of the call or chat until then."""

    outcome: Outcome
    after_end_ms: int = 0


def outcome_of(report: AnalysisReport) -> Outcome:
    """Return how the analysis went that a model's report tells of."""
    if report.failure:
        return Outcome.FAILED
    return Outcome.PARTLY if report.left_out else Outcome.ANALYSED


class Waiting(Protocol):
    """The calls, or the chats, that wait for their analysis. Both methods may raise StoreError."""

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        """Return id and deadline, in milliseconds since 1970, of those that wait, the earliest deadline first."""

    async def conclude(self, subject_id: str, deadline_ms: int) -> Concluded:
        """Analyse one and store the result with its webhook; the model has time until the deadline."""


class AnalysisRunner:
    """Starts the analyses of all conversations that wait for one, the most urgent first.

    outcomes: how many analyses ended in which way. after_end_s: the seconds from the end of a conversation to its
    webhook, all of them together. wait_ms: how long a conversation waits for its analysis at most. now_ms: returns
    milliseconds since 1970. at_once: how many of each kind are under way at the same time. poll_s, store_retry_s: see
    POLL_S, and how long to wait after the database failed, in seconds.
    """

    def __init__(
        self,
        *,
        wait_ms: int,
        now_ms: Callable[[], int],
        at_once: int = AT_ONCE,
        poll_s: float = POLL_S,
        store_retry_s: float = STORE_RETRY_S,
    ) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.after_end_s = 0.0
        self._kinds: list[Waiting] = []
        self._wait_ms = wait_ms
        self._now_ms = now_ms
        self._at_once = at_once
        self._poll_s, self._store_retry_s = poll_s, store_retry_s
        self._changed = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._of_kind: Counter[Waiting] = Counter()
        self._left: set[str] = set()

    def add(self, kind: Waiting) -> None:
        """Look after another kind of conversation from now on."""
        self._kinds.append(kind)

    @property
    def under_way(self) -> int:
        """Return how many analyses are in progress."""
        return len(self._under_way)

    def deadline_ms(self) -> int:
        """Return until when a call or chat that ends now may wait for its analysis, in milliseconds since 1970."""
        return self._now_ms() + self._wait_ms

    def wake(self) -> None:
        """Look at once for what waits, because a call or chat has ended."""
        self._changed.set()

    async def run(self) -> None:
        """Start analyses until cancelled; the next run begins those anew that are under way then."""
        try:
            while True:
                self._changed.clear()
                wait_s = self._poll_s
                try:
                    await self._start_what_waits()
                except StoreError as error:
                    log.error("what waits for its analysis cannot be read: %s", error)
                    wait_s = self._store_retry_s
                await is_set_within(self._changed, wait_s)
        finally:
            await self._stop()

    async def _start_what_waits(self) -> None:
        for kind in self._kinds:
            room = self._at_once - self._of_kind[kind]
            if room > 0:
                for subject_id, deadline_ms in await kind.due(room, {*self._under_way, *self._left}):
                    task = asyncio.create_task(self._conclude(kind, subject_id, deadline_ms), name="analysis")
                    self._under_way[subject_id] = task
                    self._of_kind[kind] += 1

    async def _conclude(self, kind: Waiting, subject_id: str, deadline_ms: int) -> None:
        facts = {"call_id": subject_id}
        try:
            concluded = await kind.conclude(subject_id, deadline_ms)
        except UnreadableRecord as error:
            self._left.add(subject_id)
            log.error("a conversation is left without its analysis: %s", error, extra=facts)
        except StoreError as error:
            log.error("the analysis is not stored yet: %s", error, extra=facts)
            await asyncio.sleep(self._store_retry_s)
        except Exception:  # one conversation must not keep the others from theirs; the next start tries it again
            self._left.add(subject_id)
            log.exception("a conversation is left without its analysis", extra=facts)
        else:
            self.outcomes[concluded.outcome] += 1
            self.after_end_s += concluded.after_end_ms / 1000
            log.info("conversation analysed", extra={**facts, "outcome": concluded.outcome.value})
        finally:
            del self._under_way[subject_id]
            self._of_kind[kind] -= 1
            self._changed.set()

    async def _stop(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
