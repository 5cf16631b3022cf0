"""Recordings without personal data: silence where it was said, and none where nobody knows when that was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.calls.media.recording_file import MIXED_FILE, STEREO_FILE, filler_of
from ari_agent.calls.record_writer import RecordWriter
from ari_agent.calls.scrubbed_recording import (
    FINISHERS,
    MARGIN_S,
    SCRUBBED_MIXED_FILE,
    SCRUBBED_STEREO_FILE,
    kept_recordings,
    silenced,
)
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.transcript import TranscriptUpdate
from ari_agent.errors import ArtefactError
from ari_agent.media.audio import LINEAR_16K, ULAW
from ari_agent.media.wave_file import HEADER_BYTES, WaveFormat
from ari_agent.pii.scrubber import TimeSpan
from ari_agent.store.store import Store
from tests.calls.test_record import agent, record
from tests.store.samples import a_call

CARD = "4111 1111 1111 1111"
SECONDS = 6
STEREO = WaveFormat(ULAW, 2)
LOUD = b"\x10\x20"


@dataclass
class Place:
    artefacts: Artefacts

    async def record(self, call_id: str = "call_1") -> None:
        """Six seconds of two different tones, left and right."""
        file = self.artefacts.spool.open(call_id, STEREO_FILE, filler=filler_of(STEREO))
        file.append(STEREO.header())
        file.append(LOUD * STEREO.samples.rate_hz * SECONDS)
        assert len(await file.finish()) == 2

    async def audio(self, file: str) -> bytes | None:
        async with self.artefacts.opened(ArtefactName("call_1", file)) as found:
            return b"".join([piece async for piece in found.read(0, found.size_bytes)]) if found else None

    async def files(self) -> set[str]:
        files = (STEREO_FILE, MIXED_FILE, SCRUBBED_STEREO_FILE, SCRUBBED_MIXED_FILE)
        return {file for file in files if await self.audio(file) is not None}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    store = ArtefactStore(str(tmp_path / "store"))
    spool = Spool(tmp_path / "spool", store, finishers=FINISHERS)
    await spool.start()
    yield Place(Artefacts(spool, store, Links("http://127.0.0.1", b"key", 60)))
    await spool.close()


CALL = a_call(call_status="ended", recording_url="http://127.0.0.1/x", recording_multi_channel_url="http://127.0.0.1/y")
SPANS = [TimeSpan(1.0, 2.0), TimeSpan(4.0, 4.5)]
ALL = {STEREO_FILE, MIXED_FILE, SCRUBBED_STEREO_FILE, SCRUBBED_MIXED_FILE}


def loud_seconds(audio: bytes, block_bytes: int, silence: bytes) -> list[tuple[float, float]]:
    """When there is sound, in seconds from the beginning."""
    blocks = [audio[at : at + block_bytes] != silence * block_bytes for at in range(0, len(audio), block_bytes)]
    edges = [at for at in range(1, len(blocks)) if blocks[at] != blocks[at - 1]]
    bounds = [0, *edges, len(blocks)]
    return [(begin / 8000, end / 8000) for begin, end in pairwise(bounds) if blocks[begin]]


LEFT_LOUD = [(0, 1 - MARGIN_S), (2 + MARGIN_S, 4 - MARGIN_S), (4.5 + MARGIN_S, SECONDS)]


async def test_in_both_files_there_is_silence_where_personal_data_was_said(place: Place) -> None:
    await place.record()
    changes = await kept_recordings(place.artefacts, CALL, frozenset({"credit_card"}), SPANS, now_ms=0)
    assert set(changes) == {"scrubbed_recording_url", "scrubbed_recording_multi_channel_url"}
    assert await place.files() == ALL
    stereo, mono = await place.audio(SCRUBBED_STEREO_FILE), await place.audio(SCRUBBED_MIXED_FILE)
    assert stereo
    assert mono
    assert stereo[:HEADER_BYTES] == STEREO.header(len(stereo) - HEADER_BYTES)
    assert len(stereo) == HEADER_BYTES + SECONDS * STEREO.bytes_per_s
    assert loud_seconds(stereo[HEADER_BYTES:], 2, b"\xff") == LEFT_LOUD
    assert loud_seconds(mono[HEADER_BYTES:], 1, b"\xff") == LEFT_LOUD
    assert await place.audio(STEREO_FILE) == STEREO.header(96_000) + LOUD * 48_000


async def test_of_a_call_without_personal_data_only_the_scrubbed_recordings_are_kept(place: Place) -> None:
    await place.record()
    call = CALL.model_copy(update={"data_storage_setting": "everything_except_pii"})
    changes = await kept_recordings(place.artefacts, call, None, SPANS, now_ms=0)
    assert (changes["recording_url"], changes["recording_multi_channel_url"]) == (None, None)
    assert "/scrubbed_recording.wav?" in str(changes["scrubbed_recording_url"])
    assert await place.files() == {SCRUBBED_STEREO_FILE, SCRUBBED_MIXED_FILE}
    while place.artefacts.spool.waiting:
        assert await place.artefacts.spool._move_all()
    assert {name.file for name in await place.artefacts.store.names("call_1")} == {
        SCRUBBED_STEREO_FILE,
        SCRUBBED_MIXED_FILE,
    }


@pytest.mark.parametrize(
    ("setting", "left"), [("everything_except_pii", set()), ("everything", {STEREO_FILE, MIXED_FILE})]
)
async def test_where_nobody_knows_when_it_was_said_there_is_no_scrubbed_recording(
    place: Place, setting: str, left: set[str]
) -> None:
    await place.record()
    half = place.artefacts.spool.open("call_1", SCRUBBED_STEREO_FILE)  # by an earlier run, which died meanwhile
    half.append(STEREO.header())
    await half.finish()
    call = CALL.model_copy(update={"data_storage_setting": setting})
    changes = await kept_recordings(place.artefacts, call, frozenset({"email"}), None, now_ms=0)
    assert not any(changes.values())
    assert await place.files() == left


async def test_of_basic_attributes_no_recording_is_kept(place: Place) -> None:
    await place.record()
    call = CALL.model_copy(update={"data_storage_setting": "basic_attributes_only"})
    assert set((await kept_recordings(place.artefacts, call, frozenset({"email"}), SPANS, now_ms=0)).values()) == {None}
    assert await place.files() == set()


async def test_calls_that_are_not_recorded_or_not_scrubbed_are_left(place: Place) -> None:
    await place.record()
    assert await kept_recordings(place.artefacts, CALL, None, SPANS, now_ms=0) == {}
    assert await kept_recordings(place.artefacts, a_call(), frozenset({"email"}), SPANS, now_ms=0) == {}
    assert await place.files() == {STEREO_FILE, MIXED_FILE}


async def test_a_file_that_is_gone_or_damaged_gives_no_scrubbed_recording(place: Place) -> None:
    assert await kept_recordings(place.artefacts, CALL, frozenset({"email"}), SPANS, now_ms=0) == {}
    damaged = place.artefacts.spool.open("call_1", STEREO_FILE)
    damaged.append(b"no recording")
    await damaged.finish()
    assert await kept_recordings(place.artefacts, CALL, frozenset({"email"}), SPANS, now_ms=0) == {}


async def test_what_cannot_be_removed_has_no_link(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise ArtefactError("the store is away")

    await place.record()
    monkeypatch.setattr(ArtefactStore, "delete", away)
    call = CALL.model_copy(update={"data_storage_setting": "everything_except_pii"})
    changes = await kept_recordings(place.artefacts, call, None, SPANS, now_ms=0)
    assert changes["recording_url"] is None


@pytest.mark.parametrize("recording", [STEREO, WaveFormat(LINEAR_16K, 2)])
def test_pieces_of_any_size_are_silenced_alike(recording: WaveFormat) -> None:
    audio = b"\x11" * (recording.bytes_per_s * 3)
    spans = [TimeSpan(0.0, 0.1), TimeSpan(1.0, 1.5), TimeSpan(2.9, 99.0)]
    whole = silenced(audio, 0, recording, spans)
    for size in (recording.block_bytes, 1001, 20_000):
        pieces: Sequence[bytes] = [
            silenced(audio[at : at + size], at, recording, spans) for at in range(0, len(audio), size)
        ]
        assert b"".join(pieces) == whole
    assert whole[0] == filler_of(recording)[0] != whole[recording.bytes_per_s // 2]


async def test_the_record_has_its_links_when_the_call_ends(place: Place, tmp_path: Path) -> None:
    await place.record()
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    writer = RecordWriter(store, account_webhook_url=None, artefacts=place.artefacts)
    one = record(agent(data_storage_setting="everything_except_pii"))
    one.answered(1_000)
    words = [{"word": "It is", "start": 0.5, "end": 1.0}, {"word": CARD, "start": 1.0, "end": 2.0}]
    said = {"role": "user", "content": f"It is {CARD}", "words": words}
    one.said(TranscriptUpdate.model_validate({"transcript": [said]}))
    one.left_behind({"recording_url": "http://127.0.0.1/recording.wav"})
    await writer.end(one, DisconnectionReason.USER_HANGUP, 7_000)
    call = await store.calls.get("call_1")
    assert call
    assert call.recording_url is None
    assert "scrubbed_recording.wav" in str(call.scrubbed_recording_url)
    assert call.transcript == "User: It is [credit_card]\n"
    stereo = await place.audio(SCRUBBED_STEREO_FILE)
    assert stereo
    assert loud_seconds(stereo[HEADER_BYTES:], 2, b"\xff") == [(0, 1 - MARGIN_S), (2 + MARGIN_S, SECONDS)]
    await store.close()


async def test_of_a_call_that_died_no_recording_is_kept_that_should_be_without_personal_data(
    place: Place, tmp_path: Path
) -> None:
    await place.record()
    store = Store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    call = a_call(data_storage_setting="everything_except_pii")
    await store.calls.save(call, (), CallRecovery.of(agent(data_storage_setting="everything_except_pii")))
    left = {"call_1": [ArtefactName("call_1", file) for file in (STEREO_FILE, MIXED_FILE)]}
    artefacts = replace(place.artefacts, left=left)
    await RecordWriter(store, account_webhook_url=None, artefacts=artefacts).close_abandoned(9_000)
    found = await store.calls.get("call_1")
    assert found
    assert (found.recording_url, found.scrubbed_recording_url) == (None, None)
    assert await place.files() == set()
    await store.close()
