"""The console's pages of checks and trunks, within a controller that serves calls with a real Asterisk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import aiohttp

from tests.fakes.agent_server import echo
from tests.fakes.carrier import Reply, carrier, challenge
from tests.integration.stage import Stage
from tests.integration.test_trunk_registration import ADDRESS, PASSWORD, registered, state_becomes


@asynccontextmanager
async def console(stage: Stage) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that is logged in."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(stage.controller.url, cookie_jar=jar) as browser:
        await browser.post("/console/login", data={"key": stage.controller.api_key})
        yield browser


async def page_of(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def test_a_check_within_the_controller_raises_no_false_alarm_and_disturbs_no_call(stage: Stage) -> None:
    async with stage.connected(echo) as call, console(stage) as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', await page_of(browser, "/console/check"))
        assert token
        await browser.post("/console/check", data={"csrf_token": token[1]})
        page = await page_of(browser, "/console/check/lines")
        for _ in range(300):
            if "hx-get" not in page:
                break
            await asyncio.sleep(0.1)
            page = await page_of(browser, "/console/check/lines")
        found = words(page)
        for line in (
            "ari ok Asterisk",
            "api ok a controller serves at 127.0.0.1:",
            "application ok this controller is connected as",
            "rights ok",
            "dialplan ok",
            "address ok",
            "echo ok audio goes from",
            "trunk memory ok",
        ):
            assert line in found, (line, found)
        assert "the check itself broke" not in found
        assert stage.controller.api_key not in page
        await call.hears_itself()
        assert "check" not in await stage.pbx.cli("ari show apps")


async def test_the_page_of_a_number_shows_how_its_trunk_is(stage: Stage) -> None:
    async with (
        carrier(ADDRESS, REGISTER=[challenge(401), Reply(200)]) as far_end,
        registered(stage, far_end) as number,
        console(stage) as browser,
    ):
        await state_becomes(stage, number, registration="registered")
        page = await page_of(browser, f"/console/numbers/{number}")
        assert "registration: registered asked at" in words(page)
        assert f"{far_end.uri}" in page
        assert PASSWORD not in page
        assert "registered" in words(await page_of(browser, f"/console/numbers?q={number[1:]}"))
