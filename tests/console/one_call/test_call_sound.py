"""The sound of a call: which recording is played, in parts, and its peaks, which are read once."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls import recording_peaks
from ari_agent.console.one_call.recording_choice import ChosenRecording, recording_of
from ari_agent.media.audio import ULAW
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat
from ari_agent.store.store import Store
from tests.console.conftest import Browser, a_call, keep_file, text_of

STEREO = "recording_multi_channel.wav"
AUDIO = bytes([0x00, 0xFF] * 8000)
"""A second in which the caller is as loud as can be, and the agent silent."""
RECORDING = WaveFormat(ULAW).header(len(AUDIO)) + AUDIO


@pytest.mark.parametrize(
    ("fields", "file", "is_stereo", "is_scrubbed"),
    [
        (["recording_url"], "recording_url", False, False),
        (["recording_url", "recording_multi_channel_url"], "recording_multi_channel_url", True, False),
        (["scrubbed_recording_url", "recording_multi_channel_url"], "scrubbed_recording_url", False, True),
        (
            ["scrubbed_recording_url", "scrubbed_recording_multi_channel_url", "recording_url"],
            "scrubbed_recording_multi_channel_url",
            True,
            True,
        ),
    ],
)
def test_a_recording_without_personal_data_is_played_where_there_is_one(
    fields: list[str], file: str, is_stereo: bool, is_scrubbed: bool
) -> None:
    call = a_call(**{field: f"https://pbx.example/artefacts/call_1/{field}.wav?signature=x" for field in fields})
    chosen = recording_of(call)
    assert isinstance(chosen, ChosenRecording)
    assert (chosen.name.file, chosen.is_stereo, chosen.is_scrubbed) == (f"{file}.wav", is_stereo, is_scrubbed)


@pytest.mark.parametrize("url", [None, "", "https://a.example/x.wav", "/artefacts/call_2/recording.wav"])
def test_what_is_no_recording_of_this_call_is_not_played(url: str | None) -> None:
    assert recording_of(a_call(recording_url=url)) is None


async def recorded(store: Store, artefacts: Artefacts, content: bytes = RECORDING, **facts: Any) -> None:
    url = await keep_file(artefacts, "call_1", STEREO, content)
    await store.calls.save(a_call(recording_multi_channel_url=url, **facts))


async def test_a_recording_comes_in_the_parts_that_a_player_asks_for(
    browser: Browser, store: Store, artefacts: Artefacts
) -> None:
    await recorded(store, artefacts)
    page = await text_of(browser, "/console/calls/call_1")
    assert 'src="/console/calls/call_1/recording"' in page and "signature=" not in page.split("<pre>")[0]
    part = await browser.get("/console/calls/call_1/recording", headers={"Range": "bytes=58-61"})
    assert (part.status, await part.read()) == (206, AUDIO[:4])
    assert part.headers["Content-Type"] == "audio/wav"
    behind = await browser.get("/console/calls/call_1/recording", headers={"Range": "bytes=99999-"})
    assert behind.status == 416


async def test_peaks_are_made_once(
    browser: Browser, store: Store, artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await recorded(store, artefacts)
    answer = await browser.get("/console/calls/call_1/peaks.json")
    peaks = await answer.json()
    assert peaks == {"duration_s": 1.0, "channels": [[98] * 2000, [0] * 2000]}
    monkeypatch.setattr(recording_peaks, "HEADER_BYTES", HEADER_BYTES - 1)  # from now on none could be read
    assert await (await browser.get("/console/calls/call_1/peaks.json")).json() == peaks


@pytest.mark.parametrize("what", ["recording", "peaks.json"])
async def test_sound_is_for_who_is_logged_in_alone(
    stranger: Browser, store: Store, artefacts: Artefacts, what: str
) -> None:
    await recorded(store, artefacts)
    answer = await stranger.get(f"/console/calls/call_1/{what}", allow_redirects=False)
    assert (answer.status, await answer.read()) == (303, b"")


async def test_a_call_without_a_recording_or_with_another_file_has_no_picture(
    browser: Browser, store: Store, artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.calls.save(a_call())
    for what in ("recording", "peaks.json"):
        assert "has no recording" in await text_of(browser, f"/console/calls/call_1/{what}", 404)
    await recorded(store, artefacts, b"RIFF")
    assert "does not begin with" in await text_of(browser, "/console/calls/call_1/peaks.json", 404)
    monkeypatch.setattr(recording_peaks, "LARGEST_BYTES", 3)
    assert "is larger than 3" in await text_of(browser, "/console/calls/call_1/peaks.json", 404)
    await artefacts.delete("call_1")
    assert "not any more" in await text_of(browser, "/console/calls/call_1/peaks.json", 404)
