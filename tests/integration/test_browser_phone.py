"""The telephone in the console: SIP over websockets to a real Asterisk, and calls from and to a real Chromium."""

from __future__ import annotations

import asyncio
import re
import secrets
import ssl
from pathlib import Path

import aiohttp
from playwright.async_api import Page, expect

from tests.console.browser.chromium import comes_true
from tests.console.browser.conftest import OpenConsole
from tests.fakes.agent_server import AgentCall
from tests.fakes.sip_caller import digest_answer
from tests.fakes.sound import tone, write_wav
from tests.fakes.tones import heard_ms
from tests.integration.stage import CALLER_NUMBER, Stage

VOICE_HZ, AGENT_HZ, AFTER_5_HZ, AFTER_7_HZ = 700, 1000, 1400, 1900


class SipSocket:
    """A telephone's websocket, by hand: one REGISTER after the other."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, account: str) -> None:
        self._socket, self._account, self._number = socket, account, 0
        self._call_id = secrets.token_hex(8)

    async def register(self, password: str) -> int:
        """Register with a password; returns the status of the answer to the second request, with credentials."""
        asked = await self._ask("")
        assert asked.startswith("SIP/2.0 401 ")
        challenge = re.search(r"WWW-Authenticate: (.*)", asked)
        assert challenge
        given = digest_answer(challenge[1].strip(), "REGISTER", "sip:pbx.invalid", self._account, password)
        return int((await self._ask(f"Authorization: {given}\r\n")).split()[1])

    async def _ask(self, header: str) -> str:
        self._number += 1
        address = f"<sip:{self._account}@pbx.invalid>"
        await self._socket.send_str(
            "REGISTER sip:pbx.invalid SIP/2.0\r\n"
            f"Via: SIP/2.0/WS page.invalid;branch=z9hG4bK{self._call_id}{self._number}\r\nMax-Forwards: 70\r\n"
            f"From: {address};tag=1\r\nTo: {address}\r\nCall-ID: {self._call_id}\r\nCSeq: {self._number} REGISTER\r\n"
            f"Contact: <sip:by-hand@page.invalid;transport=ws>\r\n{header}Expires: 60\r\nContent-Length: 0\r\n\r\n"
        )
        return str(await self._socket.receive_str(timeout=10))


async def contacts(stage: Stage, *, wanted: bool) -> None:
    """Until Asterisk knows a way to the account, or none any more."""
    account = stage.pbx.browser_phone_account
    async with asyncio.timeout(10):
        way = f"{account}/sip:"
        while (way in await stage.pbx.cli("pjsip show contacts")) != wanted:  # noqa: ASYNC110, Asterisk tells nobody
            await asyncio.sleep(0.1)


async def test_a_page_registers_without_its_password_and_is_forgotten_when_it_goes(stage: Stage) -> None:
    url, jar = stage.controller.url, aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        await http.post(f"{url}/console/login", data={"key": stage.controller.api_key})
        async with http.get(f"{url}/console/phone") as answer:
            page = await answer.text()
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token and stage.pbx.browser_phone_password not in page
        way = f"{url}/console/phone/sip?csrf_token={token[1]}"
        async with http.ws_connect(way, protocols=("sip",)) as socket:
            assert await SipSocket(socket, stage.pbx.browser_phone_account).register("not-the-password") == 200
            await contacts(stage, wanted=True)
        await contacts(stage, wanted=False)


async def test_the_secure_websocket_asks_for_the_password_and_ari_behind_it_for_its_own(stage: Stage) -> None:
    trust = ssl.create_default_context(cafile=str(stage.pbx.certificate_path))
    at = f"127.0.0.1:{stage.pbx.wss_port}"
    account = stage.pbx.browser_phone_account
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:
        async with http.ws_connect(f"wss://{at}/ws", protocols=("sip",)) as socket:
            assert await SipSocket(socket, account).register("not-the-password") == 401
            assert await SipSocket(socket, account).register(stage.pbx.browser_phone_password) == 200
        for path in ("ari/channels", "metrics"):
            async with http.get(f"https://{at}/{path}") as answer:
                assert answer.status == 401, path
        async with http.get(f"https://{at}/static/index.html") as answer:
            assert answer.status in {403, 404}


async def test_a_softphone_dials_an_agent_by_its_id(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent_id = await stage.create_agent(agent)
    async with stage.softphone() as phone:
        await phone.call(agent_id)
        call = await agent.call()
    record = await stage.controller.ended_call(call.about["call_id"])
    assert (record["agent_id"], record["to_number"]) == (agent_id, agent_id)


async def plays_tones(call: AgentCall) -> None:
    for keys, frequency_hz in enumerate((AGENT_HZ, AFTER_5_HZ, AFTER_7_HZ)):
        while len(call.digits) == keys and not call.closed.is_set():
            await call.say(tone(frequency_hz, 0.5))
            await asyncio.sleep(0.5)


SPY = """
const Plain = RTCPeerConnection;
window.RTCPeerConnection = class extends Plain { constructor(...given) { super(...given); window.sound = this; } };
"""
LISTEN = """() => {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(document.getElementById("phone-heard").srcObject).connect(analyser);
  const levels = new Float32Array(analyser.frequencyBinCount);
  window.hears = (hz) => {
    analyser.getFloatFrequencyData(levels);
    const peak = levels.indexOf(Math.max(...levels));
    return levels[peak] > -60 && Math.abs(peak * context.sampleRate / 8192 - hz) < 20;
  };
}"""
# Firefox plays nothing whose SSRC is another than the description's: https://github.com/asterisk/asterisk/issues/1535
COMES_AS_ANNOUNCED = """async () => {
  const told = [...sound.remoteDescription.sdp.matchAll(/^a=ssrc:(\\d+)/gm)].map((found) => Number(found[1]));
  const come = [...(await sound.getStats()).values()].filter((of) => of.type === "inbound-rtp");
  return come.every((of) => of.packetsReceived > 0 && told.includes(of.ssrc)) && come.length;
}"""


async def press(page: Page, *names: str) -> None:
    for name in names:
        await page.get_by_role("button", name=name, exact=True).click()


async def test_somebody_calls_an_agent_in_a_browser_and_is_called(
    stage: Stage, open_console: OpenConsole, tmp_path: Path
) -> None:
    agent = stage.agents.agent(plays_tones)
    number = await stage.import_number(await stage.create_agent(agent))
    write_wav(tmp_path / "voice.wav", tone(VOICE_HZ, 5))
    page = await open_console(stage.controller.url, stage.controller.api_key, microphone=tmp_path / "voice.wav")
    await page.add_init_script(SPY)
    await page.get_by_role("link", name="Phone").click()
    state = page.locator("#phone-state")
    await press(page, "Turn on")
    await expect(state).to_have_text("Ready.")

    await page.get_by_label("noise").uncheck()  # a tone is noise
    await page.get_by_label("Number or agent").fill(number)
    await press(page, "Call")
    await expect(state).to_have_text(f"Talking with {number}.")
    call = await agent.call()
    await page.evaluate(LISTEN)
    await comes_true(page, f"hears({AGENT_HZ})")
    assert await page.evaluate(COMES_AS_ANNOUNCED) == 1
    await press(page, "5")
    await comes_true(page, f"hears({AFTER_5_HZ})")
    await call.hears(seconds=0.5)
    await press(page, "Mute")
    await asyncio.sleep(0.5)  # what was on its way
    muted = len(call.sound())
    await call.hears_on(0.5)
    assert heard_ms(call.sound()[muted:], VOICE_HZ) == 0
    await press(page, "Mute", "Hold")
    await expect(state).to_have_text(f"{number} is on hold.")
    await press(page, "Resume")
    await expect(state).to_have_text(f"Talking with {number}.")
    await press(page, "7")
    await comes_true(page, f"hears({AFTER_7_HZ})")
    assert await page.evaluate(COMES_AS_ANNOUNCED) == 1
    await page.get_by_label("Transfer to").fill("101")
    await press(page, "Transfer")
    await expect(page.get_by_role("alert")).to_contain_text("Not transferred (404")
    await press(page, "Hang up")
    await expect(state).to_have_text("Ready.")
    record = await stage.controller.ended_call(call.about["call_id"])
    assert (record["from_number"], record["to_number"]) == (stage.pbx.browser_phone_account, number)
    assert (record["disconnection_reason"], call.digits) == ("user_hangup", "57")
    assert heard_ms(call.sound(), VOICE_HZ) > 1000

    async with stage.caller() as caller:
        await caller.dial("browser-phone")
        await expect(state).to_have_text(f"{CALLER_NUMBER} is calling.")
        await press(page, "Answer")
        await caller.answered()
        caller.audio.say(tone(AGENT_HZ, 20))
        await expect(state).to_have_text(f"Talking with {CALLER_NUMBER}.")
        await page.evaluate(LISTEN)
        await comes_true(page, f"hears({AGENT_HZ})")
        assert await page.evaluate(COMES_AS_ANNOUNCED) == 1
        await caller.audio.hears(packets=50)
        assert heard_ms(caller.audio.sound(), VOICE_HZ) > 500
        async with stage.caller() as another:
            await another.dial("browser-phone")
            assert (await another.refused()).status == 486
    await expect(page.get_by_role("alert")).to_have_text("The other side has hung up.")

    async with stage.caller() as caller:
        await caller.dial("browser-phone")
        await press(page, "Answer")
        await caller.answered()
        await expect(state).to_have_text(f"Talking with {CALLER_NUMBER}.")
        await page.get_by_label("Transfer to").fill(number)
        await press(page, "Transfer")
        await expect(page.get_by_role("alert")).to_have_text("Transferred.")
        await caller.audio.hears(packets=50)
        record = await stage.controller.call((await agent.call(index=1)).about["call_id"])
        assert (record["from_number"], record["to_number"]) == (CALLER_NUMBER, number)

    # whoever leaves the page leaves the call, and is asked before
    await press(page, "Call")
    await expect(state).to_have_text(f"Talking with {number}.")
    async with page.expect_event("dialog") as asked:
        leaving = asyncio.create_task(page.get_by_role("link", name="Calls").click())
        dialog = await asked.value
        assert dialog.type == "beforeunload"
        await dialog.accept()
    await leaving
    record = await stage.controller.ended_call((await agent.call(index=2)).about["call_id"])
    assert record["disconnection_reason"] == "user_hangup"
    await contacts(stage, wanted=False)
