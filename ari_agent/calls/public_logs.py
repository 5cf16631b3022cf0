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
from ari_agent.calls.log_file import FILE_NAME
from ari_agent.calls.log_redaction import Redaction
from ari_agent.calls.public_log import NO_LOG, PublicLog, Write
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.webhooks.delivery import DeliveryAttempt

LINGER_S: Final = 120.0
"""How long after its call a log waits for call_analyzed; four attempts of 10 s and their pauses take 76 s."""


@dataclass(slots=True)
class _Open:
    """A log that has not ended. analyzed: call_analyzed has been delivered, or will not be."""

    log: PublicLog
    file: SpoolFile
    analyzed: asyncio.Event = field(default_factory=asyncio.Event)


class PublicLogs:
    """Opens and ends the logs of calls.

    artefacts: where they are written; None where no logs are kept. now_ms: milliseconds since the epoch. clock:
    seconds, monotonic. secrets: of the settings, never to be told. linger_s: see LINGER_S.
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
        self._ending: set[asyncio.Task[None]] = set()

    def new(self, call_id: str) -> PublicLog:
        """Return the log of a call that begins. Its file is made when the call gets a record."""
        artefacts = self._artefacts
        if artefacts is None:
            return NO_LOG

        def start() -> Write:
            file = artefacts.spool.open(call_id, FILE_NAME)
            self._open[call_id] = _Open(log, file)
            return file.append

        def url(expires: bool) -> str:
            return artefacts.links.url(ArtefactName(call_id, FILE_NAME), expires=expires, now_ms=self._now_ms())

        log = PublicLog(start, self._clock, Redaction(self._secrets), url=url)
        return log

    def webhook_tried(self, tried: DeliveryAttempt) -> None:
        """Write what became of an attempt to deliver a webhook, if the log of its call is open still."""
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
            entry.analyzed.set()

    def call_ended(self, call_id: str, *, awaits_analysis: bool) -> None:
        """End the log of a call that is over, once call_analyzed is delivered. awaits_analysis: there will be one."""
        entry = self._open.get(call_id)
        if entry is None:
            return
        if not awaits_analysis:
            entry.analyzed.set()
        ending = asyncio.create_task(self._end(call_id, entry), name=f"public log of {call_id}")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all logs now, because the controller stops."""
        for entry in self._open.values():
            if not entry.analyzed.is_set():
                entry.log.close("the controller has stopped")
                entry.analyzed.set()
        for call_id in tuple(self._open):
            self.call_ended(call_id, awaits_analysis=False)
        await asyncio.gather(*self._ending)

    async def _end(self, call_id: str, entry: _Open) -> None:
        why = None
        try:
            async with asyncio.timeout(self._linger_s):
                await entry.analyzed.wait()
        except TimeoutError:
            why = f"call_analyzed was not delivered within {self._linger_s:g} s of the call's end"
        if self._open.pop(call_id, None) is not entry:
            return
        entry.log.close(why)
        await entry.file.finish()


NO_LOGS: Final = PublicLogs(None, now_ms=lambda: 0)
"""Where no public logs are kept."""
