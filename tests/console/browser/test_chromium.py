"""The fixture itself: that a page which does what no page may is found out."""

from __future__ import annotations

import pytest
from playwright.async_api import Route

from tests.console.browser.chromium import Chromium

POLICY = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"}
BAD_PAGES = {
    "a style of its own": ("<p style='color: red'>", "policy violated: style-src"),
    "a script of its own": ("<script>1</script>", "policy violated: script-src"),
    "another host's picture": ("<img src='http://other.example/x.png'>", "violated: img-src http://other.example"),
    "another page": ("<a href='http://other.example/'>", "request to another host: http://other.example/"),
    "a script that fails": ("<script src='/fails.js'></script>", "error in a script: it fails"),
}


@pytest.mark.parametrize("what", BAD_PAGES)
async def test_what_no_page_may_do_fails_the_test(chromium: Chromium, what: str) -> None:
    markup, told = BAD_PAGES[what]

    async def answer(route: Route) -> None:
        is_script = route.request.url.endswith(".js")
        body, kind = ("throw Error('it fails')", "text/javascript") if is_script else (markup, "text/html")
        await route.fulfill(body=body, content_type=kind, headers=POLICY)

    with pytest.raises(AssertionError, match=told):
        async with chromium.page("http://127.0.0.1:1") as (page, _):
            await page.route("**/*", answer)
            await page.goto("/")
            if await page.locator("a").count():
                await page.locator("a").dispatch_event("click")
                await page.wait_for_url("http://other.example/")


async def test_a_message_that_a_test_expects_is_allowed(chromium: Chromium) -> None:
    async with chromium.page("http://127.0.0.1:1") as (page, watched):
        watched.allowed.append("said on purpose")
        await page.evaluate("console.error('this is said on purpose')")
