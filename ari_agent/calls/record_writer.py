"""Stores call records with their webhooks, in one transaction, however often the database has to be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_chain, wait_fixed

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.call_files import AbandonedFiles
from ari_agent.calls.record import CallRecord, is_bridged
from ari_agent.calls.resumption import resume_plan
from ari_agent.calls.scrubbed_recording import kept_recordings
from ari_agent.calls.stored_content import no_content, stored_content
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.sip_timeline import HangupParty
from ari_agent.errors import StoreError, TakenOver
from ari_agent.pii.personal_data import FindMore
from ari_agent.pii.record_fields import is_scrubbed
from ari_agent.store.call_records import StoredCall
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

_RETRY_S: Final = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Waits between attempts to store a last record; about a minute in all. A restart closes what is still open then."""


class Analyses(Protocol):
    """The analyses of calls by a model, which come after the end of a call."""

    def deadline_ms(self) -> int:
        """Return by when a call that ends now is analysed, in milliseconds since 1970."""

    def wake(self) -> None:
        """Look at once which calls wait for their analysis."""


class RecordWriter:
    """Stores the records of all calls. account_webhook_url: for agents without a URL of their own. artefacts:
    the files of calls, to which records of an earlier run have no links yet. find_more: finds personal data that is
    not recognised by rules.

    prices: what calls that died with an earlier run have cost by; None where that is not known. analyses: None where no
    model is set up. left_bridged: records of an earlier run whose caller and transfer target may still talk with each
    other; left_talking: those whose caller may still be there, and may have their agent again. Who takes one over
    removes it.

    on_taken_over: told the call_id of a record that could not be stored, since another controller leads the call now.
    """

    def __init__(
        self,
        store: Store,
        *,
        account_webhook_url: str | None,
        prices: PriceTable | None = None,
        analyses: Analyses | None = None,
        artefacts: Artefacts | None = None,
        find_more: FindMore | None = None,
    ) -> None:
        self._store, self._artefacts = store, artefacts
        self._account_webhook_url, self._prices, self._analyses = account_webhook_url, prices, analyses
        self._find_more = find_more
        self._turns: WeakKeyDictionary[CallRecord, asyncio.Lock] = WeakKeyDictionary()
        self._under_way: set[asyncio.Task[bool]] = set()
        self.left_bridged: list[CallRecord] = []
        self.on_taken_over: Callable[[str], None] = lambda _: None
        self.left_talking: list[CallRecord] = []

    async def save(self, record: CallRecord) -> bool:
        """Store the record as it is now. False: not stored, and what it owes is kept for the next time.

        The record of a call that another controller leads by now is left to that, with all that it tells.

        A record is stored once at a time, in the order in which that was asked for. Whoever waits may be cancelled, as
        when the caller hangs up: it is stored all the same, and what comes later waits for that. A database with many
        connections could else be left with what is older, or be told twice what is owed.
        """
        saving = asyncio.create_task(self._save_in_turn(record))
        self._under_way.add(saving)
        saving.add_done_callback(self._under_way.discard)
        return await asyncio.shield(saving)

    async def _save_in_turn(self, record: CallRecord) -> bool:
        async with self._turns.setdefault(record, asyncio.Lock()):
            return await self._save(record)

    async def _save(self, record: CallRecord) -> bool:
        owed = list(record.owed)
        try:
            await self._store.calls.save(record.call, owed, record.recovery)
        except TakenOver as error:
            log.warning("%s", error, extra={"call_id": record.call.call_id})
            self.on_taken_over(record.call.call_id)
        except StoreError as error:
            log.error("record not stored yet: %s", error, extra={"call_id": record.call.call_id})
            return False
        del record.owed[: len(owed)]
        return True

    async def end(
        self,
        record: CallRecord,
        reason: DisconnectionReason,
        now_ms: int,
        *,
        why: str | None = None,
        who: HangupParty | None = None,
        heard_to_its_end: bool = True,
    ) -> None:
        """End the record, as `CallRecord.ended` does, with what may be stored, and store it as `save_for_certain` does.

        heard_to_its_end: False where the end of what was said died with an earlier run.
        """
        await self._prepare_end(record, now_ms, heard_to_its_end=heard_to_its_end)
        due_ms = self._analyses.deadline_ms() if self._analyses else None
        record.ended(reason, now_ms, why=why, who=who, analysis_due_ms=due_ms)
        await self.save_for_certain(record)
        if self._analyses and record.recovery.analysis_due_ms is not None:
            self._analyses.wake()

    async def _prepare_end(self, record: CallRecord, now_ms: int, *, heard_to_its_end: bool) -> None:
        """Find out what may be stored of what was said, and of the recording."""
        content, categories = record.content, record.recovery.pii_categories
        try:
            if is_scrubbed(content.data_storage_setting, categories):
                stored = await asyncio.to_thread(stored_content, content, categories, self._find_more)
            else:
                stored = stored_content(content, None)
        except Exception:  # whatever is wrong with it: what was not scrubbed must not be stored
            log.exception("personal data was not found", extra={"call_id": record.call.call_id})
            record.fault("Personal data could not be looked for, and what was to be stored without it is not stored")
            stored = no_content(content)
        record.keep(stored)
        if self._artefacts:
            is_known = heard_to_its_end and not record.is_recorded_alone
            heard = stored.heard if is_known else None
            record.left_behind(await kept_recordings(self._artefacts, content, categories, heard, now_ms=now_ms))

    async def save_for_certain(self, record: CallRecord) -> None:
        """Store the last state of a record, trying for about a minute."""
        saving = AsyncRetrying(
            stop=stop_after_attempt(1 + len(_RETRY_S)),
            retry=retry_if_result(lambda stored: not stored),
            wait=wait_chain(*map(wait_fixed, _RETRY_S)),
            retry_error_callback=lambda _: None,  # `save` has logged why
        )
        await saving(self.save, record)

    async def close_abandoned(self, now_ms: int) -> int:
        """End the records of calls that died with an earlier run, but for those that may go on; returns how many.

        Those are in `left_bridged` and `left_talking` then.

        Their webhooks go where those of the call went: the record has kept its `agent_override`, and the transfer that
        was on its way. Registered calls whose caller may still turn up are none of them.
        """
        return await self.close(await self._store.held_calls.take_abandoned(), now_ms)

    async def close(self, abandoned: Sequence[StoredCall], now_ms: int) -> int:
        """End the records of these calls, of which nothing else is left, as `close_abandoned` does."""
        files, over = AbandonedFiles(self._artefacts), list[CallRecord]()
        for stored in abandoned:  # first of all those whose callers wait
            call, recovery = stored.call, stored.recovery
            agent = None if recovery.webhook_plan else await self._agent_as_stored(call)
            account_url = self._account_webhook_url
            record = CallRecord(
                call, agent=agent, account_webhook_url=account_url, recovery=recovery, prices=self._prices
            )
            if is_bridged(call):
                self.left_bridged.append(record)
            elif resume_plan(call, recovery):
                record.left_behind(files.held_links(call, now_ms))
                self.left_talking.append(record)
            else:
                over.append(record)
        for record in self.left_bridged:
            record.left_behind(await files.links(record.call, now_ms))
        for record in over:
            record.left_behind(await files.links(record.call, now_ms))
            # Whether the fallback number answered nobody heard; that no slot came free is certain.
            no_slot = DisconnectionReason.CONCURRENCY_LIMIT_REACHED
            reason = no_slot if record.recovery.diverted else DisconnectionReason.ERROR_RETELL
            await self.end(record, reason, now_ms, heard_to_its_end=False)
            log.warning("record of an earlier run closed", extra={"call_id": record.call.call_id})
        return len(over)

    async def end_left(self, record: CallRecord, reason: DisconnectionReason, now_ms: int) -> None:
        """End a record of `left_talking` whose call does not go on."""
        if self._artefacts:
            self._artefacts.spool.let_go(record.call.call_id)
        await self.end(record, reason, now_ms, heard_to_its_end=False)
        log.warning("record of an earlier run closed", extra={"call_id": record.call.call_id, "reason": reason.value})

    async def _agent_as_stored(self, call: Call) -> Agent | None:
        """For records without a plan: callers who were turned away, and calls of versions that kept none."""
        try:
            return await self._store.agents.get(call.agent_id, call.agent_version)
        except StoreError as error:
            log.error("the agent of a call cannot be read: %s", error, extra={"call_id": call.call_id})
            return None
