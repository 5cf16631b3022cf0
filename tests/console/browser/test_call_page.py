"""The page of a call as somebody uses it: a word is clicked and heard, keys move the player, and plots are drawn."""

from __future__ import annotations

from playwright.async_api import Page, expect

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.media.audio import ULAW
from ari_agent.media.wave_file import WaveFormat
from ari_agent.store.store import Store
from tests.console.browser.chromium import comes_true
from tests.console.conftest import a_call, keep_file
from tests.console.one_call.test_call_page import lines
from tests.console.one_call.test_media_course import counted
from tests.console.one_call.test_turn_times import TEXT_TURN

SECONDS = 30
AUDIO = bytes([0x20, 0xFF] * 4000 + [0xFF, 0x20] * 4000) * SECONDS
SAID = [
    {"word": word, "start": float(start), "end": start + 0.5}
    for start, word in enumerate(["count", "with", "me", "to", "ten"])
]


async def open_call(page: Page, store: Store, artefacts: Artefacts) -> None:
    began = {"ms": 0, "event": "call_began", "at": a_call().start_timestamp}
    log = lines(began, *TEXT_TURN, counted(10_000, packets_received=500), counted(20_000, packets_received=490))
    sound = WaveFormat(ULAW).header(len(AUDIO)) + AUDIO
    call = a_call(
        public_log_url=await keep_file(artefacts, "call_1", "log.jsonl", log),
        recording_multi_channel_url=await keep_file(artefacts, "call_1", "recording_multi_channel.wav", sound),
        transcript_object=[{"role": "agent", "content": "count with me to ten", "words": SAID}],
    )
    await store.calls.save(call)
    await page.goto("/console/calls/call_1")


async def test_a_word_is_clicked_and_heard_and_marked_while_it_plays(
    console_page: Page, store: Store, artefacts: Artefacts
) -> None:
    page = console_page
    await open_call(page, store, artefacts)
    player = "document.getElementById('player')"
    await expect(page.locator("#waveform > div")).to_be_attached()  # drawn from the server's peaks
    await expect(page.locator("#course canvas")).to_be_visible()
    await comes_true(page, f"{player}.readyState > 0 && Math.round({player}.duration) === {SECONDS}")
    await page.get_by_role("button", name="me", exact=True).click()
    await comes_true(page, f"!{player}.paused && {player}.currentTime > 2.05")
    await expect(page.locator("button.spoken")).to_have_count(1)
    await comes_true(page, "document.querySelector('button.spoken').textContent === 'ten'")  # two seconds on
    await page.locator("h1").click()
    await page.keyboard.press("Space")
    await comes_true(page, f"{player}.paused")
    at_s = await page.evaluate(f"{player}.currentTime")
    await page.keyboard.press("ArrowRight")
    await comes_true(page, f"Math.abs({player}.currentTime - {at_s} - 5) < 0.1")
    await page.evaluate(f"{player}.addEventListener('seeking', () => (window.soughtS = {player}.currentTime))")
    await page.get_by_title("hear it").click()
    await comes_true(page, f"!{player}.paused && Math.abs(window.soughtS - 8) < 0.1")  # the answer of the turn
