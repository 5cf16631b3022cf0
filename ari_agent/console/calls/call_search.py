"""The calls that a search finds, page by page: by their columns alone, or by what was said in them as well.

No index has the words: the calls that the other fields find are read, the newest first, until a page is full, or so
many calls or seconds are over. How far back that was is told, and the next page goes on there.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ari_agent.console.calls.call_query import CallQuery
from ari_agent.console.calls.said_words import SaidWords
from ari_agent.store.call_filter import AnyFilter, FilterOp
from ari_agent.store.call_records import SaidCall
from ari_agent.store.store import Store

MOST_SEARCHED: Final = 20_000
"""So many calls are looked through for one page."""
SEARCHED_WITHIN_S: Final = 1.5
_IN_ONE_READ: Final = 50
"""Calls with all that was said in them, a few MB of memory; of the longest there are, 100 MB."""
_FEW: Final = 10_000
"""So many calls are sorted in some 10 ms."""
_WORK_SHARE: Final = 0.25
"""How much of the time a search through everything works, so that calls in progress do not feel it."""
_SLICE_S: Final = 0.3
_ID: Final = "agent_"
"""What the ids of agents begin with."""


@dataclass(frozen=True, slots=True)
class FoundCalls:
    """A page of what was found.

    calls: call objects without transcripts; the `said` of each is some of what was said around the words. next_key: of
    the page after this one; None on the last. searched: how many calls were looked through for words, the oldest of
    them of searched_back_ms, in milliseconds since 1970; 0 and None where there was none.
    """

    calls: Sequence[Mapping[str, Any]]
    next_key: str | None
    searched: int = 0
    searched_back_ms: int | None = None


async def find_calls(
    store: Store,
    query: CallQuery,
    *,
    limit: int,
    after: str | None,
    turn: asyncio.Lock,
    most_searched: int = MOST_SEARCHED,
    within_s: float = SEARCHED_WITHIN_S,
) -> FoundCalls:
    """Return the calls that a query asks for, the newest first. after: `next_key` of the page before.

    turn: is held while words are looked for, so that all who look for words together take the time of one.

    Raises:
        UnknownCall: after is the key of no page. StoreError: the database cannot be read.
    """
    words, filters = SaidWords.of(query.words), await _filters(store, query)
    if not words.words:
        items = await store.calls.list_items(filters, limit=limit, pagination_key=after)
        return FoundCalls(await asyncio.to_thread(_read, items.calls), items.next_key)
    found: list[Mapping[str, Any]] = []
    searched, back_ms, key = 0, None, after
    async with turn:
        until_s = time.monotonic() + within_s
        while True:
            page = await store.calls.list_said(filters, limit=_IN_ONE_READ, pagination_key=key)
            matching, read = await asyncio.to_thread(_matching, page.calls, words, limit - len(found))
            found += matching
            searched += read
            key = page.next_key if read == len(page.calls) else page.calls[read - 1].key
            back_ms = page.calls[read - 1].listed_ms if read else back_ms
            is_enough = len(found) >= limit or searched >= most_searched or time.monotonic() >= until_s
            if key is None or is_enough:
                return FoundCalls(found, key, searched, back_ms)


async def _filters(store: Store, query: CallQuery) -> Sequence[AnyFilter]:
    """Return the filters of a query, with that way of looking for its number which is quick for it.

    What is no id of an agent is a part of a name: that of any of its versions.

    Calls of exactly this number are found by an index, and so are those of numbers that begin with it, if they are few;
    where they are many, or it stands somewhere in a number, they are found in the order of the list.
    """
    named = await store.agents.called(query.agent) if query.agent and not query.agent.startswith(_ID) else ()
    filters = partial(query.filters, named=named)
    whole = query.sides(FilterOp.EQ)
    if not whole:
        return filters()
    for side in whole:
        if (await store.calls.list_items([side], limit=1)).calls:
            return filters(FilterOp.EQ)
    if not query.number.startswith("+"):
        return filters(FilterOp.CO)
    for side in query.sides(FilterOp.SW):
        if await store.calls.has_more_than([side], _FEW):
            return filters(FilterOp.CO)
    return filters(FilterOp.SW)


async def all_calls(
    store: Store, query: CallQuery, *, in_one_read: int, turn: asyncio.Lock
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Give all calls that a query asks for, some at a time. A search for words takes a part of the time alone.

    Raises:
        UnknownCall: a page's first call was deleted. StoreError: the database cannot be read.
    """
    key: str | None = None
    while True:
        began_s = time.monotonic()
        page = await find_calls(store, query, limit=in_one_read, after=key, turn=turn, within_s=_SLICE_S)
        yield page.calls
        if page.next_key is None:
            return
        key = page.next_key
        if page.searched:
            await asyncio.sleep((time.monotonic() - began_s) * (1 / _WORK_SHARE - 1))


def _matching(calls: Sequence[SaidCall], words: SaidWords, most: int) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Return the calls in which the words were said, most at most, and how many calls were looked through for them."""
    found: list[Mapping[str, Any]] = []
    for place, call in enumerate(calls):
        if (said := words.found(call.document, call.amendments)) is not None:
            found.append({**json.loads(call.item), "said": said})
            if len(found) == most:
                return found, place + 1
    return found, len(calls)


def _read(items: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    return [json.loads(item) for item in items]
