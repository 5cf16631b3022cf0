"""A number's webhook is tried out by a click, and the checks are seen as they end, without a reload."""

from __future__ import annotations

from playwright.async_api import expect

from ari_agent.check.finding import Finding, Status
from ari_agent.check.report import Entry
from tests.console.browser.conftest import OpenConsole
from tests.console.conftest import API_KEY, Checks
from tests.console.number_desk import NumberDesk, weights
from tests.fakes.webhook_server import Answer, WebhookServer


async def test_a_click_tries_a_webhook_out_and_shows_its_answer(
    open_console: OpenConsole, console_url: str, desk: NumberDesk
) -> None:
    async with WebhookServer(api_key=API_KEY) as webhooks:
        hook = webhooks.hook(Answer.inbound(dynamic_variables={"name": "Eve"}))
        await desk.number(inbound_agents=weights(await desk.agent("Ada")), inbound_webhook_url=hook.url)
        page = await open_console(console_url)
        await page.get_by_role("link", name="Numbers").click()
        await page.get_by_role("link", name="+1 (415) 555-0100").click()
        await page.get_by_label("A call from").fill("+4930123456")
        await page.get_by_role("button", name="Try it").click()
        tried = page.locator("#tried")
        await expect(tried).to_contain_text("Ada, version 0 would take the call.")
        await expect(tried.locator("pre").first).to_contain_text('"name": "Eve"')
        assert [delivery.call["from_number"] for delivery in hook.deliveries] == ["+4930123456"]


async def test_what_checks_find_comes_in_without_a_reload(
    open_console: OpenConsole, console_url: str, checks: Checks
) -> None:
    checks.find = [
        Entry("Asterisk", "ari", Finding(Status.OK, "Asterisk answers")),
        Entry("Trunks", "host", Finding(Status.FAILED, "no such host", "correct the name")),
    ]
    page = await open_console(console_url)
    await page.get_by_role("link", name="Check").click()
    await page.get_by_role("button", name="Run the check").click()
    await expect(page.locator("#check")).to_contain_text("Asterisk answers")
    await page.evaluate("document.title = 'not loaded anew'")
    checks.go_on.set()
    await expect(page.locator("#check")).to_contain_text("correct the name")
    await expect(page.locator("#check")).not_to_have_attribute("hx-trigger", "every 1s")
    assert await page.title() == "not loaded anew"
