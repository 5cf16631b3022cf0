"""Phone numbers, by the number as it was registered.

A document holds the password of the number's trunk in clear, since Asterisk needs it to answer the digest challenge
(RFC 2617). The object shows it in neither its JSON nor its repr, and the database's file is closed to other users.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, delete, select, update

from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberUpdate
from ari_agent.errors import AlreadyStored, StoreError
from ari_agent.store.database import Database, insert_into
from ari_agent.store.tables import phone_numbers


@dataclass(frozen=True, slots=True)
class PhoneNumberPage:
    """Some numbers, and the key that the page after them begins with: None on the last page."""

    phone_numbers: Sequence[PhoneNumber]
    next_key: str | None


def _phone_number(row: Row[Any]) -> PhoneNumber:
    try:
        return PhoneNumber.model_validate(json.loads(row.document))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise StoreError(f"the record of number {row.phone_number} cannot be read: {where}: {problem['msg']}") from None


def _values(number: PhoneNumber) -> dict[str, object]:
    return {
        "phone_number": number.phone_number,
        "document": json.dumps(number.as_record(), separators=(",", ":")),
        "modified_ms": number.last_modification_timestamp,
    }


class PhoneNumbers:
    """Numbers, keyed by `phone_number`."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def create(self, number: PhoneNumber) -> PhoneNumber:
        """Register a number.

        Raises:
            AlreadyStored: it is registered already.
        """

        def write(connection: Connection) -> bool:
            statement = insert_into(connection, phone_numbers).values(_values(number)).on_conflict_do_nothing()
            return connection.execute(statement).rowcount == 1

        if not await self._database.write(write):
            raise AlreadyStored("phone number", number.phone_number)
        return number

    async def get(self, phone_number: str) -> PhoneNumber | None:
        """The number, spelt exactly as it was registered, or None."""
        return await self.find([phone_number])

    async def find(self, spellings: Sequence[str]) -> PhoneNumber | None:
        """The number that is registered under the first of these spellings that is."""
        statement = select(phone_numbers).where(phone_numbers.c.phone_number.in_(spellings))

        def ask(connection: Connection) -> PhoneNumber | None:
            rows = {row.phone_number: row for row in connection.execute(statement)}
            found = next((spelling for spelling in spellings if spelling in rows), None)
            return None if found is None else _phone_number(rows[found])

        return await self._database.read(ask)

    async def update(self, phone_number: str, changes: PhoneNumberUpdate) -> PhoneNumber | None:
        """Change what `changes` names; None: no such number.

        Raises:
            pydantic.ValidationError: the changes do not fit together; nothing is changed.
        """
        statement = select(phone_numbers).where(phone_numbers.c.phone_number == phone_number).with_for_update()

        def change(connection: Connection) -> PhoneNumber | None:
            row = connection.execute(statement).one_or_none()
            if row is None:
                return None
            number = changes.apply(_phone_number(row), now_ms=self._now_ms())
            this_number = phone_numbers.c.phone_number == phone_number
            connection.execute(update(phone_numbers).where(this_number).values(_values(number)))
            return number

        return await self._database.write(change)

    async def delete(self, phone_number: str) -> bool:
        """Forget the number. False: no such number."""

        def drop(connection: Connection) -> bool:
            statement = delete(phone_numbers).where(phone_numbers.c.phone_number == phone_number)
            return connection.execute(statement).rowcount == 1

        return await self._database.write(drop)

    async def list(
        self, *, ascending: bool = True, limit: int = 50, pagination_key: str | None = None
    ) -> PhoneNumberPage:
        """Numbers in order of their spelling. pagination_key: `next_key` of the page before."""
        column = phone_numbers.c.phone_number
        statement = select(phone_numbers).order_by(column.asc() if ascending else column.desc()).limit(limit + 1)
        if pagination_key is not None:
            statement = statement.where(column > pagination_key if ascending else column < pagination_key)

        def ask(connection: Connection) -> PhoneNumberPage:
            rows = connection.execute(statement).all()
            page = [_phone_number(row) for row in rows[:limit]]
            return PhoneNumberPage(page, page[-1].phone_number if len(rows) > limit and page else None)

        return await self._database.read(ask)
