"""What happens now: the calls in progress, the slots, and the health of each part, live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web
from markupsafe import Markup

from ari_agent.console.access import session_of
from ari_agent.console.dependencies import DEPENDENCIES, NOW_FEED, PAGES, SESSION, ConsoleDependencies
from ari_agent.console.live_feed import LiveFeed
from ari_agent.console.live_record import live_record
from ari_agent.console.pages import Pages
from ari_agent.console.sending import send
from ari_agent.contract.transcript import Utterance
from ari_agent.errors import ApiError

_SHOWN: Final = 200
"""Calls that the page lists; the others are counted."""
_LAST_WORDS: Final = 90
_EVENT_STREAM: Final[Mapping[str, str]] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events until its buffer is full
}


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A call in progress as the page shows it. since_ms: when it began, in milliseconds since 1970."""

    call_id: str
    state: str
    direction: str
    far_end: str
    our_end: str
    agent: str
    since_ms: int | None
    last_words: str


async def show_now(request: web.Request) -> web.Response:
    """Show what happens now; the page keeps itself up to date by `watch_now`."""
    dependencies = request.app[DEPENDENCIES]
    problems = {name: await probe() for name, probe in dependencies.probes.items()}
    live = await _render(dependencies, request.app[PAGES])
    return request.app[PAGES].page("now.html", request[SESSION], problems=problems, live=live)


async def watch_now(request: web.Request) -> web.StreamResponse:
    """Send the calls in progress whenever they have changed, until the browser goes or its login is over."""
    feed, dependencies = request.app[NOW_FEED], request.app[DEPENDENCIES]
    if feed.is_full:
        raise ApiError(503, "too many browsers watch the calls already: close one of them")
    response = web.StreamResponse(headers=_EVENT_STREAM)
    login_ends_in_s = request[SESSION].expires_s - dependencies.now_ms() / 1000
    with suppress(ConnectionResetError, TimeoutError):
        await response.prepare(request)
        async with asyncio.timeout(login_ends_in_s), aclosing(feed.pieces()) as pieces:
            async for piece in pieces:
                if session_of(request) is None:
                    break
                await send(request, response, piece, within_s=dependencies.read_within_s)
    return response


def now_feed(dependencies: ConsoleDependencies, pages: Pages) -> LiveFeed:
    """Return the feed of the calls in progress."""
    return LiveFeed("calls", partial(_render, dependencies, pages))


async def _render(dependencies: ConsoleDependencies, pages: Pages) -> Markup:
    in_progress, rows = len(dependencies.calls.live()), list(_rows(dependencies))
    not_shown = max(0, in_progress - _SHOWN)
    values = {"rows": rows, "in_progress": in_progress, "not_shown": not_shown, "slots": dependencies.slots}
    # in a thread: 200 rows take ten milliseconds, each second
    return await asyncio.to_thread(pages.fragment, "live_calls.html", values)


def _rows(dependencies: ConsoleDependencies) -> Iterator[LiveRow]:
    for live in dependencies.calls.live()[:_SHOWN]:
        call = dependencies.calls.record(live.call_id)
        if call is None:
            continue
        is_inbound = call.direction == "inbound"
        yield LiveRow(
            call_id=call.call_id,
            state=str(getattr(live.state, "value", live.state)),
            direction=call.direction.value if call.direction else call.call_type,
            far_end=(call.from_number if is_inbound else call.to_number) or "browser",
            our_end=(call.to_number if is_inbound else call.from_number) or "",
            agent=call.agent_name or call.agent_id,
            since_ms=call.start_timestamp,
            last_words=_last_words(live_record(call).transcript_object or ()),
        )


def _last_words(said: object) -> str:
    last = said[-1] if isinstance(said, tuple | list) and said else None
    return f"{last.role}: {last.content[-_LAST_WORDS:]}" if isinstance(last, Utterance) else ""
