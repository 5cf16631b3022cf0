"""The list of calls: looked for as people think, page by page, or all as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from ari_agent.console.calls.call_query import DIRECTIONS, REASONS, STATUSES, CallQuery
from ari_agent.console.calls.call_search import all_calls, find_calls
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.words import iso_time
from ari_agent.errors import ApiError, StoreError, UnknownCall
from ari_agent.slow_readers import cut_off, send
from ari_agent.store.store import Store

log = logging.getLogger(__name__)

SEARCH_TURN: Final = web.AppKey("search_turn", asyncio.Lock)
_ON_A_PAGE: Final = 50
_IN_ONE_READ: Final = 1000
_FORMULA: Final = ("=", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0d", "\uff0b", "\uff20")
"""What a formula begins with, in the full width of East Asia as well."""
_CSV_COLUMNS: Final = (
    "call_id",
    "start",
    "direction",
    "from_number",
    "to_number",
    "agent_id",
    "agent_name",
    "call_status",
    "disconnection_reason",
    "duration_s",
    "cost_cents",
)


async def show_calls(request: web.Request) -> web.Response:
    """Show the calls that the query string asks for, the newest first."""
    query = CallQuery.of(request.query)
    store, turn = request.app[DEPENDENCIES].store, request.app[SEARCH_TURN]
    try:
        page = await find_calls(store, query, limit=_ON_A_PAGE, after=query.after or None, turn=turn)
    except UnknownCall:
        raise ApiError(400, "this page of the list is no more: begin at the first one") from None
    return await asyncio.to_thread(
        request.app[PAGES].page,
        "calls.html",
        request[SESSION],
        query=query,
        problems=query.problems(),
        calls=page.calls,
        searched=page.searched,
        searched_back_ms=page.searched_back_ms,
        next_link=query.link(after=page.next_key) if page.next_key else "",
        first_link=query.link(after=""),
        chips=query.chips(),
        reasons=REASONS,
        statuses=STATUSES,
        directions=DIRECTIONS,
    )


async def show_calls_as_csv(request: web.Request) -> web.StreamResponse:
    """Send all calls that the query string asks for, a line each, as RFC 4180 has it."""
    query = CallQuery.of(request.query)
    if problems := query.problems():
        raise ApiError(400, "; ".join(problems))
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="calls.csv"',
            "Cache-Control": "no-store",
        }
    )
    dependencies = request.app[DEPENDENCIES]
    with suppress(ConnectionResetError):  # a browser that has seen enough
        await response.prepare(request)
        try:
            async for piece in _csv_pieces(dependencies.store, query, request.app[SEARCH_TURN]):
                await send(request, response, piece, within_s=dependencies.read_within_s)
        except (StoreError, UnknownCall):
            # a file that ends in order would be taken for all calls
            log.exception("a list of calls was cut off, as not all could be read")
            cut_off(request)
    return response


async def _csv_pieces(store: Store, query: CallQuery, turn: asyncio.Lock) -> AsyncIterator[bytes]:
    yield _csv([_CSV_COLUMNS])
    async for calls in all_calls(store, query, in_one_read=_IN_ONE_READ, turn=turn):
        yield await asyncio.to_thread(_lines, calls)


def _lines(calls: Sequence[Mapping[str, Any]]) -> bytes:
    return _csv([_line(call) for call in calls])


def _line(call: Mapping[str, Any]) -> tuple[object, ...]:
    start, duration_ms = call.get("start_timestamp"), call.get("duration_ms")
    known = {
        **call,
        "start": iso_time(start) if start is not None else None,
        "duration_s": None if duration_ms is None else duration_ms / 1000,
        "cost_cents": (call.get("call_cost") or {}).get("combined_cost"),
    }
    return tuple(_harmless(known.get(column)) for column in _CSV_COLUMNS)


def _harmless(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula. Source: OWASP, "CSV Injection"."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    # a number of the phone network may begin with a plus, if that is all it is
    if isinstance(value, str) and value.startswith("+") and not value[1:].isdecimal():
        return f"'{value}"
    return value


def _csv(lines: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode("utf-8", "replace")
