"""The page Phone, and who gets a line to Asterisk: who may change things, from a page of this console."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from ari_agent.asterisk.browser_phone import BrowserPhone
from ari_agent.console import phone as console_phone
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.http_client import http_client
from ari_agent.store.store import Store
from tests.console.conftest import (
    API_KEY,
    READ_ONLY_KEY,
    Browser,
    Clock,
    console_of,
    csrf_token,
    log_in,
    text_of,
)
from tests.console.test_hostile_text import CORPUS, Page, shape
from tests.fakes.sip_websockets import SipWebsockets

PATH = "/console/phone/sip"
OPTIONS = "OPTIONS sip:pbx SIP/2.0\r\nFrom: <sip:browser-phone@pbx>;tag=1\r\n\r\n"


@pytest.fixture
async def asterisk() -> AsyncIterator[SipWebsockets]:
    async with SipWebsockets() as listening:
        yield listening


@pytest.fixture
async def phone(asterisk: SipWebsockets) -> AsyncIterator[BrowserPhone]:
    async with http_client() as http:
        yield BrowserPhone(http, asterisk.ari_url, "browser-phone", "known to nobody")


async def line_of(browser: Browser, **headers: str) -> ClientWebSocketResponse:
    return await browser.ws_connect(
        f"{PATH}?csrf_token={await csrf_token(browser)}", protocols=("sip",), headers=headers
    )


async def end_of(line: ClientWebSocketResponse) -> tuple[int, str | None]:
    """Close code and reason."""
    message = await line.receive(timeout=10)
    assert message.type is WSMsgType.CLOSE, message
    return message.data, message.extra


async def test_sip_goes_both_ways_through_the_console(browser: Browser, asterisk: SipWebsockets) -> None:
    line = await line_of(browser, **{"Sec-Fetch-Site": "same-origin"})
    assert line.protocol == "sip"
    await line.send_str(OPTIONS)
    assert await asyncio.wait_for(asterisk.heard.get(), 10) == OPTIONS
    await asterisk.say("SIP/2.0 200 OK\r\n\r\n")
    assert await line.receive_str(timeout=10) == "SIP/2.0 200 OK\r\n\r\n"
    await line.close()
    async with asyncio.timeout(10):
        while not asterisk.open[-1].closed:  # noqa: ASYNC110, nobody is told
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("key", "token", "headers", "status"),
    [
        (READ_ONLY_KEY, None, {}, 403),
        (API_KEY, "", {}, 403),
        (API_KEY, "wrong", {}, 403),
        (API_KEY, None, {"Sec-Fetch-Site": "cross-site"}, 403),
        (API_KEY, None, {"Sec-Fetch-Site": "same-site"}, 403),
    ],
    ids=["may only look", "no token", "wrong token", "another site", "another port of this host"],
)
async def test_no_line_for_whoever_may_not_call(
    stranger: Browser, asterisk: SipWebsockets, key: str, token: str | None, headers: dict[str, str], status: int
) -> None:
    await log_in(stranger, key)
    query = {"csrf_token": await csrf_token(stranger) if token is None else token}
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    websocket = {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "sip"}
    answer = await stranger.get(PATH, params=query, headers={**websocket, **headers})
    assert answer.status == status
    assert asterisk.open == []


async def test_a_line_without_a_websocket_is_refused(browser: Browser) -> None:
    path = f"{PATH}?csrf_token={await csrf_token(browser)}"
    assert "expected the headers Upgrade" in await text_of(browser, path, 400)


async def test_the_page_is_told_why_there_is_no_line(browser: Browser, asterisk: SipWebsockets) -> None:
    asterisk.takes = False
    told = "Asterisk refused: it has no SIP over websockets there: load res_pjsip_transport_websocket.so"
    assert await end_of(await line_of(browser)) == (1013, told)


async def test_the_line_ends_with_asterisks(browser: Browser, asterisk: SipWebsockets) -> None:
    line = await line_of(browser)
    await line.send_str(OPTIONS)
    await asyncio.wait_for(asterisk.heard.get(), 10)
    await asterisk.hang_up()
    assert await end_of(line) == (1011, "Asterisk has closed the line")


async def test_the_line_ends_with_the_login(browser: Browser, clock: Clock) -> None:
    clock.now_ms += 12 * 3600 * 1000 - 300
    assert await end_of(await line_of(browser)) == (1008, "the login is over")


async def test_the_line_carries_nothing_more_after_a_logout_in_another_window(
    browser: Browser, asterisk: SipWebsockets
) -> None:
    line = await line_of(browser)
    await browser.post("/console/logout", data={"csrf_token": await csrf_token(browser)}, allow_redirects=False)
    await line.send_str(OPTIONS)
    assert await end_of(line) == (1008, "the login is over")
    assert asterisk.heard.empty()


async def test_the_line_ends_with_the_controller(browser: Browser) -> None:
    line = await line_of(browser)
    closing = asyncio.create_task(console_phone.close_lines(console_of(browser)))
    assert await end_of(line) == (1001, "the controller stops")
    await closing


async def test_lines_are_counted(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_phone, "_MOST_LINES", 1)
    first = await line_of(browser)
    assert await end_of(await line_of(browser)) == (1013, "too many telephones are open already")
    await first.close()
    async with asyncio.timeout(10):
        while console_of(browser)[console_phone.OPEN_LINES]:  # noqa: ASYNC110, nobody is told
            await asyncio.sleep(0.01)
    assert not (await line_of(browser)).closed


async def fill(store: Store, name: str) -> None:
    engine = {"type": "custom-llm", "llm_websocket_url": "wss://agent.example/x"}
    agent: dict[str, Any] = {"agent_name": name, "voice_id": "none", "response_engine": engine}
    await store.agents.create(AgentCreate.model_validate(agent))
    number = {"phone_number": "+14155550100", "nickname": name, "last_modification_timestamp": 0}
    await store.phone_numbers.create(PhoneNumber.model_validate(number))


async def test_the_page_offers_numbers_and_agents_and_holds_no_password(browser: Browser, store: Store) -> None:
    await fill(store, "Reception")
    page = await text_of(browser, "/console/phone?number=%2B14155550100")
    assert 'value="+14155550100" list=' in page
    assert page.count(">Reception</option>") == 2
    assert 'data-account="browser-phone"' in page and "known to nobody" not in page


async def test_who_may_only_look_is_told_so_and_learns_no_account(stranger: Browser) -> None:
    await log_in(stranger, READ_ONLY_KEY)
    page = await text_of(stranger, "/console/phone")
    assert "key that may only look" in page and "browser-phone" not in page and "jssip" not in page


async def test_names_and_the_number_of_a_link_are_text(browser: Browser, store: Store) -> None:
    await fill(store, "harmless")
    plain = shape(Page(await text_of(browser, "/console/phone?number=x")))
    for text in CORPUS:
        number = await store.phone_numbers.get("+14155550100")
        assert number
        await store.phone_numbers.delete("+14155550100")
        await store.phone_numbers.create(number.model_copy(update={"nickname": text}))
        answer = await browser.get("/console/phone", params={"number": text})
        page = Page(await answer.text())
        assert shape(page) == plain, text
        assert "".join(text.split()) in "".join(page.text.split())


class TestWithoutTelephone:
    """Where the account's password is not set, or the telephone is turned off."""

    @pytest.fixture
    def phone(self) -> None:
        return None

    async def test_the_page_says_what_to_set(self, browser: Browser) -> None:
        page = await text_of(browser, "/console/phone")
        assert "ARI_AGENT_BROWSER_PHONE_PASSWORD" in page and "jssip" not in page

    async def test_there_is_no_line(self, browser: Browser) -> None:
        assert "no telephone" in await text_of(browser, f"{PATH}?csrf_token={await csrf_token(browser)}", 404)
