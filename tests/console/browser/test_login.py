"""Logging in and out, as somebody does it with a browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from ari_agent.store.store import Store
from tests.console.conftest import a_call


async def test_who_logs_out_leaves_nothing_behind_for_the_back_button(console_page: Page, store: Store) -> None:
    await store.calls.save(a_call(from_number="+12025550199"))
    await console_page.get_by_role("link", name="Calls").click()
    await expect(console_page.get_by_text("+12025550199")).to_be_visible()
    await console_page.get_by_role("button", name="Log out").click()
    await expect(console_page.get_by_label("API key")).to_be_visible()
    await console_page.go_back()
    await expect(console_page.get_by_label("API key")).to_be_visible()
    assert "+12025550199" not in await console_page.content()
    assert await console_page.context.cookies() == []
