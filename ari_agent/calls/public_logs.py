"""The public logs of all calls of this process: each is opened with its call, and stays open for a while after it.

A log is told of its call's webhooks, too, most of which are delivered once the call is over. It ends when call_analyzed
has been delivered or given up, or LINGER_S after the call; until then it is served as far as it has come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from ari_agent.calls.log_redaction import Redaction
from ari_agent.calls.public_log import NO_LOG, PublicLog, Write
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.webhooks.delivery import DeliveryAttempt

LINGER_S: Final = 120.0
"""How long after its call a log waits for call_analyzed; four attempts of ten seconds and the pauses between take 76."""
FILE_NAME: Final = "public.log.jsonl"


class LogFile(Protocol):
    """A file that is written to while its call goes on."""

    def append(self, data: bytes, /) -> None:
        """Write at the end of the file, later and without waiting. Never raises."""

    async def finish(self) -> object:
        """Close the file; it is complete then."""


@dataclass(slots=True)
class _Open:
    """A log that has not ended. file: None until something is written. analyzed: call_analyzed needs no more waiting."""

    log: PublicLog
    file: LogFile | None = None
    analyzed: asyncio.Event = field(default_factory=asyncio.Event)


class PublicLogs:
    """Opens and ends the logs of calls.

    open_file: makes the file of a call's id; None where no logs are kept. secrets: of the settings, never to be told.
    linger_s: see LINGER_S.
    """

    def __init__(
        self,
        open_file: Callable[[str], LogFile] | None,
        *,
        secrets: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
        linger_s: float = LINGER_S,
    ) -> None:
        self._open_file, self._clock, self._linger_s = open_file, clock, linger_s
        self._secrets = frozenset(secrets)
        self._open: dict[str, _Open] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def new(self, call_id: str) -> PublicLog:
        """Return the log of a call that begins. Its file is made when the call gets a record."""
        open_file = self._open_file
        if open_file is None:
            return NO_LOG

        def start() -> Write:
            file = entry.file = open_file(call_id)
            self._open[call_id] = entry
            return file.append

        log = PublicLog(start, self._clock, Redaction(self._secrets), path=f"{call_id}/{FILE_NAME}")
        entry = _Open(log)
        return log

    def webhook_tried(self, tried: DeliveryAttempt) -> None:
        """Write what became of an attempt to deliver a webhook, if the log of its call is open still."""
        entry = self._open.get(tried.call_id)
        if entry is None:
            return
        entry.log.add(
            "webhook",
            webhook=tried.event.value,
            attempt=tried.number,
            outcome=tried.outcome,
            why=tried.why,
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
        if entry.file:
            await entry.file.finish()


NO_LOGS: Final = PublicLogs(None)
"""Where no public logs are kept."""
