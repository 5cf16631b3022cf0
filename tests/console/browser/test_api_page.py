"""The API's description in a browser: shown, and tried, under a policy that lets no script be made of text."""

from __future__ import annotations

from playwright.async_api import expect

from ari_agent.ids import new_call_id
from ari_agent.store.store import Store
from tests.api.web_house import API_KEY, open_house
from tests.console.agents.test_agent_pages import AUDIO
from tests.console.browser.conftest import OpenConsole


async def test_the_api_is_shown_and_tried_with_the_key_that_is_typed(store: Store, open_console: OpenConsole) -> None:
    async with open_house(store, new_call_id, has_console=True) as house:
        page = await open_console(str(house.api.make_url("")).rstrip("/"), API_KEY)
        await page.goto("/docs")
        await expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
        await expect(page.get_by_text("/create-agent").first).to_be_visible()
        await house.post("/create-agent", {"response_engine": AUDIO, "agent_name": "Bakery <b>x55</b>"})
        await page.get_by_text("Authentication", exact=True).first.click()
        await page.get_by_placeholder("api-token").fill(API_KEY)
        await page.get_by_role("button", name="Set").click()
        await page.locator("[id='link-get-/list-agents']").click()
        await page.get_by_role("button", name="Try").click()
        await expect(page.get_by_text("Bakery <b>x55</b>")).to_be_visible()
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert API_KEY not in await page.evaluate(kept)
        await page.reload()
        await page.locator("[id='link-get-/list-agents']").click()
        await page.get_by_role("button", name="Try").click()
        await expect(page.get_by_text("no API key").first).to_be_visible()
