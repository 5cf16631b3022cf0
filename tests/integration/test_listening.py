"""Listening in on calls of a real Asterisk over the console's websocket, and in a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from playwright.async_api import expect

from tests.console.browser.conftest import OpenConsole
from tests.console.browser.test_listen import CAPTURE, hears
from tests.fakes.agent_server import AgentCall
from tests.fakes.llm_server import until
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sound import Samples, tone
from tests.fakes.tones import heard_ms
from tests.fakes.web_client import WebFrontEnd
from tests.integration.stage import CALLER_NUMBER, Stage
from tests.integration.target import TO, connected_with_target
from tests.integration.test_public_log import whole_log
from tests.integration.test_recording import (
    AGENT_HZ,
    CALLER_HZ,
    FIRST,
    LAST,
    LATE_MS,
    RECORDED,
    ended,
    place_ms,
    recording_of,
)


class Ear:
    """Whoever is logged in and listens to a call: what was heard, and why it is over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._heard = bytearray()
        self.format: dict[str, Any] = {}
        self.why_over = ""

    async def listen(self) -> None:
        """Take all that comes, until the websocket closes."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                assert 0 < len(message.data) <= 4 * self.format["rate_hz"] / 10
                self._heard += message.data
            elif (said := json.loads(message.data))["event"] == "format":
                self.format = said
            else:
                self.why_over = said["why"]

    @property
    def begins(self) -> int:
        """Where in the sound what is heard from now on begins: a sample."""
        return len(self._heard) // 4

    def sides(self, since: int = 0) -> tuple[Samples, Samples]:
        """What was heard of the caller and of the agent."""
        stereo = np.frombuffer(bytes(self._heard), "<i2").astype(np.int16)
        return stereo[2 * since :: 2], stereo[2 * since + 1 :: 2]

    def heard_ms(self, hz: int, since: int = 0) -> tuple[int, int]:
        """For how long a tone was heard on either side."""
        left, right = self.sides(since)
        return heard_ms(left, hz), heard_ms(right, hz)


@asynccontextmanager
async def listening(stage: Stage, call_id: str) -> AsyncIterator[Ear]:
    """An ear on a call, by the console's login."""
    url = stage.controller.url
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with http.post(f"{url}/console/login", data={"key": stage.controller.api_key}) as answer:
            assert answer.ok
        async with http.ws_connect(f"{url}/console/calls/{call_id}/listen", origin=url) as socket:
            ear = Ear(socket)
            taking = asyncio.create_task(ear.listen())
            await until(lambda: bool(ear.begins or ear.why_over))
            yield ear
            await socket.close()
            await taking


async def test_what_is_heard_is_what_is_recorded_but_for_a_pause(stage: Stage) -> None:
    async with stage.connected(agent=RECORDED) as call, listening(stage, call.call_id) as ear:
        call.caller.audio.say(FIRST)
        await call.caller.audio.said()
        await call.agent.say(LAST)
        await asyncio.sleep(1.0)
        await stage.controller.post(f"/v2/pause-recording/{call.call_id}", expect=204)
        await asyncio.sleep(0.1)
        paused = ear.begins
        await call.agent.say(tone(AGENT_HZ, 0.6))
        call.caller.audio.say(tone(CALLER_HZ, 0.6))
        await call.caller.audio.said()
        await asyncio.sleep(0.4)
        silent = [not np.any(np.abs(side) > 8) for side in ear.sides(paused)]
        await stage.controller.post(f"/v2/resume-recording/{call.call_id}", expect=204)
        await asyncio.sleep(0.2)
        again = ear.begins
        await call.agent.say(tone(AGENT_HZ, 0.6))
        await asyncio.sleep(1.0)
        await call.caller.hang_up()
        over = await ended(stage, call.call_id)
        await until(lambda: bool(ear.why_over))
    recording = await recording_of(over)
    left, right = ear.sides()
    apart_ms = place_ms(LAST, right) - place_ms(FIRST, left)
    assert apart_ms == pytest.approx(place_ms(LAST, recording.right) - place_ms(FIRST, recording.left), abs=LATE_MS)
    assert silent == [True, True], "a card number, perhaps"
    assert ear.heard_ms(AGENT_HZ, again)[1] > 400
    assert ear.why_over == "the call has ended"
    assert ear.format == {"event": "format", "encoding": "s16le", "rate_hz": 8000, "channels": 2}
    lines = [line for line in await whole_log(over["public_log_url"]) if line["event"] == "listening"]
    assert [(line["by"], line["listens"]) for line in lines] == [("admin", True), ("admin", False)]


async def test_a_listener_stays_through_a_failed_transfer_until_caller_and_target_are_left_alone(stage: Stage) -> None:
    async with connected_with_target(stage) as (call, target), listening(stage, call.call_id) as ear:
        call.caller.refer_plan = ReferPlan(notifies=((0.05, 486),))
        await call.agent.transfer("+14155558888")
        assert (await call.agent.transfer_result())["sip_status"] == 486
        back = ear.begins
        call.caller.audio.say(tone(CALLER_HZ, 0.8))
        await call.agent.say(tone(AGENT_HZ, 0.8))
        await call.caller.audio.said()
        await asyncio.sleep(0.5)
        on_left, on_right = ear.heard_ms(CALLER_HZ, back), ear.heard_ms(AGENT_HZ, back)
        await call.agent.transfer(TO, mode="sip_invite", on_hold_music="none")
        await target.rings()
        await target.picks_up()
        await until(lambda: bool(ear.why_over))
    assert (on_left[0] > 500, on_left[1]) == (True, 0)
    assert (on_right[0], on_right[1] > 500) == (0, True)
    assert ear.why_over == "caller and target were left alone with each other"


async def test_a_web_call_is_listened_to(stage: Stage) -> None:
    agent = stage.agents.agent(protocol="twilio")
    body = {
        "agent_id": await stage.create_agent(agent),
        "audio_websocket_protocol": "web",
        "audio_encoding": "s16le",
        "sample_rate": 16000,
    }
    call_id = (await stage.controller.post("/register-call", body, expect=201)).json["call_id"]
    url = f"{stage.controller.url.replace('http', 'ws')}/audio-websocket/{call_id}"
    async with WebFrontEnd(url, encoding="s16le", rate_hz=16000) as front:
        call = await agent.call()
        said = tone(CALLER_HZ, 0.1, rate_hz=16000)
        await front.say(said)
        async with listening(stage, call_id) as ear:
            await call.say(tone(AGENT_HZ, 1))
            for _ in range(12):
                await front.say(said)
                await asyncio.sleep(0.1)
            await front.connection.close()
            await until(lambda: bool(ear.why_over))
    left, right = (side[::2] for side in ear.sides())
    assert ear.format["rate_hz"] == 16000
    assert (heard_ms(left, CALLER_HZ) > 700, heard_ms(left, AGENT_HZ)) == (True, 0)
    assert (heard_ms(right, CALLER_HZ), heard_ms(right, AGENT_HZ) > 700) == (0, True)
    assert ear.why_over == "the call has ended"


async def hums(call: AgentCall) -> None:
    await call.say(tone(AGENT_HZ, 20))


async def test_a_browser_plays_a_call_in_progress(stage: Stage, open_console: OpenConsole) -> None:
    agent = stage.agents.agent(hums)
    number = await stage.import_number(await stage.create_agent(agent))
    page = await open_console(stage.controller.url, stage.controller.api_key)
    await page.evaluate(CAPTURE)
    calling = asyncio.create_task(
        stage.sipp.run("call_with_sound", number, sound=tone(CALLER_HZ, 1.0), values={"TALK_MS": "10000"})
    )
    row = page.get_by_role("row").filter(has_text=number)
    await expect(row.get_by_role("meter", name="Agent speaks")).not_to_have_attribute("aria-valuetext", "silent")
    await row.get_by_role("button", name=f"Listen to the call with {CALLER_NUMBER}").click()
    await hears(page, CALLER_HZ, AGENT_HZ)
    await expect(page.get_by_text("Listening is over: the call has ended")).to_be_visible()
    (await calling).check()
