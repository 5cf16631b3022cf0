"""A dead webhook, sent again by a click and seen to arrive."""

from __future__ import annotations

import re

from aiohttp import web
from playwright.async_api import Page, expect

from ari_agent.store.store import Store
from tests.console.conftest import a_call
from tests.webhooks.deliverer import an_event, delivering, until_settled
from tests.webhooks.receiver import Arrival, Receiver


async def refuse(_: Arrival) -> web.StreamResponse:
    return web.Response(status=500, text="<b>out of order</b>")


async def thank(_: Arrival) -> web.StreamResponse:
    return web.Response(text="thank you")


async def test_a_dead_webhook_is_sent_again_by_a_click_and_seen_to_arrive(console_page: Page, store: Store) -> None:
    async with Receiver(refuse) as receiver:
        await store.calls.save(a_call(), [an_event(receiver.url)])
        async with delivering(store.outbox):
            await until_settled(store)
        await console_page.get_by_role("link", name="Webhooks").click()
        await console_page.get_by_role("link", name="1 dead").click()
        await console_page.locator("tbody a").first.click()
        await expect(console_page.get_by_text("<b>out of order</b>").first).to_be_visible()
        receiver.answer = thank
        await console_page.get_by_role("button", name=re.compile("again")).click()
        await expect(console_page.get_by_text("waiting", exact=True)).to_be_visible()
        async with delivering(store.outbox):
            # the page is not loaded again
            await expect(console_page.get_by_text("thank you")).to_be_visible()
        await expect(console_page.get_by_text("delivered", exact=True)).to_be_visible()
    assert len(receiver.arrivals) == 5
    assert receiver.arrivals[-1].is_signed
