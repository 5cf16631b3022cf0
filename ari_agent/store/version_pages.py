"""Pages of things that have a row for each version: of each the latest, by last modification and then by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, Table, func, select, tuple_


def latest_versions(
    table: Table, id_name: str, *, ascending: bool, limit: int, pagination_key: str | None
) -> Select[Any]:
    """Select the rows of a page, and one more where another page follows.

    table: with the columns `version` and `modified_ms`, and one of this name for the id. pagination_key: `next_key` of
    the page before; one that is not is taken for the beginning.
    """
    newer = table.alias("newer")
    latest = select(func.max(newer.c.version)).where(newer.c[id_name] == table.c[id_name]).scalar_subquery()
    columns = (table.c.modified_ms, table.c[id_name])
    statement = select(table).where(table.c.version == latest).limit(limit + 1)
    statement = statement.order_by(*(column.asc() if ascending else column.desc() for column in columns))
    modified_ms, _, last_id = (pagination_key or "").partition(":")
    if modified_ms.isascii() and modified_ms.isdigit() and len(modified_ms) < 19:
        here, last = tuple_(*columns), tuple_(int(modified_ms), last_id)
        statement = statement.where(here > last if ascending else here < last)
    return statement


def next_key(rows: Sequence[Row[Any]], id_name: str, *, limit: int) -> str | None:
    """Return the key that the page after these rows begins with; None on the last page."""
    if not len(rows) > limit > 0:
        return None
    last = rows[limit - 1]
    return f"{last.modified_ms}:{getattr(last, id_name)}"
