"""What pages and links of other sites get out of a browser that is logged in: nothing."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from tests.console.browser.chromium import Chromium
from tests.console.browser.conftest import OpenConsole, log_in
from tests.console.conftest import API_KEY, READ_ONLY_KEY, LiveCalls, OneCall, a_call

ELSEWHERE = (
    "//evil.example",
    "javascript:alert(document.cookie)",
    "/console/../..//evil.example",
    "/console/%2e%2e/%2e%2e//evil.example",
    "/console/..;//evil.example",
)
"""Those that begin as ours do are taken: what a browser makes of them is for it to say."""


async def test_the_login_leads_a_browser_to_no_other_host(console_url: str, open_console: OpenConsole) -> None:
    page = await open_console(console_url, "")
    for wanted in ELSEWHERE:
        await page.goto(f"/console/login?next={quote(wanted)}")
        await page.get_by_label("API key").fill(API_KEY)
        async with page.expect_navigation():
            await page.get_by_role("button", name="Log in").click()
        assert urlsplit(page.url).netloc == urlsplit(console_url).netloc, wanted
        await page.context.clear_cookies()


async def test_a_page_of_another_site_reads_frames_and_changes_nothing(
    chromium: Chromium, console_url: str, live_calls: LiveCalls
) -> None:
    live_calls.calls.append(OneCall(a_call(call_status="ongoing", disconnection_reason=None)))
    async with TestServer(_site(console_url)) as server:
        other_site = str(server.make_url("/")).replace("127.0.0.1", "localhost")
        async with chromium.page(console_url, hosts=(urlsplit(other_site).netloc,)) as (page, watched):
            watched.allowed += ["X-Frame-Options", "frame-ancestors"]
            await page.goto("/console")
            await log_in(page, API_KEY)
            await page.goto(other_site)
            assert not any(frame.url.startswith(console_url) for frame in page.frames)
            asked = f"fetch('{console_url}/console/calls.csv', {{mode: 'no-cors', credentials: 'include'}})"
            assert await page.evaluate(f"{asked}.then(() => 'read', () => 'refused')") == "refused"
            await _press(page, "Hang up")
            await expect(page.get_by_label("API key")).to_be_visible()  # it came without the cookie
            await page.goto(other_site)
            await _press(page, "Log in")
            await expect(page.get_by_text("from this console's own page")).to_be_visible()
            await page.goto("/console")
            await expect(page.get_by_text("may change things")).to_be_visible()
    assert live_calls.hung_up == []


async def _press(page: Page, name: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=name).click()


def _site(console_url: str) -> web.Application:
    markup = f"""<iframe src="{console_url}/console"></iframe>
        <form method="post" action="{console_url}/console/calls/call_1/hang-up"><button>Hang up</button></form>
        <form method="post" action="{console_url}/console/login"><input name="key" value="{READ_ONLY_KEY}">
        <button>Log in</button></form>"""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=markup, content_type="text/html")

    site = web.Application()
    site.router.add_get("/", show)
    return site
