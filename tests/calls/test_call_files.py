from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool, SpoolFile
from ari_agent.calls.call_files import AbandonedFiles, CallFiles
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, finish_recording
from ari_agent.contract.call import Call
from ari_agent.errors import ArtefactError
from ari_agent.media.audio import LINEAR_16K, ULAW
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat

FIELDS = {"recording_url": MIXED_FILE, "recording_multi_channel_url": STEREO_FILE}


def a_call(**fields: Any) -> Call:
    numbers = {"direction": "inbound", "from_number": "1", "to_number": "2"}
    return Call.model_validate({"call_id": "call_1", "agent_id": "a", "call_status": "ongoing", **numbers, **fields})


@contextlib.asynccontextmanager
async def kept(folder: Path) -> AsyncIterator[Artefacts]:
    """The artefacts of one run of the controller."""
    store = ArtefactStore(str(folder / "store"))
    spool = Spool(folder / "spool", store, finishers={STEREO_FILE: finish_recording})
    left = await spool.start()
    moving = asyncio.create_task(spool.run())
    try:
        yield Artefacts(spool, store, Links("http://pbx", b"key", 60), left)
        for _ in range(1000):
            if spool.waiting:
                await asyncio.sleep(0.01)
    finally:
        moving.cancel()
        await spool.close()


def linked(links: Any) -> dict[str, str]:
    """The file that each field leads to."""
    return {name: url.partition("?")[0].rpartition("/")[2] for name, url in links.items()}


@pytest.mark.parametrize("expires", [False, True])
async def test_a_recording_is_linked_in_its_two_fields(tmp_path: Path, expires: bool) -> None:
    async with kept(tmp_path) as artefacts:
        files = CallFiles("call_1", artefacts)
        append = files.open_recording(WaveFormat(ULAW))
        append(b"\x12" * 16000)
        links = await files.finish(a_call(opt_in_signed_url=expires), 1_000)
        append(b"too late")
        assert await files.finish(a_call(), 1_000) == {}
    assert linked(links) == FIELDS
    assert all(("expires=61&" in url) is expires for url in links.values())
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "store" / "call_1").iterdir()}
    assert sizes == {STEREO_FILE: HEADER_BYTES + 16000, MIXED_FILE: HEADER_BYTES + 8000}
    assert not list((tmp_path / "spool").glob("call_*"))


async def test_the_links_live_as_long_as_the_calls_agent_says(tmp_path: Path) -> None:
    async with kept(tmp_path) as artefacts:
        files = CallFiles("call_1", artefacts)
        files.open_recording(WaveFormat(ULAW))(b"\x12" * 16000)
        links = await files.finish(a_call(opt_in_signed_url=True, signed_url_expiration_ms=7000), 1_000)
    assert linked(links) == FIELDS
    assert all("expires=8&" in url for url in links.values())


async def test_a_call_without_a_recording_has_no_link(tmp_path: Path) -> None:
    async with kept(tmp_path) as artefacts:
        assert await CallFiles("call_1", artefacts).finish(a_call(), 1_000) == {}


async def test_where_nothing_is_kept_audio_goes_nowhere() -> None:
    files = CallFiles("call_1", None)
    files.open_recording(WaveFormat(ULAW))(b"audio")
    assert await files.finish(a_call(), 1_000) == {}


async def test_a_call_that_nobody_answered_leaves_no_file(tmp_path: Path) -> None:
    async with kept(tmp_path) as artefacts:
        files = CallFiles("call_1", artefacts)
        files.open_recording(WaveFormat(ULAW))
        assert await files.finish(a_call(), 1_000) == {}
        assert not artefacts.spool.growing


async def test_a_disk_that_is_slow_to_complete_a_recording_costs_no_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, busy = SpoolFile.finish, threading.Event()
    monkeypatch.setattr(SpoolFile, "finish", lambda file: finish(file, timeout_s=0.05))
    async with kept(tmp_path) as artefacts:
        files = CallFiles("call_1", artefacts)
        files.open_recording(WaveFormat(ULAW))(b"\x12" * 16000)
        await artefacts.spool.run_in_order(lambda: None)
        waiting = artefacts.spool.run_in_order(lambda: busy.wait(5))
        links = await files.finish(a_call(), 1_000)
        busy.set()
        await waiting
        await artefacts.spool.run_in_order(lambda: None)
    assert linked(links) == FIELDS
    assert {file.name for file in (tmp_path / "store" / "call_1").iterdir()} == set(FIELDS.values())


async def test_what_a_crash_has_left_is_linked_at_the_next_start(tmp_path: Path) -> None:
    answered = a_call(start_timestamp=1)
    async with kept(tmp_path) as artefacts:
        CallFiles("call_1", artefacts).open_recording(WaveFormat(ULAW))(b"\x12" * 16000)
        await artefacts.spool.run_in_order(lambda: None)
    async with kept(tmp_path) as next_run:
        assert linked(await AbandonedFiles(next_run).links(answered, 1_000)) == FIELDS
    async with kept(tmp_path) as third:  # all is in the store by now
        files = AbandonedFiles(third)
        assert linked(await files.links(answered, 1_000)) == FIELDS
        assert await files.links(a_call(call_id="call_2", start_timestamp=1), 1_000) == {}
        assert await files.links(a_call(), 1_000) == {}, "of a call that was never answered"
    assert await AbandonedFiles(None).links(answered, 1_000) == {}


async def test_a_store_out_of_reach_is_asked_once_and_keeps_no_record_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def names(_: object, call_id: str) -> list[ArtefactName]:
        raise ArtefactError(f"no answer about {call_id}")

    monkeypatch.setattr(ArtefactStore, "names", names)
    async with kept(tmp_path) as artefacts:
        files = AbandonedFiles(artefacts)
        for call_id in ("call_1", "call_2"):
            assert await files.links(a_call(call_id=call_id, start_timestamp=1), 1_000) == {}
    assert "no answer about call_1" in caplog.text
    assert "call_2" not in caplog.text


@pytest.mark.parametrize("same_format", [True, False])
async def test_the_recording_of_a_resumed_call_goes_on_behind_silence(tmp_path: Path, same_format: bool) -> None:
    before, after = b"\x12" * 16000, b"\x34" * 8000
    spool = Spool(tmp_path / "spool", ArtefactStore(str(tmp_path / "store")))
    await spool.start()
    file = spool.open("call_1", STEREO_FILE)
    file.append(WaveFormat(ULAW).header() + before)
    await spool.run_in_order(lambda: None)
    spool._thread.shutdown()  # as a crash ends it
    assert spool._lock is not None
    os.close(spool._lock)
    async with kept(tmp_path) as artefacts:
        assert set(linked(AbandonedFiles(artefacts).held_links(a_call(), 1_000)).values()) == set(FIELDS.values())
        files = CallFiles("call_1", artefacts)
        assert await files.resume() == 1.0
        append = files.open_recording(WaveFormat(ULAW if same_format else LINEAR_16K))
        files.resume_at(3.0)
        append(after)
        await files.finish(a_call(), 1_000)
        artefacts.spool.let_go("call_1")
    recording = (tmp_path / "store/call_1" / STEREO_FILE).read_bytes()
    assert recording[HEADER_BYTES:] == (before + b"\xff" * 32000 + after if same_format else before)


async def test_a_resumed_call_without_a_recording_begins_one(tmp_path: Path) -> None:
    assert await CallFiles("call_1", None).resume() == 0.0
    assert AbandonedFiles(None).held_links(a_call(), 1_000) == {}
    async with kept(tmp_path) as artefacts:
        files = CallFiles("call_1", artefacts)
        assert await files.resume() == 0.0
        append = files.open_recording(WaveFormat(ULAW))
        files.resume_at(3.0)
        append(b"\x12" * 16000)
        await files.finish(a_call(), 1_000)
    assert (tmp_path / "store/call_1" / STEREO_FILE).stat().st_size == HEADER_BYTES + 16000
