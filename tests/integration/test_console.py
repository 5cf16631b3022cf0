"""The console in a real browser, beside a controller with calls on a real Asterisk."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.console.browser.chromium import comes_true
from tests.console.browser.conftest import OpenConsole
from tests.fakes.agent_server import AgentCall
from tests.fakes.sound import noise, tone
from tests.integration.stage import CALLER_NUMBER, Stage

TALK_MS = 3000
ORDER = {
    "role": "user",
    "content": "Two loaves",
    "words": [{"word": "Two", "start": 0.5, "end": 0.75}, {"word": "loaves", "start": 1.75, "end": 2}],
}


async def takes_an_order(call: AgentCall) -> None:
    await call.send({"event": "update", "update": {"transcript": [ORDER]}})
    await call.say(tone(1900, 2))


async def test_a_call_comes_and_goes_on_the_page_and_is_heard_after_it(stage: Stage, open_console: OpenConsole) -> None:
    agent = stage.agents.agent(takes_an_order)
    number = await stage.import_number(await stage.create_agent(agent, recording="on"))
    page = await open_console(stage.controller.url, stage.controller.api_key)
    row = page.get_by_role("row").filter(has_text=number)
    await expect(row).to_have_count(0)
    calling = asyncio.create_task(
        stage.sipp.run("call_with_sound", number, sound=noise(1.0), values={"TALK_MS": str(TALK_MS)})
    )
    await expect(row).to_contain_text(CALLER_NUMBER)
    await expect(row).to_contain_text("Two loaves")
    await expect(row).to_have_count(0)
    (await calling).check()

    await page.get_by_role("link", name="Calls").click()
    await page.get_by_role("row").filter(has_text=number).get_by_role("link").click()
    await expect(page.get_by_text("The caller hung up")).to_be_visible()
    seconds = "document.getElementById('player').currentTime"
    assert await page.evaluate(seconds) == 0
    await page.get_by_role("button", name="loaves").click()
    assert await page.evaluate(seconds) >= 1.75
    await comes_true(page, f"{seconds} > 1.9")
    await expect(page.get_by_role("button", name="loaves")).to_have_class("word spoken")
    assert 2 < await page.evaluate("document.getElementById('player').duration") < 10
