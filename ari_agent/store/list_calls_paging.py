"""Paging of list-calls: which calls stand on a page, and how many fulfil the filters on all pages together.

The list is sorted by `listed_ms`, when a call started, and then by `call_id`. A page is named by the key of the last
call before it and not by a number, so that it stays right while calls are added, and is found in an index however deep
it is. At first only keys are read, which all stand in the index; the few rows of the page then come by their keys.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Connection, Select, func, literal, select, tuple_

from ari_agent.errors import UnknownCall
from ari_agent.store.call_filter import AnyFilter, AttributeFilter
from ari_agent.store.filter_conditions import NEGATIONS, MatchingCalls, matching_calls
from ari_agent.store.tables import StorableText, calls

Key = tuple[int, str]
"""A call's place in the list, as (listed_ms, call_id)."""


@dataclass(frozen=True, slots=True)
class WantedPage:
    """Which page is wanted.

    pagination_key: `next_key` of the page before, or the call_id of its last call; None for the first page. limit: how
    many calls at most. skip: how many to pass over before the first. with_total: `count` them all as well.
    """

    ascending: bool = False
    limit: int = 50
    pagination_key: str | None = None
    skip: int = 0
    with_total: bool = False


def read_page(connection: Connection, filters: Sequence[AnyFilter], wanted: WantedPage) -> tuple[list[Key], str | None]:
    """The keys of the calls on the page, and the pagination_key of the page after it: None on the last one.

    Raises:
        UnknownCall: pagination_key is the call_id of no call.
    """
    after = None if wanted.pagination_key is None else _position(connection, wanted.pagination_key)
    rows = connection.execute(_keys(matching_calls(filters, connection.dialect.name), wanted, after)).all()
    keys = [(row.listed_ms, row.call_id) for row in rows[: wanted.limit]]
    return keys, page_key(*keys[-1]) if len(rows) > wanted.limit else None


def page_key(listed_ms: int, call_id: str) -> str:
    """Return the pagination_key of the page that begins after this call."""
    return f"{listed_ms}:{call_id}"


def count(connection: Connection, filters: Sequence[AnyFilter]) -> int:
    """Return how many calls fulfil all filters."""
    for place, unwanted in enumerate(filters):
        if isinstance(unwanted, AttributeFilter) and unwanted.op in NEGATIONS:
            # all calls less those that have the attribute: to look for it in each call would take seconds
            others = [*filters[:place], *filters[place + 1 :]]
            having = replace(unwanted, op=NEGATIONS[unwanted.op])
            return count(connection, others) - count(connection, [*others, having])
    matching = matching_calls(filters, connection.dialect.name)
    # A bound, even if all calls are within, keeps SQLite to the index, which it takes for as large as the rows are.
    first_ms = max(matching.first_ms, 0) if filters else matching.first_ms
    statement = select(func.count()).select_from(matching.source).where(*matching.between(first_ms, matching.last_ms))
    return connection.execute(statement).scalar_one()


def _keys(matching: MatchingCalls, wanted: WantedPage, after: Key | None) -> Select[int, str]:
    """One call more than the page has, which tells whether there is another page."""
    place = (matching.listed_ms, matching.call_id)
    first_ms, last_ms = matching.first_ms, matching.last_ms
    statement = select(*place).select_from(matching.source)
    if after is not None and (after[0] >= first_ms if wanted.ascending else after[0] <= last_ms):
        # this bound alone, as of two on one side a database begins at either
        here, there = tuple_(*place), tuple_(literal(after[0], BigInteger), literal(after[1], StorableText))
        statement = statement.where(here > there if wanted.ascending else here < there)
        first_ms, last_ms = (-math.inf, last_ms) if wanted.ascending else (first_ms, math.inf)
    statement = statement.where(*matching.between(first_ms, last_ms))
    order = [column.asc() if wanted.ascending else column.desc() for column in place]
    return statement.order_by(*order).limit(wanted.limit + 1).offset(wanted.skip or None)


def _position(connection: Connection, pagination_key: str) -> Key:
    """Return the place in the list of the last call before the page. Raises: UnknownCall."""
    listed_ms, colon, call_id = pagination_key.partition(":")
    if colon and listed_ms.isascii() and listed_ms.isdigit() and len(listed_ms) < 19:
        return int(listed_ms), call_id
    row = connection.execute(select(calls.c.listed_ms).where(calls.c.call_id == pagination_key)).one_or_none()
    if row is None:
        raise UnknownCall(pagination_key)
    return row.listed_ms, pagination_key
