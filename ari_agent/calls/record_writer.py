"""Stores call records with their webhooks, in one transaction, however often the database has to be asked."""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from weakref import WeakKeyDictionary

from tenacity import AsyncRetrying, retry_if_result, stop_after_attempt, wait_chain, wait_fixed

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.call_files import AbandonedFiles
from ari_agent.calls.record import CallRecord, is_bridged
from ari_agent.contract.agent import Agent
from ari_agent.contract.call import Call
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import StoreError
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

_RETRY_S: Final = (0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Waits between attempts to store a last record; about a minute in all. A restart closes what is still open then."""


class RecordWriter:
    """Stores the records of all calls. account_webhook_url: for agents without a URL of their own. artefacts:
    the files of calls, to which records of an earlier run have no links yet.

    left_bridged: records of an earlier run whose caller and transfer target may still talk with each other; who takes
    one over removes it.
    """

    def __init__(self, store: Store, *, account_webhook_url: str | None, artefacts: Artefacts | None = None) -> None:
        self._store, self._artefacts = store, artefacts
        self._account_webhook_url = account_webhook_url
        self._turns: WeakKeyDictionary[CallRecord, asyncio.Lock] = WeakKeyDictionary()
        self._under_way: set[asyncio.Task[bool]] = set()
        self.left_bridged: list[CallRecord] = []

    async def save(self, record: CallRecord) -> bool:
        """Store the record as it is now. False: not stored, and what it owes is kept for the next time.

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
        except StoreError as error:
            log.error("record not stored yet: %s", error, extra={"call_id": record.call.call_id})
            return False
        del record.owed[: len(owed)]
        return True

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
        """End the records of calls that died with an earlier run, but for `left_bridged`; returns how many.

        Their webhooks go where those of the call went: the record has kept its `agent_override`, and the transfer that
        was on its way. Registered calls whose caller may still turn up are none of them.
        """
        waiting = await self._store.registrations.waiting()
        abandoned = [each for each in await self._store.calls.unfinished() if each.call.call_id not in waiting]
        files = AbandonedFiles(self._artefacts)
        for stored in abandoned:
            call, recovery = stored.call, stored.recovery
            agent = None if recovery.webhook_plan else await self._agent_as_stored(call)
            account_url = self._account_webhook_url
            record = CallRecord(call, agent=agent, account_webhook_url=account_url, recovery=recovery)
            record.left_behind(await files.links(call, now_ms))
            if is_bridged(call):
                self.left_bridged.append(record)
                continue
            # Whether the fallback number answered nobody heard; that no slot came free is certain.
            no_slot = DisconnectionReason.CONCURRENCY_LIMIT_REACHED
            record.ended(no_slot if recovery.diverted else DisconnectionReason.ERROR_RETELL, now_ms)
            await self.save_for_certain(record)
            log.warning("record of an earlier run closed", extra={"call_id": call.call_id})
        return len(abandoned) - len(self.left_bridged)

    async def _agent_as_stored(self, call: Call) -> Agent | None:
        """For records without a plan: callers who were turned away, and calls of versions that kept none."""
        try:
            return await self._store.agents.get(call.agent_id, call.agent_version)
        except StoreError as error:
            log.error("the agent of a call cannot be read: %s", error, extra={"call_id": call.call_id})
            return None
