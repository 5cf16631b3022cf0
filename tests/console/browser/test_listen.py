"""Listening in a real Chromium: what the page plays is captured where it leaves for the loudspeakers."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, expect

from ari_agent.calls.media.call_tap import Levels
from tests.console.browser.chromium import comes_true
from tests.console.conftest import LiveCalls
from tests.console.heard_call import HeardCall
from tests.fakes.sound import tone

CAPTURE = """() => {
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    const apart = new ChannelSplitterNode(this.context, { numberOfOutputs: 2 });
    connect.call(this, apart);
    globalThis.played = [0, 1].map((side) => {
      const analyser = new AnalyserNode(this.context, { fftSize: 2048, smoothingTimeConstant: 0 });
      connect.call(apart, analyser, side);
      return analyser;
    });
  }
  return connect.call(this, target, ...rest);
};
globalThis.strongest = () => (globalThis.played || []).map((analyser) => {
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  const best = bins.indexOf(Math.max(...bins));
  return bins[best] > -40 ? Math.round(best * analyser.context.sampleRate / analyser.fftSize) : 0;
});
}"""


async def hears(page: Page, left_hz: int, right_hz: int) -> None:
    """Until the page plays these tones, 0 for silence, within a step of the analysis."""
    near = " && ".join(f"Math.abs(strongest()[{side}] - {hz}) < 8" for side, hz in enumerate((left_hz, right_hz)))
    await comes_true(page, f"strongest().length === 2 && {near}")


async def speaking(call: HeardCall, left_hz: int, right_hz: int) -> None:
    """Both sides sound with a tone each, in real time, until this is cancelled."""
    left, right = tone(left_hz, 6), tone(right_hz, 6)
    clock = asyncio.get_running_loop().time
    began_s, at = clock(), 0
    while True:
        upto = at + 480
        call.say(left[at:upto], right[at:upto])
        at = upto % len(left)
        began_s += 0.06
        await asyncio.sleep(max(0.0, began_s - clock()))


async def test_a_call_is_heard_from_the_list_until_it_ends(console_page: Page, live_calls: LiveCalls) -> None:
    call, page = HeardCall(), console_page
    live_calls.calls.append(call.in_list)
    await page.evaluate(CAPTURE)
    call.media.levels = Levels(-24.0, -96.0)
    await expect(page.get_by_role("meter", name="Caller speaks")).to_have_attribute("aria-valuetext", "-24 dB")
    listen = page.get_by_role("button", name="Listen to the call with +12025550123")
    speaks = asyncio.create_task(speaking(call, 700, 1900))
    try:
        await listen.click()
        await expect(page.get_by_role("status").filter(has_text="Listening")).to_be_visible()
        await expect(listen).to_have_attribute("aria-pressed", "true")
        await hears(page, 700, 1900)
        await page.get_by_label("Volume").fill("0")
        await hears(page, 0, 0)
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_label("Volume")).to_be_hidden()
        await expect(listen).to_have_attribute("aria-pressed", "false")
        await page.get_by_label("Volume").evaluate("volume => { volume.value = 100; }")
        await listen.click()
        await hears(page, 700, 1900)
        call.end()
        over = page.get_by_text("Listening is over: the call has ended (+12025550123)")
        await expect(over).to_be_visible()
        await page.get_by_label("Listening").get_by_role("button", name="Close").click()
        await expect(over).to_be_hidden()
    finally:
        speaks.cancel()
    assert [told.listens for told in call.told] == [True, False, True, False]
