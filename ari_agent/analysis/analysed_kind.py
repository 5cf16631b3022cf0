"""What the analysis of calls and that of chats do alike: find one that is over, have it read, store what was found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ari_agent.analysis.analyst import NO_MODEL, AnalysisFailed, Analyst, Matter, Reading
from ari_agent.analysis.runner import Concluded, Outcome, outcome_of
from ari_agent.errors import CallError


class _Ended(Protocol):
    @property
    def end_timestamp(self) -> int | None: ...


StoredT = TypeVar("StoredT")
WishesT = TypeVar("WishesT")
RecordT = TypeVar("RecordT", bound=_Ended)


class AnalysedKind(ABC, Generic[StoredT, WishesT, RecordT]):
    """One kind of conversation, for `analysis.runner`: a Waiting, without the part that knows where it is stored.

    StoredT: a conversation with what is kept beside its record. WishesT: what its agent wants to know of it. RecordT:
    its record, as the API shows it. analyst: None where no model is set up; conversations of an earlier run may wait
    all the same. now_ms: milliseconds since 1970.
    """

    def __init__(self, analyst: Analyst | None, *, now_ms: Callable[[], int]) -> None:
        self._analyst = analyst
        self._now_ms = now_ms

    async def conclude(self, subject_id: str, deadline_ms: int) -> Concluded:
        """Have a conversation analysed by the deadline, and store the result with the webhook that tells it.

        Raises:
            StoreError: it is not stored, and the conversation goes on to wait.
        """
        stored = await self._find(subject_id)
        if stored is None:
            return Concluded(Outcome.GONE)
        reading = await self._read(self._record(stored), self._own_wishes(stored), deadline_ms)
        record = await self._store_first(stored, reading)
        if record is None:
            return Concluded(Outcome.GONE)
        now_ms = self._now_ms()
        return Concluded(outcome_of(reading.report), max(0, now_ms - (record.end_timestamp or now_ms)))

    async def rerun(self, subject_id: str, deadline_ms: int) -> RecordT:
        """Analyse a conversation again, with what the latest version of its agent asks for, and return its record.

        The model has time until the deadline. Where there is none, or nothing to read, the record stays as it is. No
        webhook is sent.

        Raises:
            CallError: there is no such conversation.
            AnalysisFailed: the model has not answered; the analysis stays as it was.
            StoreError: the database failed.
        """
        stored = await self._find(subject_id)
        if stored is None:
            raise self._unknown(subject_id)
        record = self._record(stored)
        if self._analyst is None or not self._is_worth_reading(record):
            return record
        reading = await self._read(record, await self._latest_wishes(stored), deadline_ms)
        if reading.report.failure:
            raise AnalysisFailed(subject_id, reading.report.failure)
        again = await self._store_again(stored, reading)
        if again is None:
            raise self._unknown(subject_id)
        return again

    async def _read(self, record: RecordT, wishes: WishesT, deadline_ms: int) -> Reading:
        if self._analyst is None:
            return NO_MODEL
        return await self._analyst.analyse(await self._matter(record, wishes), deadline_ms=deadline_ms)

    @abstractmethod
    async def _find(self, subject_id: str) -> StoredT | None:
        """Return the conversation as it is stored; None where it is deleted. Raises: StoreError."""

    @abstractmethod
    def _record(self, stored: StoredT) -> RecordT:
        """Return the record of a stored conversation: its call or chat object."""

    @abstractmethod
    def _own_wishes(self, stored: StoredT) -> WishesT:
        """Return what its agent, as it was then, wants to know of it."""

    @abstractmethod
    async def _latest_wishes(self, stored: StoredT) -> WishesT:
        """Return what the latest version of its agent wants to know. Raises: StoreError."""

    @abstractmethod
    def _is_worth_reading(self, record: RecordT) -> bool:
        """Return whether a model is to read it."""

    @abstractmethod
    async def _matter(self, record: RecordT, wishes: WishesT) -> Matter:
        """Return what a model is asked."""

    @abstractmethod
    async def _store_first(self, read: StoredT, reading: Reading) -> RecordT | None:
        """Store what was found, with its webhook, and return the record; None: it waits for nothing, or is deleted.

        read: the conversation as it was when it was read; it may have changed since.

        Raises:
            StoreError: it is not stored.
        """

    @abstractmethod
    async def _store_again(self, read: StoredT, reading: Reading) -> RecordT | None:
        """Store what a later reading has found, as `_store_first` does, but without a webhook; None: it is deleted."""

    @abstractmethod
    def _unknown(self, subject_id: str) -> CallError:
        """Return the error that says that there is no such conversation."""
