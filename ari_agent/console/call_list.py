"""The list of calls: looked for as people think, page by page, or all as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from ari_agent.console.call_query import DIRECTIONS, REASONS, STATUSES, CallQuery
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.words import iso_time
from ari_agent.errors import ApiError, UnknownCall

_ON_A_PAGE: Final = 50
_IN_ONE_READ: Final = 1000
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
    store = request.app[DEPENDENCIES].store
    try:
        page = await store.calls.list_items(query.filters(), limit=_ON_A_PAGE, pagination_key=query.after or None)
    except UnknownCall:
        raise ApiError(400, "this page of the list is no more: begin at the first one") from None
    return request.app[PAGES].page(
        "calls.html",
        request[SESSION],
        query=query,
        problems=query.problems(),
        calls=[json.loads(item) for item in page.calls],
        next_link=query.link(after=page.next_key) if page.next_key else "",
        first_link=query.link(after=""),
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
    await response.prepare(request)
    await response.write(_csv([_CSV_COLUMNS]))
    key: str | None = None
    while True:
        page = await request.app[DEPENDENCIES].store.calls.list_items(
            query.filters(), limit=_IN_ONE_READ, pagination_key=key
        )
        await response.write(_csv([_line(json.loads(item)) for item in page.calls]))
        if page.next_key is None:
            return response
        key = page.next_key


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
    if isinstance(value, str) and value.startswith(("=", "-", "@", "\t", "\r")):
        return f"'{value}"
    # a number of the phone network may begin with a plus, if that is all it is
    if isinstance(value, str) and value.startswith("+") and not value[1:].isdecimal():
        return f"'{value}"
    return value


def _csv(lines: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
