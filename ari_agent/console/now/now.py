"""What happens now: the calls in progress, the slots, how each part is, and the last day in figures; live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from aiohttp import web
from markupsafe import Markup

from ari_agent.console.cached_answer import CachedAnswer
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION, ConsoleDependencies
from ari_agent.console.live_feed import Feed, LiveFeed
from ari_agent.console.live_rows import LiveRows
from ari_agent.console.login.access import see_other, session_of
from ari_agent.console.now.day_figures import HOURS, DayFigures, day_begins_ms, day_figures
from ari_agent.console.now.health import Health
from ari_agent.console.now.levels import levels_feed
from ari_agent.console.now.live_call_row import LiveCallRow
from ari_agent.console.pages import Pages
from ari_agent.contract.call_group import HOUR_MS
from ari_agent.errors import ApiError, StoreError
from ari_agent.slow_readers import send

log = logging.getLogger(__name__)

_SHOWN: Final = 200
"""Calls that the page lists; the others are counted."""
_FIRST_VIEW_S: Final = 0.05
"""How long the page waits for what is not known yet: whatever comes later comes by the stream."""
_SLOW_EACH_S: Final = 5.0
"""How often it is looked whether the trunks or the figures of the day are others."""
_DAY_FRESH_S: Final = 15.0
_DAY_WITHIN_S: Final = 60.0
_CELLS: Final = ("since", "state", "who", "ours", "agent", "words", "act")
"""The cells of a row; each is a macro of live_cells.html."""
_EVENT_STREAM: Final[Mapping[str, str]] = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events until its buffer is full
}


@dataclass(frozen=True, slots=True)
class NowFeeds:
    """What the page shows live. calls: the table; parts: the other pieces, by the names that the page has for them."""

    health: Health
    day: CachedAnswer[DayFigures | str]
    calls: LiveRows[LiveCallRow]
    parts: Mapping[str, LiveFeed]

    def all(self) -> tuple[Feed, ...]:
        """Return all of them."""
        return self.calls, *self.parts.values()

    async def close(self) -> None:
        """End the stream of everybody who watches."""
        for feed in self.all():
            await feed.close()
        await self.health.close()
        await self.day.close()


NOW_FEEDS: Final = web.AppKey("now_feeds", NowFeeds)


def now_feeds(dependencies: ConsoleDependencies, pages: Pages) -> NowFeeds:
    """Return what the page shows live; nothing of it is looked at while nobody watches."""
    health, render = Health(dependencies.health, now_ms=dependencies.now_ms), _Render(dependencies, pages)
    day = CachedAnswer("figures of the day", partial(_day, dependencies), fresh_s=_DAY_FRESH_S, within_s=_DAY_WITHIN_S)
    parts = {
        "summary": LiveFeed("summary", partial(render.summary, health)),
        "day": LiveFeed("day", partial(render.day, day), each_s=_SLOW_EACH_S),
        "trunks": LiveFeed("trunks", partial(render.trunks, health), each_s=_SLOW_EACH_S),
        "levels": levels_feed(dependencies, shown=_SHOWN),
    }
    return NowFeeds(health, day, LiveRows("calls", partial(_rows, dependencies), render.cells), parts)


async def show_now(request: web.Request) -> web.Response:
    """Show what happens now; the page keeps itself up to date by `watch_now`."""
    feeds, pages, dependencies = request.app[NOW_FEEDS], request.app[PAGES], request.app[DEPENDENCIES]
    render = _Render(dependencies, pages)
    await feeds.calls.renew()
    summary, day, trunks = await asyncio.gather(
        render.summary(feeds.health, wait_s=_FIRST_VIEW_S),
        render.day(feeds.day, wait_s=_FIRST_VIEW_S),
        render.trunks(feeds.health, wait_s=_FIRST_VIEW_S),
    )
    parts = {"summary": summary, "day": day, "trunks": trunks}
    return pages.page("now.html", request[SESSION], rows=feeds.calls.html, parts=parts)


async def to_now(_request: web.Request) -> web.Response:
    """Answer the first page's path with a slash behind it, as people type it."""
    return see_other("/console")


async def watch_now(request: web.Request) -> web.StreamResponse:
    """Send what the page shows whenever it has changed, until the browser goes or its login is over."""
    feeds, dependencies = request.app[NOW_FEEDS], request.app[DEPENDENCIES]
    if feeds.calls.is_full:
        raise ApiError(503, "too many browsers watch the calls already: close one of them")
    response, turn = web.StreamResponse(headers=_EVENT_STREAM), asyncio.Lock()
    login_ends_in_s = request[SESSION].expires_s - dependencies.now_ms() / 1000

    async def send_all(feed: Feed) -> None:
        async with aclosing(feed.pieces()) as pieces:
            async for piece in pieces:
                if session_of(request) is None:
                    raise TimeoutError("the login is over")
                async with turn:
                    await send(request, response, piece, within_s=dependencies.read_within_s)

    try:
        await response.prepare(request)
        async with asyncio.timeout(login_ends_in_s), asyncio.TaskGroup() as sending:
            for feed in feeds.all():
                sending.create_task(send_all(feed))
    except* (ConnectionResetError, TimeoutError):  # the browser is gone, or the login over
        pass
    return response


@dataclass(frozen=True, slots=True)
class _Render:
    """Makes the pieces of the page."""

    dependencies: ConsoleDependencies
    pages: Pages

    async def summary(self, health: Health, *, wait_s: float = 0.0) -> Markup:
        """Return how many calls and slots there are, who serves them, and how each part is."""
        parts = await health.parts(wait_s=wait_s)
        live, record = self.dependencies.calls.live(), self.dependencies.calls.record
        undecided = sum(record(call.call_id) is None for call in live)
        slots = self.dependencies.slots
        values = {
            "in_progress": len(live),
            "undecided": undecided,
            "not_shown": max(0, len(live) - _SHOWN),
            "slots": slots,
            "usage": await slots.usage() if slots else None,
            "parts": parts,
            "nodes": self.dependencies.health.nodes(),
        }
        return self.pages.fragment("now_summary.html", values)

    async def trunks(self, health: Health, *, wait_s: float = 0.0) -> Markup:
        """Return how the trunks are."""
        return self.pages.fragment("now_trunks.html", {"trunks": await health.trunks(wait_s=wait_s)})

    async def day(self, day: CachedAnswer[DayFigures | str], *, wait_s: float = 0.0) -> Markup:
        """Return the figures of the last day."""
        answer = await day.answer(wait_s=wait_s)
        is_known = isinstance(answer, DayFigures)
        values = {"day": answer if is_known else None, "problem": "" if is_known else answer}
        return self.pages.fragment("now_day.html", values)

    def cells(self, row: LiveCallRow) -> Mapping[str, Markup]:
        """Return the cells of a call."""
        macros = self.pages.macros("live_cells.html")
        return {name: getattr(macros, name)(row) for name in _CELLS}


async def _day(dependencies: ConsoleDependencies) -> DayFigures | str:
    """Return the figures of the last day, or why there are none."""
    since_ms = day_begins_ms(dependencies.now_ms())
    try:
        groups = await dependencies.store.statistics.groups(since_ms=since_ms, until_ms=since_ms + HOURS * HOUR_MS)
    except StoreError as error:
        log.error("the figures of the last day cannot be read: %s", error)
        return "The database is not reachable; the controller's log says why."
    return await asyncio.to_thread(day_figures, groups, since_ms=since_ms)


def _rows(dependencies: ConsoleDependencies) -> Mapping[str, LiveCallRow]:
    shown = ((live, dependencies.calls.record(live.call_id)) for live in dependencies.calls.live()[:_SHOWN])
    return {live.call_id: LiveCallRow.of(call, live.state) for live, call in shown if call}
