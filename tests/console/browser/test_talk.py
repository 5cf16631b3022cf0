"""Somebody talks to an agent from its page: both hear one another, over the real audio websocket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from ari_agent.ids import new_call_id
from ari_agent.store.store import Store
from tests.api.web_house import API_KEY, House, open_house
from tests.console.browser.chromium import comes_true
from tests.console.browser.conftest import OpenConsole
from tests.fakes.agent_server import Agent, AgentCall
from tests.fakes.sound import SILENCE_FLOOR_DBFS, find, read_wav, tone

SPOKEN = Path(__file__).parents[2] / "data" / "audio" / "rms_yes_please.wav"
AGENT_HZ = 700
TAP = """
(() => {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      const tap = new AnalyserNode(this.context, { fftSize: 4096 });
      connect.call(this, tap);
      window.heardHz = () => {
        const bins = new Float32Array(tap.frequencyBinCount);
        tap.getFloatFrequencyData(bins);
        const peak = bins.indexOf(Math.max(...bins));
        return bins[peak] > -40 ? (peak * this.context.sampleRate) / tap.fftSize : 0;
      };
    }
    return connect.call(this, to, ...rest);
  };
})();
"""
REFUSE = "() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') } }"
INSECURE = "() => { Object.defineProperty(window, 'isSecureContext', { value: false }) }"
HELLO = {"event": "update", "update": {"transcript": [{"role": "agent", "content": "Good <b>morning</b>."}]}}


async def greets(call: AgentCall) -> None:
    await call.send(HELLO)
    await call.say(tone(AGENT_HZ, 60, rate_hz=call.rate_hz))


async def the_page(house: House, agent: Agent, open_console: OpenConsole, **options: Any) -> Page:
    """That agent's page for talking, reached as people reach it."""
    await house.agent_id(agent, agent_name="Bakery")
    page = await open_console(str(house.api.make_url("")).rstrip("/"), API_KEY, **options)
    await page.add_init_script(TAP)
    await page.get_by_role("link", name="Agents").click()
    await page.get_by_role("link", name="Bakery").click()
    await page.get_by_role("link", name="Talk to this agent").click()
    return page


async def test_somebody_talks_to_an_agent_and_both_are_heard(store: Store, open_console: OpenConsole) -> None:
    async with open_house(store, new_call_id, has_console=True) as house:
        agent = house.agents.agent(greets, protocol="web", rate_hz=8000)
        page = await the_page(house, agent, open_console, microphone=SPOKEN)
        await page.get_by_label("Dynamic variables").fill("customer=Bob")
        await page.get_by_role("button", name="Call").press("Enter")
        call = await agent.call(timeout_s=30)
        assert call.variables["customer"] == "Bob"
        await comes_true(page, f"Math.abs(window.heardHz?.() - {AGENT_HZ}) < 20")
        await expect(page.get_by_text("Good <b>morning</b>.")).to_be_visible()
        await comes_true(page, "document.getElementById('theirs').value > 0.5")

        words, rate_hz = read_wav(SPOKEN)
        assert rate_hz == call.rate_hz
        await call.hears_on(2 * len(words) / rate_hz, timeout_s=60)
        assert find(words[rate_hz // 2 : rate_hz], call.sound()).similarity > 0.8

        await call.clear()
        await comes_true(page, "document.getElementById('theirs').value === 0")
        await page.get_by_role("button", name="Mute").press("Space")
        await call.hears_on(0.5)
        before = len(call.heard)
        await call.hears_on(0.5)
        assert max(piece.level_dbfs for piece in call.heard[before:]) < SILENCE_FLOOR_DBFS

        await page.get_by_role("button", name="Hang up").press("Enter")
        await call.gone()
        await expect(page.get_by_role("status")).to_have_text("You have hung up.")
        await page.get_by_role("link", name="The call's page").click()
        await expect(page.get_by_text("The user hung up")).to_be_visible()


async def test_it_is_said_why_a_call_ends_and_why_there_is_none(store: Store, open_console: OpenConsole) -> None:
    async def hangs_up(call: AgentCall) -> None:
        await call.hang_up()

    async with open_house(store, new_call_id, has_console=True) as house:
        agent = house.agents.agent(hangs_up, protocol="web")
        page = await the_page(house, agent, open_console, microphone=SPOKEN)
        await page.get_by_role("button", name="Call").click()
        await expect(page.get_by_role("status")).to_have_text("The call has ended: agent hangup.")
        await page.get_by_label("Dynamic variables").fill("no variable")
        await page.get_by_role("button", name="Call").click()
        await expect(page.get_by_role("status")).to_contain_text("write name=value")
        await page.evaluate(REFUSE)
        await page.get_by_role("button", name="Call").click()
        await expect(page.get_by_role("status")).to_contain_text("allow it beside the address")
        await page.evaluate(INSECURE)
        await page.get_by_role("button", name="Call").click()
        await expect(page.get_by_role("status")).to_contain_text("ssh -L 8080:127.0.0.1:8080")
        await expect(page.get_by_role("button", name="Hang up")).to_be_disabled()
