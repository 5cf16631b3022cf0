"""How a stored call is read: as the call object, or as the text that list-calls shows of it.

That text is written with the record: a page of a thousand calls goes out as it was stored, however long their
transcripts are, and nothing of it is parsed. Records that a version without it wrote are read as objects first.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, case, select

from ari_agent.contract.call import Call
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.errors import UnreadableRecord
from ari_agent.store.call_segments import Key, Place, Sealed, keys_of
from ari_agent.store.column_cache import ColumnCache, among, load_packed
from ari_agent.store.packed_items import ITEMS, PackedItems
from ari_agent.store.tables import calls

log = logging.getLogger(__name__)
T = TypeVar("T")

RECORD: Final[Sequence[ColumnElement[Any]]] = (calls.c.call_id, calls.c.document, calls.c.amendments)
_NO_ITEM: Final = calls.c.list_item.is_(None)
ITEM: Final[Sequence[ColumnElement[Any]]] = (
    calls.c.call_id,
    calls.c.list_item,
    case((_NO_ITEM, calls.c.document)).label("document"),
    case((_NO_ITEM, calls.c.amendments)).label("amendments"),
)
"""What `item_of` reads: a long record is left where it is."""
_READ_AT_ONCE: Final = 16
"""Records: half a millisecond."""


def dump(document: Mapping[str, object]) -> str:
    """JSON as a column holds it: in ASCII, as a text there has neither NUL (PostgreSQL) nor half a surrogate pair."""
    return json.dumps(document, separators=(",", ":"))


def list_item(known: Mapping[str, object]) -> str:
    """What list-calls shows of a call object (as JSON): no transcripts, nothing that is unset."""
    return dump({key: value for key, value in known.items() if value is not None and key not in TRANSCRIPTS})


def read(connection: Connection, keys: Sequence[Key], columns: Sequence[ColumnElement[Any]]) -> Sequence[Row[Any]]:
    """Of these calls, which are all there, in this order."""
    if not keys:
        return ()
    of_keys = among(connection, calls.c.call_id, [call_id for _, call_id in keys])
    if connection.dialect.name == "sqlite":
        # neighbours in the list are neighbours in the index by time, and strangers in the one by call_id, which an
        # expression keeps it from: a thousand calls are read ten times as fast
        by_time = among(connection, calls.c.listed_ms, [listed_ms for listed_ms, _ in keys])
        of_keys = by_time & among(connection, calls.c.call_id.concat(""), [call_id for _, call_id in keys])
    found = {row.call_id: row for row in connection.execute(select(*columns).where(of_keys))}
    return [found[call_id] for _, call_id in keys]


@dataclass(frozen=True, slots=True)
class SealedItem:
    """What a segment keeps of a call to be shown."""

    block: PackedItems
    row: int


def read_items(connection: Connection, cache: ColumnCache, places: Sequence[Place]) -> Sequence[Row[Any] | SealedItem]:
    """Of these calls, in this order, what `item_of` makes the item of: from the segments those that they keep."""
    blocks_of = [one.loaded.item_place(one.row) if isinstance(one, Sealed) else None for one in places]
    wanted = list(dict.fromkeys(block for block in blocks_of if block is not None))
    blocks = {block: PackedItems(packed) for block, packed in load_packed(connection, wanted).items()}
    left = [one for one, block in zip(places, blocks_of, strict=True) if block not in blocks]
    rows = iter(read(connection, keys_of(connection, cache, left), ITEM))
    return [
        SealedItem(blocks[block], one.row % ITEMS) if isinstance(one, Sealed) and block in blocks else next(rows)
        for one, block in zip(places, blocks_of, strict=True)
    ]


def call_of(row: Row[Any]) -> Call:
    """The call object of a RECORD.

    Raises:
        UnreadableRecord: as it says.
    """
    if row.amendments is None:
        with suppress(ValidationError):  # half a surrogate pair, say, which only Python's own parser takes
            return Call.model_validate_json(row.document)
    try:
        return Call.model_validate({**json.loads(row.document), **json.loads(row.amendments or "{}")})
    except (ValueError, TypeError) as error:
        raise UnreadableRecord(f"the record of call {row.call_id}", error) from None


def item_of(row: Row[Any] | SealedItem) -> str:
    """The JSON that list-calls shows of an ITEM, or of a call in a segment.

    Raises:
        UnreadableRecord: as it says.
    """
    if isinstance(row, SealedItem):
        return row.block[row.row]
    if row.list_item is not None:
        item: str = row.list_item
        return item
    return list_item(call_of(row).model_dump(mode="json", exclude_none=True, exclude=set(TRANSCRIPTS)))


def readable(rows: Sequence[Any], read_one: Callable[[Any], T]) -> Sequence[T]:
    """What is read of each, without those that cannot be: one bad record must not hide all others."""
    found = []
    for number, row in enumerate(rows):
        if number % _READ_AT_ONCE == 0:
            time.sleep(0)  # let the event loop's thread have its turn
        try:
            found.append(read_one(row))
        except UnreadableRecord as error:
            log.error("a record was passed over: %s", error, extra={"call_id": row.call_id})
    return found
