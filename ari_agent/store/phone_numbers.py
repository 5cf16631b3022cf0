"""Phone numbers, by the number as it was registered.

A document holds the password of the number's trunk in clear, since Asterisk needs it to answer the digest challenge
(RFC 2617). The object shows it in neither its JSON nor its repr, and the database's file is closed to other users.

A fallback number never falls back itself, so that a caller for whom no slot came free is sent on once. Whoever gives a
number a fallback looks for chains and writes in one transaction, and all who do so take turns: the two halves of a
chain, made at the same time, would not see each other. Every spelling of a number counts as that number.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, or_, select, text, update

from ari_agent.contract.parsing.e164 import all_spellings
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberUpdate
from ari_agent.errors import AlreadyStored, FallbackChain
from ari_agent.routing.dialled_number import Dialled, stored_endings, stored_spellings, what_was_dialled
from ari_agent.store.database import Database, dump, insert_into
from ari_agent.store.record_rows import parsed, readable
from ari_agent.store.tables import phone_numbers

_IN_ONE_READ: Final = 1000
_MOST_READS: Final = 20
_AGENTS: Final = ("inbound_agents", "outbound_agents", "inbound_sms_agents", "outbound_sms_agents")
_FALLBACKS_LOCK: Final = 0x617269_66616C6C  # of pg_advisory_xact_lock: "ari", "fall"


@dataclass(frozen=True, slots=True)
class PhoneNumberPage:
    """Some numbers, and the key that the page after them begins with: None on the last page."""

    phone_numbers: Sequence[PhoneNumber]
    next_key: str | None


def _phone_number(row: Row[Any]) -> PhoneNumber:
    return parsed(PhoneNumber.model_validate, row.document, f"the record of number {row.phone_number}")


def _values(number: PhoneNumber) -> dict[str, object]:
    return {
        "phone_number": number.phone_number,
        "document": dump(number.as_record()),
        "modified_ms": number.last_modification_timestamp,
    }


class PhoneNumbers:
    """The registered phone numbers, by `phone_number`."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def create(self, number: PhoneNumber) -> PhoneNumber:
        """Register a number.

        Raises:
            AlreadyStored: it is registered already.
            FallbackChain: its fallback number cannot be one, or it is one itself.
        """

        def write(connection: Connection) -> bool:
            if number.fallback_number is not None:
                _lock_fallbacks(connection)
                _refuse_chain(connection, number.phone_number, number.fallback_number)
            statement = insert_into(connection, phone_numbers).values(_values(number)).on_conflict_do_nothing()
            return connection.execute(statement).rowcount == 1

        if not await self._database.write(write):
            raise AlreadyStored("phone number", number.phone_number)
        return number

    async def get(self, phone_number: str) -> PhoneNumber | None:
        """Return the number that is registered under exactly this spelling, or None."""
        rows = await self._database.rows(select(phone_numbers).where(phone_numbers.c.phone_number == phone_number))
        return _phone_number(rows[0]) if rows else None

    async def dialled(self, candidates: Sequence[str]) -> tuple[Dialled, PhoneNumber | None]:
        """Find what was dialled among the registered numbers: what that is, and the number, or None if it is none.

        candidates: what may have been dialled, the likeliest first, as `dialled_candidates` lists it.
        """
        # Most calls name a number as it is registered; looking for other spellings reads the whole index.
        if candidates and (number := await self.get(candidates[0])):
            return Dialled(candidates[0], number.phone_number), number
        alike = await self._alike(stored_spellings(candidates), stored_endings(candidates))
        dialled = what_was_dialled(candidates, alike)
        return dialled, await self.get(dialled.number) if dialled.number else None

    async def _alike(self, spellings: Sequence[str], endings: Sequence[str]) -> Sequence[str]:
        """Return the registered numbers that are spelt so, or end in one of these groups of digits."""
        column = phone_numbers.c.phone_number
        statement = select(column).where(or_(column.in_(spellings), *(column.endswith(digits) for digits in endings)))
        return await self._database.read(lambda connection: list(connection.scalars(statement)))

    async def update(self, phone_number: str, changes: PhoneNumberUpdate) -> PhoneNumber | None:
        """Change what `changes` names; None: no such number.

        Raises:
            pydantic.ValidationError: the changes do not fit together; nothing is changed.
            FallbackChain: the fallback number cannot be one, or the number is one itself; nothing is changed.
        """
        statement = select(phone_numbers).where(phone_numbers.c.phone_number == phone_number).with_for_update()

        def change(connection: Connection) -> PhoneNumber | None:
            if changes.fallback_number is not None:
                _lock_fallbacks(connection)  # before the row, as everybody does: else two wait for each other
            row = connection.execute(statement).one_or_none()
            if row is None:
                return None
            number = changes.apply(_phone_number(row), now_ms=self._now_ms())
            if changes.fallback_number is not None:
                _refuse_chain(connection, phone_number, changes.fallback_number)
            this_number = phone_numbers.c.phone_number == phone_number
            connection.execute(update(phone_numbers).where(this_number).values(_values(number)))
            return number

        return await self._database.write(change)

    async def delete(self, phone_number: str) -> bool:
        """Delete the number. Return False if there is no such number."""
        statement = delete(phone_numbers).where(phone_numbers.c.phone_number == phone_number)
        return await self._database.run(statement) == 1

    async def list(
        self, *, ascending: bool = True, limit: int = 50, pagination_key: str | None = None
    ) -> PhoneNumberPage:
        """Numbers in order of their spelling. pagination_key: `next_key` of the page before."""
        column = phone_numbers.c.phone_number
        statement = select(phone_numbers).order_by(column.asc() if ascending else column.desc()).limit(limit + 1)
        if pagination_key is not None:
            statement = statement.where(column > pagination_key if ascending else column < pagination_key)
        rows = await self._database.rows(statement)
        page = [_phone_number(row) for row in rows[:limit]]
        return PhoneNumberPage(page, page[-1].phone_number if len(rows) > limit and page else None)

    async def fingerprint(self) -> tuple[int, int]:
        """Return what is another after each change of any number, by whatever process: a query that reads no record."""
        statement = select(func.count().label("numbers"), func.sum(phone_numbers.c.modified_ms).label("sum_ms"))
        (row,) = await self._database.rows(statement.select_from(phone_numbers))
        return row.numbers, int(row.sum_ms or 0)

    async def modified_ms(self) -> Mapping[str, int]:
        """Return when each number was changed last, in milliseconds since 1970."""
        rows = await self._database.rows(select(phone_numbers.c.phone_number, phone_numbers.c.modified_ms))
        return {row.phone_number: row.modified_ms for row in rows}

    async def search(
        self, text: str, *, agent_ids: Collection[str] = (), limit: int = 50, pagination_key: str | None = None
    ) -> PhoneNumberPage:
        """Return the numbers that have the text in their digits, nickname or an agent's id, in order of their spelling.

        agent_ids: of agents that are meant by the text too. pagination_key: `next_key` of the page before. One page
        looks at up to 20,000 numbers; where it is not full then, its `next_key` goes on behind them.
        """
        wanted = _Wanted.of(text, agent_ids)
        found: list[PhoneNumber] = []
        column, key = phone_numbers.c.phone_number, pagination_key
        for _ in range(_MOST_READS):
            statement = select(phone_numbers).order_by(column).limit(_IN_ONE_READ)
            rows = await self._database.rows(statement if key is None else statement.where(column > key))
            # in a thread: a thousand documents take long enough that callers would hear it
            found += await asyncio.to_thread(wanted.among, rows)
            if len(found) > limit:
                return PhoneNumberPage(found[:limit], found[limit - 1].phone_number)
            if len(rows) < _IN_ONE_READ:
                return PhoneNumberPage(found, None)
            key = rows[-1].phone_number
        return PhoneNumberPage(found, key)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search looks for. dialled: the text without what people write between digits.

    written: the longest part of the text that JSON in ASCII has as it is, to pass most documents over unread.
    """

    text: str
    dialled: str
    written: str
    agent_ids: Collection[str]

    @classmethod
    def of(cls, text: str, agent_ids: Collection[str]) -> _Wanted:
        written = max(re.findall(r"[A-Za-z0-9_ .@-]+", text), key=len, default="").lower()
        return cls(text.casefold(), re.sub(r"[\s()./-]", "", text).casefold(), written, agent_ids)

    def among(self, rows: Sequence[Row[Any]]) -> Sequence[PhoneNumber]:
        return [number for number in readable(rows, self._read, of="phone_number") if number]

    def _read(self, row: Row[Any]) -> PhoneNumber | None:
        fits = self.dialled and self.dialled in row.phone_number.casefold()
        if not fits and not self.agent_ids and self.written not in row.document.lower():
            return None
        # Not the document's text: it holds the trunk's password, which nobody shall guess piece by piece.
        document = parsed(dict, row.document, f"the record of number {row.phone_number}")
        return _phone_number(row) if fits or self._names_it(document) else None

    def _names_it(self, document: Mapping[str, Any]) -> bool:
        bound = {named["agent_id"] for field in _AGENTS for named in document.get(field) or ()}
        return (
            self.text in (document.get("nickname") or "").casefold()
            or any(self.text in agent_id.casefold() for agent_id in bound)
            or not bound.isdisjoint(self.agent_ids)
        )


def _lock_fallbacks(connection: Connection) -> None:
    """Wait for whoever else is giving a number a fallback; SQLite has one writer at a time as it is."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FALLBACKS_LOCK})


def _refuse_chain(connection: Connection, phone_number: str, fallback_number: str) -> None:
    """Raises FallbackChain unless `fallback_number` may be the one of `phone_number`."""
    if fallback_number in all_spellings(phone_number):
        raise FallbackChain(f"fallback_number: {fallback_number} is this number itself; name another one")
    column = phone_numbers.c.phone_number
    for row in connection.execute(select(phone_numbers).where(column.in_(all_spellings(fallback_number)))):
        if further := _phone_number(row).fallback_number:
            raise FallbackChain(
                f"fallback_number: {fallback_number} has a fallback of its own ({further}); name a number that has none"
            )
    fields = [f'"fallback_number":"{spelling}"' for spelling in all_spellings(phone_number)]
    names_this_number = or_(*(phone_numbers.c.document.contains(field, autoescape=True) for field in fields))
    for row in connection.execute(select(phone_numbers).where(names_this_number).order_by(column)):
        # SQLite's LIKE takes `Desk` for `desk`
        if _phone_number(row).fallback_number in all_spellings(phone_number):
            raise FallbackChain(
                f"fallback_number: {phone_number} is itself the fallback of {row.phone_number}, so it can have none; "
                f"remove it there first"
            )
