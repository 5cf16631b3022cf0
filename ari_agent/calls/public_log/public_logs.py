"""The public logs of all calls of this process: each is opened with its call, and stays open for a while after it.

A log is told of its call's webhooks, too, most of which are delivered once the call is over. It ends when call_analyzed
has been delivered or given up, or LINGER_S after the call; until then it is served as far as it has come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.spool import SpoolFile
from ari_agent.calls.public_log.log_file import FILE_NAME, complete_log
from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.calls.public_log.public_log import NO_LOG, PublicLog, Write
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.timed_wait import is_set_within
from ari_agent.webhooks.delivery import DeliveryAttempt

FINISHERS: Final = {FILE_NAME: complete_log}
"""What completes the file of a log: see Spool."""
LINGER_S: Final = 120.0
"""How long after its call a log waits for call_analyzed; four attempts of 10 s and their pauses take 76 s."""

MAX_LINGERING: Final = 200
"""How many logs of calls that are over stay open, each of them an open file; with more, the oldest one ends."""


@dataclass(slots=True)
class _Open:
    """A log that has not ended. may_end: it waits for nothing any more. why: it ends early."""

    log: PublicLog
    file: SpoolFile
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    why: str | None = None

    def end(self, why: str | None = None) -> None:
        """Let the log end now. why: it ends before call_analyzed was delivered. A second time changes nothing."""
        if not self.may_end.is_set():
            self.why = why
            self.may_end.set()


class PublicLogs:
    """Opens the public log of each call, and ends it when nothing more of the call can come.

    artefacts: where logs are written; None where none are kept. now_ms: returns milliseconds since 1970. clock: returns
    seconds that never run backwards. secrets: of the settings, which no log may tell. linger_s: see LINGER_S.
    """

    def __init__(
        self,
        artefacts: Artefacts | None,
        *,
        now_ms: Callable[[], int],
        secrets: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        linger_s: float = LINGER_S,
    ) -> None:
        self._artefacts, self._now_ms, self._clock, self._linger_s = artefacts, now_ms, clock, linger_s
        self._secrets = frozenset(secrets)
        self._open: dict[str, _Open] = {}
        self._lingering: dict[str, asyncio.Task[None]] = {}

    def new(self, call_id: str) -> PublicLog:
        """Return the log of a call that begins; its file is made by PublicLog.open, once the call has a record."""
        artefacts = self._artefacts
        if artefacts is None:
            return NO_LOG

        def start() -> Write:
            file = artefacts.spool.open(call_id, FILE_NAME)
            self._open[call_id] = _Open(log, file)
            return file.append

        def url(expires: bool, lifetime_ms: int | None) -> str:
            name = ArtefactName(call_id, FILE_NAME)
            return artefacts.links.url(name, expires=expires, lifetime_ms=lifetime_ms, now_ms=self._now_ms())

        log = PublicLog(start, self._clock, Redaction(self._secrets), url=url)
        return log

    def webhook_tried(self, tried: DeliveryAttempt) -> None:
        """Write into the log of its call, if that is still open, what became of an attempt to deliver a webhook."""
        entry = self._open.get(tried.call_id)
        if entry is None:
            return
        entry.log.add(
            "webhook",
            tried.why,
            webhook=tried.event.value,
            attempt=tried.number,
            outcome=tried.outcome,
            again_in_ms=tried.again_in_ms,
        )
        if tried.event is WebhookEventName.CALL_ANALYZED and tried.is_last:
            entry.end()

    def call_ended(self, call_id: str, *, awaits_analysis: bool) -> None:
        """End the log of a call that is over, at the latest `linger_s` seconds from now.

        awaits_analysis: whether a call_analyzed is still to come, with whose delivery the log ends.
        """
        entry = self._open.get(call_id)
        if entry is None or call_id in self._lingering:
            return
        if not awaits_analysis:
            entry.end()
        waiting = [each for each in self._lingering if each in self._open]
        if len(waiting) >= MAX_LINGERING:
            self._open[waiting[0]].end(f"{MAX_LINGERING} later calls have ended, too")
        self._lingering[call_id] = asyncio.create_task(self._end(call_id, entry), name=f"public log of {call_id}")

    async def close(self) -> None:
        """End all logs that are open, because the controller stops, and wait until their files are complete."""
        for call_id, entry in tuple(self._open.items()):
            entry.end("the controller has stopped")
            self.call_ended(call_id, awaits_analysis=False)
        await asyncio.gather(*self._lingering.values())

    async def _end(self, call_id: str, entry: _Open) -> None:
        if not await is_set_within(entry.may_end, self._linger_s):
            entry.end(f"call_analyzed was not delivered within {self._linger_s:g} s of the call's end")
        del self._open[call_id]
        try:
            entry.log.close(entry.why)
            await entry.file.finish()
        finally:
            del self._lingering[call_id]


NO_LOGS: Final = PublicLogs(None, now_ms=lambda: 0)
"""Where no public logs are kept."""
