"""Forgets calls and chats when their time is up: their records, or their transcripts, recordings and logs alone.

A few at a time, the files before the rows: what is left by a process that dies meanwhile is found again by its row.
Files without a record, as a call leaves that was deleted while its recording grew, go when they are a day old; so do
those that the call's data_storage_setting excludes, if they could not be removed when it ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.scrubbed_recording import UNSCRUBBED
from ari_agent.contract.retention_days import RetentionDays
from ari_agent.errors import ArtefactError, StoreError, UnreadableRecord
from ari_agent.store.call_parts import EXTENSIONS, CallPart
from ari_agent.store.call_records import DAY_MS
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

INTERVAL_S: Final = 3600.0
"""How long to wait between two rounds."""
PAUSE_S: Final = 0.02
"""How long to wait between two calls, so that the records of others are written in between."""
_AT_ONCE: Final = 100
_ORPHAN_AGE_MS: Final = DAY_MS


class Finder(Protocol):
    """Finds some calls or chats whose time is up, at most `limit`."""

    async def __call__(self, *, limit: int) -> Sequence[str]: ...


async def forget_call(store: Store, artefacts: Artefacts | None, call_id: str) -> bool:
    """Remove the files of a call that is over, then its record, and return whether there was a record.

    Webhooks that are still owed are sent.

    Raises:
        ArtefactError: the files cannot be removed now; the record is kept.
        StoreError: the database failed.
    """
    if artefacts:
        await artefacts.delete(call_id)
    return await store.calls.delete(call_id)


class CallRetention:
    """Forgets what is old at the start and every hour. now_ms: returns milliseconds since 1970."""

    def __init__(
        self,
        store: Store,
        artefacts: Artefacts,
        days: RetentionDays,
        *,
        now_ms: Callable[[], int],
        interval_s: float = INTERVAL_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._store, self._artefacts, self._days = store, artefacts, days
        self._now_ms = now_ms
        self._interval_s, self._pause_s = interval_s, pause_s
        self._orphans_due_ms = 0  # once a day: all files are listed

    async def run(self) -> None:
        """Forget what is old at the start and then every `interval_s`, until cancelled; a failure is logged."""
        while True:
            try:
                await self.sweep()
            except (StoreError, ArtefactError) as error:
                log.error("old calls not forgotten yet: %s", error)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> None:
        """Forget all that is old now. Of several nodes one does.

        Raises:
            StoreError: the database failed; some of it may be left.
            ArtefactError: the store of recordings and logs failed; some of it may be left.
        """
        if not await self._store.is_eldest():
            return
        now_ms = self._now_ms()
        before_ms = now_ms - self._days.records * DAY_MS if self._days.records else None
        calls, chats = self._store.calls, self._store.chats
        forgotten = {
            "calls": await self._each(partial(calls.expired, now_ms, began_before_ms=before_ms), self._forget_call),
            "chats": await self._each(partial(chats.expired, now_ms, began_before_ms=before_ms), chats.delete),
        }
        parts = zip(CallPart, (self._days.transcripts, self._days.recordings, self._days.logs), strict=True)
        for part, days in [each for each in parts if each[1]]:
            find: Finder = partial(calls.remembered, part, began_before_ms=now_ms - days * DAY_MS)
            forgotten[f"{part.name}s".lower()] = await self._each(find, partial(self._forget_part, part))
        if days := self._days.transcripts:
            find = partial(chats.remembered, began_before_ms=now_ms - days * DAY_MS)
            forgotten["chat_transcripts"] = await self._each(find, chats.forget_transcript)
        if now_ms >= self._orphans_due_ms:
            forgotten["orphaned_files"] = await self._remove_orphans(now_ms)
            self._orphans_due_ms = now_ms + DAY_MS
        await self._store.dialled.forget_deleted(now_ms)
        if any(forgotten.values()):
            log.info("old calls forgotten", extra=forgotten)

    async def _each(self, find: Finder, forget: Callable[[str], Awaitable[object]]) -> int:
        """Forget all that is found; returns how many. What cannot be read is logged, and left until the next round."""
        total = 0
        unreadable: set[str] = set()
        while found := [each for each in await find(limit=_AT_ONCE + len(unreadable)) if each not in unreadable]:
            for each in found:
                try:
                    await forget(each)
                    total += 1
                except (ValueError, UnreadableRecord) as error:
                    unreadable.add(each)
                    log.error("not forgotten: %s", error, extra={"call_id": each})
                await asyncio.sleep(self._pause_s)
        return total

    async def _forget_call(self, call_id: str) -> None:
        await forget_call(self._store, self._artefacts, call_id)

    async def _forget_part(self, part: CallPart, call_id: str) -> None:
        if extension := EXTENSIONS.get(part):
            names = await self._artefacts.store.names(call_id)
            await self._artefacts.store.delete([name for name in names if name.file.endswith(extension)])
        await self._store.calls.forget(call_id, part)

    async def _remove_orphans(self, now_ms: int) -> int:
        """Remove the files of calls without a record; returns how many. Nothing where there are no calls at all."""
        if not (await self._store.calls.list_items(limit=1)).calls:
            return 0  # a database that is empty says nothing of what was recorded
        old: list[ArtefactName] = []
        removed = 0
        async for stored in self._artefacts.store.all():
            if stored.modified_s * 1000 < now_ms - _ORPHAN_AGE_MS:
                old.append(stored.name)
            if len(old) == _AT_ONCE:
                removed += await self._remove_if_orphaned(old)
                old = []
        return removed + await self._remove_if_orphaned(old)

    async def _remove_if_orphaned(self, names: Sequence[ArtefactName]) -> int:
        settings = await self._store.calls.settings({name.call_id for name in names})
        orphans = [name for name in names if not _may_stay(name, settings)]
        if orphans:
            await self._artefacts.store.delete(orphans)
        return len(orphans)


def _may_stay(name: ArtefactName, settings: Mapping[str, str | None]) -> bool:
    """Whether a file belongs to a call, and is none that its data_storage_setting excludes."""
    if name.call_id not in settings or settings[name.call_id] == "basic_attributes_only":
        return False
    return settings[name.call_id] != "everything_except_pii" or name.file not in UNSCRUBBED
