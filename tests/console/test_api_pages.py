"""The pages about the API and the settings; tests/console/browser tries the API out."""

from __future__ import annotations

from tests.console.conftest import Browser, text_of


async def test_the_pages_are_shown(browser: Browser) -> None:
    page = await text_of(browser, "/console/settings")
    assert "<code>ARI_AGENT_CONCURRENCY_LIMIT</code>" in page and "<b>7</b>" in page
    answer = await browser.get("/console/api")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'; style-src 'self' 'unsafe-inline'; " in policy and "unsafe-eval" not in policy
    assert "unsafe-inline" not in (await browser.get("/console/settings")).headers["Content-Security-Policy"]


async def test_docs_lead_to_the_page_about_the_api(stranger: Browser) -> None:
    answer = await stranger.get("/docs", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (302, "/console/api")
    assert "/console/login?next=/console/api" in str((await stranger.get("/docs")).url)
