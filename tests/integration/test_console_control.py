"""What the console does to a call in progress, on the caller's wire: keys, a refused and a failed transfer, the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.fakes.llm_server import until
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sip_message import first, uri_of
from tests.integration.stage import Stage

BY_SCRIPT = {"HX-Request": "true"}


@asynccontextmanager
async def logged_in(stage: Stage) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that is logged in to the console."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(stage.controller.url, cookie_jar=jar) as session:
        async with session.post(
            "/console/login", data={"key": stage.controller.api_key}, allow_redirects=False
        ) as answer:
            assert answer.status == 303
        yield session


async def do(browser: aiohttp.ClientSession, call_id: str, action: str, **form: str) -> tuple[int, str]:
    """Send a form of the call's page, and return the answer's status and what it says."""
    async with browser.get("/console") as page:
        token = re.search(r'name="csrf_token" value="([^"]+)"', await page.text())
    assert token
    data = {"csrf_token": token[1], **form}
    async with browser.post(f"/console/calls/{call_id}/{action}", data=data, headers=BY_SCRIPT) as answer:
        return answer.status, re.sub(r"<[^>]*>", "", await answer.text()).strip()


async def test_the_first_page_shows_how_asterisk_the_store_and_the_trunks_are(stage: Stage) -> None:
    await stage.import_number(None)  # others may be there, and in a worse state: twenty are shown
    wanted = (
        r'class="good"><b>Asterisk</b> ok\s+<span class="quiet">\d+\.\d+',
        r'class="good"><b>Recordings</b> ok\s+<span class="quiet">/',
        r"<td><a [^>]+>\+\d+</a></td><td>(un)?(known|reachable)</td><td>none</td>",
    )
    async with asyncio.timeout(60), logged_in(stage) as browser, browser.get("/console/now/events") as events:
        left, text = set(wanted), ""
        while left:
            text += (await events.content.readuntil(b"\n\n")).decode()
            left = {pattern for pattern in left if not re.search(pattern, text)}


async def test_a_call_is_sent_keys_transferred_and_hung_up_from_the_console(stage: Stage) -> None:
    policy = {"dial_policy": {"countries": ["US"]}}
    async with logged_in(stage) as browser, stage.connected(number=policy) as call:
        assert await do(browser, call.call_id, "keys", digits="9 0*") == (200, "The keys 90* are being sent.")
        await until(lambda: call.caller.audio.digits == "90*")
        status, said = await do(browser, call.call_id, "transfer", to="+4930123456")
        assert status == 400 and "countries" in said
        assert first(call.caller.received, method="REFER") is None
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        status, said = await do(browser, call.call_id, "transfer", to="+1 (415) 555-9999")
        assert status == 200 and said.startswith("The transfer to +14155559999 failed")
        assert said.endswith("(SIP status 486). The caller is back with the agent.")
        refer = await call.caller.refer()
        assert uri_of(refer.need("Refer-To")).startswith("sip:+14155559999@")
        assert await do(browser, call.call_id, "hang-up") == (200, "The call is being hung up.")
        await call.caller.bye()
    record = await stage.controller.ended_call(call.call_id)
    assert record["disconnection_reason"] == "manual_stopped"
