"""The first page in a browser: it changes under somebody's hands, and leaves what he does alone."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from ari_agent.contract.call_control import TransferOutcome
from ari_agent.store.store import Store
from tests.console.browser.chromium import comes_true
from tests.console.browser.conftest import OpenConsole
from tests.console.conftest import READ_ONLY_KEY, LiveCalls, OneCall, a_call


def talking(number: int, words: str) -> OneCall:
    said: Any = [{"role": "user", "content": words, "words": []}]
    facts = {"call_status": "ongoing", "disconnection_reason": None, "from_number": f"+1202555000{number}"}
    return OneCall(a_call(f"call_{number}", **facts, transcript_object=said))


async def test_a_caller_is_transferred_by_keyboard_while_calls_come_go_and_speak(
    console_url: str, console_page: Page, live_calls: LiveCalls
) -> None:
    assert console_page.url == f"{console_url}/console"
    live_calls.calls[:] = [talking(1, "Good morning."), talking(2, "Hello?")]
    live_calls.transfer = TransferOutcome(status="failed", sip_status=486)
    await expect(console_page.get_by_text("user: Good morning.")).to_be_visible()
    row = console_page.locator("#call_2")
    handle = await row.element_handle()
    await row.get_by_role("link", name="Control").focus()
    await console_page.keyboard.press("Enter")
    dialog = console_page.get_by_role("dialog", name="+12025550002 to +14155550100")
    await dialog.get_by_label("Transfer to").focus()
    await console_page.keyboard.type("+1415555")
    live_calls.calls[:] = [talking(2, "Is anybody there?"), talking(3, "I am new.")]
    await expect(row.get_by_text("user: Is anybody there?")).to_be_visible()
    await expect(console_page.get_by_text("user: I am new.")).to_be_visible()
    await expect(console_page.locator("#call_1")).to_have_count(0)
    assert await console_page.evaluate("row => row.isConnected", handle)
    await expect(dialog.get_by_label("Transfer to")).to_be_focused()
    await console_page.keyboard.type("0199")
    await console_page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text(
        "The transfer to +14155550199 failed: the far end did not take the call (SIP status 486). "
        "The caller is back with the agent."
    )
    assert live_calls.transfers == [("call_2", "+14155550199", "sip_refer")]
    await dialog.get_by_label("Keys").fill("12x")
    await console_page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("keys are 1 to 64 of 0-9")
    await console_page.keyboard.press("Escape")
    await expect(row.get_by_role("link", name="Control")).to_be_focused()
    await console_page.locator("#call_3").get_by_role("link", name="Control").click()
    await console_page.get_by_role("button", name="Hang up").click()
    await expect(console_page.get_by_text("The call is being hung up.")).to_be_visible()
    assert live_calls.hung_up == ["call_3"]
    live_calls.calls.clear()
    await expect(console_page.get_by_text("The call is over: its page tells how it ended.")).to_be_visible()
    await expect(console_page.get_by_role("button", name="Hang up")).to_be_disabled()
    await console_page.get_by_role("button", name="Close").click()
    await expect(console_page.get_by_text("There is none.")).to_be_visible()


async def test_the_last_day_is_drawn_again_when_its_figures_change(
    console_url: str, open_console: OpenConsole, store: Store, live_calls: LiveCalls
) -> None:
    await store.calls.save(a_call(latency={"e2e": {"p50": 640, "num": 3}}))
    live_calls.calls[:] = [talking(1, "Good morning.")]
    page = await open_console(console_url, READ_ONLY_KEY, color_scheme="dark", viewport={"width": 360, "height": 640})
    await expect(page.get_by_text("100 % answered")).to_be_visible()
    await comes_true(page, "document.querySelectorAll('.plot canvas').length == 3")
    await page.evaluate("document.querySelectorAll('.plot').forEach(plot => plot.replaceChildren())")
    await page.evaluate(
        "document.querySelector('[sse-swap=day]').dispatchEvent(new CustomEvent('htmx:sseMessage', {bubbles: true}))"
    )
    await comes_true(page, "document.querySelectorAll('.plot canvas').length == 3")
    await expect(page.get_by_text("user: Good morning.")).to_be_visible()
    await expect(page.get_by_role("link", name="Control")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
