"""`ari-agent check` as a page: its lines come in while it runs, one run at a time, and the last is kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pytest

from ari_agent.check.finding import Finding, Status
from ari_agent.check.report import Entry
from ari_agent.console.check.check_runs import CheckRuns, TellEntries
from tests.console.conftest import READ_ONLY_KEY, Browser, Checks, Clock, csrf_token, log_in, text_of
from tests.console.numbers.test_number_page import words

FOUND = [
    Entry("Asterisk", "ari", Finding(Status.OK, "Asterisk 22 answers")),
    Entry("Trunks", "host", Finding(Status.FAILED, "sip.example.com: no such host", "correct the name")),
    Entry("Trunks", "host", Finding(Status.WARNING, "b.example.com is slow", "ask the carrier")),
]


async def run(browser: Browser, **form: str) -> None:
    token = await csrf_token(browser)
    answer = await browser.post("/console/check", data={"csrf_token": token, **form}, allow_redirects=False)
    assert (answer.status, answer.headers.get("Location")) == (303, "/console/check")


async def ended(browser: Browser) -> str:
    for _ in range(200):
        page = await text_of(browser, "/console/check/lines")
        if "hx-get" not in page:
            return page
        await asyncio.sleep(0.01)
    raise AssertionError("it runs on")


async def test_lines_come_in_as_they_are_found_and_the_last_run_is_kept(
    browser: Browser, checks: Checks, clock: Clock
) -> None:
    checks.find = FOUND
    page = words(await text_of(browser, "/console/check"))
    assert "Not run yet since the controller has started." in page
    await run(browser, deep="on")
    page = await text_of(browser, "/console/check")
    assert "running 1 ok 0 warning 0 failed 0 skipped" in words(page)
    assert "Asterisk ari ok Asterisk 22 answers Trunks host ..." in words(page)
    assert 'hx-get="/console/check/lines" hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    clock.now_ms += 2500
    checks.go_on.set()
    page = words(await ended(browser))
    assert re.search(r"ended 2025-10-09 \S+ UTC after 2.5 s 1 ok 1 warning 1 failed 0 skipped", page)
    assert "Trunks host failed sip.example.com: no such host correct the name warning b.example.com is slow" in page
    assert words(await text_of(browser, "/console/check")).endswith(page)
    assert checks.deep == [True]


async def test_one_run_at_a_time(browser: Browser, checks: Checks) -> None:
    for _ in range(3):
        await run(browser)
    assert checks.deep == [False]
    checks.go_on.set()
    await ended(browser)
    await run(browser)
    await ended(browser)
    assert checks.deep == [False, False]


async def test_a_check_that_breaks_says_so(clock: Clock) -> None:
    async def breaks(deep: bool, tell: TellEntries) -> Sequence[Entry]:
        tell(FOUND[:1])
        raise RuntimeError("a defect")

    runs = CheckRuns(breaks, [("Asterisk", "ari")], now_ms=lambda: clock.now_ms)
    assert runs.lines() == ()
    assert runs.start(deep=False)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not runs.is_running
    assert (runs.fault, [line.entries for line in runs.lines()]) == (
        "The check itself broke (RuntimeError); the controller's log says why.",
        [FOUND[:1]],
    )


async def test_the_end_of_the_console_ends_the_run(clock: Clock) -> None:
    went: list[str] = []

    async def waits(deep: bool, tell: TellEntries) -> Sequence[Entry]:
        try:
            await asyncio.Event().wait()
        finally:
            went.append("ended")
        return ()

    runs = CheckRuns(waits, [], now_ms=lambda: clock.now_ms)
    runs.start(deep=False)
    await asyncio.sleep(0)
    await runs.close()
    await runs.close()
    assert (went, runs.is_running) == (["ended"], False)


@pytest.mark.parametrize("form", [{}, {"csrf_token": "x" * 43}])
async def test_a_run_needs_the_pages_token(browser: Browser, checks: Checks, form: dict[str, str]) -> None:
    assert (await browser.post("/console/check", data=form)).status == 403
    assert checks.deep == []


async def test_whoever_may_only_look_sees_the_last_run_and_begins_none(browser: Browser, checks: Checks) -> None:
    checks.find = FOUND
    checks.go_on.set()
    await run(browser)
    await ended(browser)
    await log_in(browser, READ_ONLY_KEY)
    page = await text_of(browser, "/console/check")
    assert "no such host" in page
    assert "Run the check" not in page
    answer = await browser.post("/console/check", data={"csrf_token": await csrf_token(browser)})
    assert (answer.status, checks.deep) == (403, [False])
