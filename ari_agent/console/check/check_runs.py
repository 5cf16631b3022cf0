"""Runs `ari-agent check` for the console: one run at a time, whose lines are seen as they come; the last is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ari_agent.check.report import Entry

log = logging.getLogger(__name__)

TellEntries = Callable[[Sequence[Entry]], None]
RunCheck = Callable[[bool, TellEntries], Awaitable[Sequence[Entry]]]
"""Runs all checks; is told whether to open the websockets of agents, and whom to tell what each check has found, from
whichever thread."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check of a run. entries: what it has found; empty while it has not ended."""

    group: str
    name: str
    entries: Sequence[Entry] = ()


class CheckRuns:
    """Runs the checks, and keeps what the last run has found in memory.

    run: see RunCheck. planned: group and name of each check, in the order of the page. now_ms: milliseconds since 1970.
    """

    def __init__(self, run: RunCheck, planned: Sequence[tuple[str, str]], *, now_ms: Callable[[], int]) -> None:
        self._run = run
        self._planned = planned
        self._now_ms = now_ms
        self._running: asyncio.Task[None] | None = None
        self._found: Sequence[Entry] = ()
        self.began_ms: int | None = None
        self.ended_ms: int | None = None
        self.fault = ""

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress."""
        return self._running is not None

    @property
    def entries(self) -> Sequence[Entry]:
        """What the last run has found so far, in the order in which it was found."""
        return self._found

    def lines(self) -> Sequence[CheckLine]:
        """Return all checks in the order of the page with what they have found; none before the first run."""
        if self.began_ms is None:
            return ()
        found: dict[tuple[str, str], list[Entry]] = {plan: [] for plan in self._planned}
        for entry in self._found:
            found.setdefault((entry.group, entry.name), []).append(entry)
        return [CheckLine(*plan, entries) for plan, entries in found.items()]

    def start(self, *, deep: bool) -> bool:
        """Begin a run, unless one is in progress; returns whether it has begun. deep: see RunCheck."""
        if self._running:
            return False
        self._found, self.fault, self.began_ms, self.ended_ms = (), "", self._now_ms(), None
        self._running = asyncio.create_task(self._finish(deep), name="the console's check")
        return True

    async def close(self) -> None:
        """End the run in progress, and wait until nothing of it is left."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _finish(self, deep: bool) -> None:
        try:
            self._found = await self._run(deep, self._tell)
        except Exception as error:  # the page has to say so
            log.exception("the check did not end in order")
            self.fault = f"The check itself broke ({type(error).__name__}); the controller's log says why."
        finally:
            self.ended_ms, self._running = self._now_ms(), None

    def _tell(self, entries: Sequence[Entry]) -> None:
        self._found = (*self._found, *entries)
