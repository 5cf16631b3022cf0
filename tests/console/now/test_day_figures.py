"""The last day in figures: what is counted, what is not, and what is said where there is nothing to count."""

from __future__ import annotations

from ari_agent.console.now.day_figures import CallFigures, day_begins_ms, day_figures
from ari_agent.contract.call_group import HOUR_MS, CallGroup
from ari_agent.errors import StoreError
from ari_agent.store.store import Store
from tests.console.conftest import NOW_MS, Browser, a_call, text_of

SINCE_MS = day_begins_ms(NOW_MS)


def group(hour: int, calls: int, reply_ms: int | None = None, *, answered: bool = True, over: bool = True) -> CallGroup:
    return CallGroup(SINCE_MS + hour * HOUR_MS, is_answered=answered, is_over=over, reply_ms=reply_ms, calls=calls)


def test_a_day_is_the_hour_of_now_and_the_23_before() -> None:
    assert day_begins_ms(48 * HOUR_MS) == 25 * HOUR_MS == day_begins_ms(49 * HOUR_MS - 1)


def test_each_hour_and_the_day_have_their_figures() -> None:
    groups = [
        group(0, 18, 500),
        group(0, 1, 700),
        group(0, 1, 2000),
        group(0, 20, answered=False),
        group(23, 1, over=False),
        group(23, 5, answered=False, over=False),
        group(24, 1_000, 1),
    ]
    day = day_figures(groups, since_ms=SINCE_MS)
    assert day.all == CallFigures(SINCE_MS, 46, 100 * 21 / 41, 500, 700)
    assert day.hours[0] == CallFigures(SINCE_MS, 40, 50.0, 500, 700)
    assert day.hours[1] == CallFigures(SINCE_MS + HOUR_MS, 0, None, None, None)
    assert day.hours[23] == CallFigures(SINCE_MS + 23 * HOUR_MS, 6, 100.0, None, None)
    assert len(day.hours) == 24


async def test_the_first_page_shows_the_figures_as_text_and_as_a_table(browser: Browser, store: Store) -> None:
    for number in range(4):
        answered = {"latency": {"e2e": {"p50": 640, "num": 3}}} if number else {"start_timestamp": None}
        await store.calls.save(a_call(f"call_{number}", **answered))
    page = await text_of(browser, "/console")
    while "being counted" in page:  # the first view waits for nothing
        page = await text_of(browser, "/console")
    for said in ("<b>4</b> calls", "<b>75 %</b> answered", "<b>640 ms</b> reply p50", "<b>640 ms</b> p95"):
        assert said in page
    assert page.count("<tr data-since-s=") == 24
    assert 'data-calls="4" data-answered="75.0" data-p50="640" data-p95="640"' in page


async def test_a_database_that_is_away_is_said_in_place_of_the_figures(browser: Browser, store: Store) -> None:
    async def fails(**_: object) -> None:
        raise StoreError("gone")

    store.statistics.groups = fails  # type: ignore[assignment,method-assign]
    page = await text_of(browser, "/console")
    while "being counted" in page:
        page = await text_of(browser, "/console")
    assert "The database is not reachable" in page and "data-since-s" not in page
