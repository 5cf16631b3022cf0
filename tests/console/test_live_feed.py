"""What many browsers watch is made once, and nobody who reads slowly holds the others up."""

from __future__ import annotations

import asyncio
import re

import aiohttp

from ari_agent.console.live_feed import LiveFeed
from ari_agent.console.login.access import COOKIE
from ari_agent.console.login.login import SESSION_S
from ari_agent.console.now.now import NOW_FEEDS
from tests.console.conftest import (
    API_KEY,
    Browser,
    Clock,
    LiveCalls,
    OneCall,
    a_call,
    console_of,
    log_in,
    text_of,
)
from tests.fakes.llm_server import until


class Pane:
    """A piece of a page whose text a test sets; counts how often it was made."""

    def __init__(self) -> None:
        self.text = "one"
        self.made = 0

    async def render(self) -> str:
        self.made += 1
        if self.text == "broken":
            raise ValueError(self.text)
        return self.text


async def test_each_watcher_gets_the_piece_when_it_changes_and_it_is_made_once_for_all() -> None:
    pane = Pane()
    feed = LiveFeed("calls", pane.render, each_s=0.01)
    watchers = [feed.pieces() for _ in range(3)]
    assert [await anext(watcher) for watcher in watchers] == [b"event: calls\ndata: one\n\n"] * 3
    first = pane.made
    pane.text = "two\nlines"
    assert [await anext(watcher) for watcher in watchers] == [b"event: calls\ndata: two\ndata: lines\n\n"] * 3
    assert pane.made >= first + 1
    late = feed.pieces()
    assert await anext(late) == b"event: calls\ndata: two\ndata: lines\n\n"
    await feed.close()
    for watcher in (*watchers, late):
        assert [piece async for piece in watcher] == []


async def test_nothing_is_made_where_nobody_watches_and_a_fault_is_not_the_end() -> None:
    pane = Pane()
    feed = LiveFeed("calls", pane.render, each_s=0.01)
    await asyncio.sleep(0.05)
    assert pane.made == 0
    watcher = feed.pieces()
    await anext(watcher)
    pane.text = "broken"
    await until(lambda: pane.made >= 3)
    pane.text = "mended"
    assert b"mended" in await anext(watcher)
    await watcher.aclose()
    await asyncio.sleep(0.05)
    made = pane.made
    await asyncio.sleep(0.05)
    assert pane.made == made
    pane.text = "again"
    assert b"again" in await anext(feed.pieces())
    await feed.close()


async def read_until(answer: aiohttp.ClientResponse, wanted: bytes) -> bytes:
    """Return the first event of a stream that holds this."""
    async with asyncio.timeout(30):
        while wanted not in (event := await answer.content.readuntil(b"\n\n")):
            pass
    return event


async def test_the_first_page_keeps_itself_up_to_date(browser: Browser, live_calls: LiveCalls) -> None:
    said = [{"role": "user", "content": "I would like a table.", "words": []}]
    live_calls.calls.append(OneCall(a_call("call_live", call_status="ongoing", transcript_object=said)))
    async with browser.get("/console/now/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        first = await read_until(answer, b"event: calls\n")
        assert b"call_live" in first and b"user: I would like a table." in first
        live_calls.calls.clear()
        await read_until(answer, b"No call is in progress.")


async def test_the_scripts_of_the_first_page_are_small(browser: Browser) -> None:
    page = await (await browser.get("/console")).text()
    sizes, sent = [], 0
    async with aiohttp.ClientSession(cookie_jar=browser.session.cookie_jar, auto_decompress=False) as as_sent:
        for path in re.findall(r'<script src="([^"]+)"', page):
            sizes.append(len(await (await browser.get(path)).read()))
            answer = await as_sent.get(browser.make_url(path), headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
            sent += len(await answer.read())
    assert len(sizes) == 7 and sent < 60_000 and sum(sizes) < 120_000


async def test_a_comment_is_sent_where_nothing_changes() -> None:
    pane = Pane()
    feed = LiveFeed("calls", pane.render, each_s=0.01, alive_s=0.05)
    watcher = feed.pieces()
    assert await anext(watcher) == b"event: calls\ndata: one\n\n"
    assert [await anext(watcher) for _ in range(2)] == [b":\n\n"] * 2
    pane.text = "two"
    assert b"two" in b"".join([await anext(watcher) for _ in range(3)])
    await feed.close()


async def test_the_stream_ends_with_the_login(stranger: Browser, clock: Clock) -> None:
    await log_in(stranger, API_KEY)
    clock.now_ms += SESSION_S * 1000 - 100
    async with asyncio.timeout(30), stranger.get("/console/now/events") as answer:
        assert b"No call is in progress." in await answer.content.read()
    clock.now_ms += 200
    assert await text_of(stranger, "/console/now/events", 303) == ""


async def test_watchers_are_bounded_and_those_that_left_are_not_counted(browser: Browser) -> None:
    feed = console_of(browser)[NOW_FEEDS].calls
    watchers = [feed.pieces() for _ in range(200)]
    await asyncio.gather(*map(anext, watchers))
    assert "too many browsers" in await text_of(browser, "/console/now/events", 503)
    for watcher in watchers:
        await watcher.aclose()
    async with browser.get("/console/now/events") as answer:
        assert (answer.status, answer.headers["X-Accel-Buffering"]) == (200, "no")
    await until(lambda: not feed.watchers)


async def test_whoever_does_not_read_is_cut_off_and_holds_no_shutdown_up(
    browser: Browser, live_calls: LiveCalls
) -> None:
    feed = console_of(browser)[NOW_FEEDS].calls
    live_calls.calls[:] = [OneCall(a_call(f"call_{n}", agent_name="x" * 10_000)) for n in range(200)]
    cookie = browser.session.cookie_jar.filter_cookies(browser.make_url("/console"))[COOKIE].value
    reader, writer = await asyncio.open_connection(browser.host, browser.port, limit=1024)
    writer.write(f"GET /console/now/events HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}={cookie}\r\n\r\n".encode())
    await until(lambda: feed.watchers == 1)
    for number in range(20):  # more than the buffers of both sides hold
        live_calls.calls[:] = [OneCall(a_call(f"call_{n}", agent_name=f"{number}" * 10_000)) for n in range(200)]
        await asyncio.sleep(0.01)
        await feed.renew()
    await until(lambda: feed.watchers == 0)
    writer.close()
    assert browser.app
    async with asyncio.timeout(5):
        await browser.app.shutdown()
    del reader
