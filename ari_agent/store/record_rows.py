"""Rows whose JSON may be damaged: what can be read of many is read."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Row

from ari_agent.errors import UnreadableRecord

log = logging.getLogger(__name__)
T = TypeVar("T")
_READ_AT_ONCE: Final = 16  # records: half a millisecond


def parsed(read_one: Callable[[Any], T], document: str, what: str) -> T:
    """Return the object that `read_one` makes of a JSON document.

    Raises:
        UnreadableRecord: the document of `what` is not what this version stores.
    """
    try:
        return read_one(json.loads(document))
    except ValueError as error:
        raise UnreadableRecord(what, error) from None


def readable(rows: Sequence[Row[Any]], read_one: Callable[[Row[Any]], T], *, of: str = "call_id") -> Sequence[T]:
    """What is read of each row, without those that cannot be: one bad record must not hide all others.

    of: the column that names a record in the log. In a thread, it lets the event loop's thread have its turn.
    """
    found = []
    for number, row in enumerate(rows):
        if number % _READ_AT_ONCE == 0:
            time.sleep(0)
        try:
            found.append(read_one(row))
        except UnreadableRecord as error:
            log.error("a record was passed over: %s", error, extra={of: getattr(row, of)})
    return found
