"""The telephone's errors in words, in a browser without a microphone and beside an Asterisk that is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Page, expect

from ari_agent.asterisk.browser_phone import BrowserPhone
from ari_agent.http_client import http_client
from tests.fakes.sip_websockets import SipWebsockets


@pytest_asyncio.fixture(loop_scope="session")
async def asterisk() -> AsyncIterator[SipWebsockets]:
    async with SipWebsockets() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="session")
async def phone(asterisk: SipWebsockets) -> AsyncIterator[BrowserPhone]:
    async with http_client() as http:
        yield BrowserPhone(http, asterisk.ari_url, "browser-phone", "known to nobody")


async def test_what_is_wrong_is_said_in_words(console_page: Page, asterisk: SipWebsockets) -> None:
    told, state = console_page.get_by_role("alert"), console_page.locator("#phone-state")
    await console_page.goto("/console/phone?number=100")
    asterisk.takes = False
    await console_page.get_by_role("button", name="Turn on").click()
    await expect(told).to_have_text(
        "Asterisk refused: it has no SIP over websockets there: load res_pjsip_transport_websocket.so"
    )

    asterisk.takes = True
    for status, words in (("404 Not Found", "Asterisk does not know the account"), ("200 OK", "")):
        request = await asyncio.wait_for(asterisk.heard.get(), 30)
        assert request.startswith("REGISTER sip:") and "known to nobody" not in request
        await asterisk.say(answer_to(request, status))
        await expect(told).to_contain_text(words)
        if words:  # turned off and on, it registers again
            await console_page.get_by_role("button", name="Turn off").click()
            await console_page.get_by_role("button", name="Turn on").click()
    await expect(state).to_have_text("Ready.")

    await console_page.get_by_role("button", name="Call").click()
    await expect(told).to_contain_text("microphone")
    await expect(state).to_have_text("Ready.")


def answer_to(request: str, status: str) -> str:
    """A response with what RFC 3261 section 8.2.6.2 has it take from its request."""
    names = ("via", "from", "to", "call-id", "cseq", "contact")
    lines = [line for line in request.split("\r\n") if line.partition(":")[0].lower() in names]
    return "\r\n".join([f"SIP/2.0 {status}", *lines, "Expires: 60", "Content-Length: 0", "", ""])
