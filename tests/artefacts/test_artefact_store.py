"""The store of finished artefacts: a folder, and a bucket behind S3's API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.errors import ArtefactError, ConfigurationError
from tests.fakes.bucket_server import BucketServer

NAME, OTHER = ArtefactName("call_1", "recording.wav"), ArtefactName("call_2", "public-log.jsonl")


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(str(tmp_path / "kept"))


def made(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "made"
    path.write_bytes(content)
    return path


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_a_file_is_moved_in_found_read_and_removed(store: ArtefactStore, tmp_path: Path) -> None:
    file = made(tmp_path, bytes(range(256)) * 4000)
    await store.keep(NAME, file)
    assert not file.exists()
    found = await store.find(NAME)
    assert found is not None
    assert found.size_bytes == 1_024_000
    assert await whole(store.read(NAME, 1_000, 600_000)) == (bytes(range(256)) * 4000)[1_000:600_000]
    await store.delete([NAME])
    assert await store.find(NAME) is None
    assert not any((tmp_path / "kept").iterdir())


async def test_what_is_kept_again_takes_the_place_of_the_first(store: ArtefactStore, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        await store.keep(NAME, made(tmp_path, content))
    assert await whole(store.read(NAME, 0, 6)) == b"second"


async def test_all_of_a_call_and_of_the_store_are_listed(store: ArtefactStore, tmp_path: Path) -> None:
    for name in (NAME, OTHER):
        await store.keep(name, made(tmp_path, b"x"))
    (tmp_path / "kept" / "somebody's.txt").write_text("not ours")
    assert await store.names("call_1") == [NAME]
    assert await store.names("call_") == []
    assert sorted([stored.name async for stored in store.all()]) == [NAME, OTHER]


async def test_to_remove_what_is_not_there_is_no_failure(store: ArtefactStore) -> None:
    await store.delete([NAME, OTHER])


async def test_a_file_that_is_not_there_cannot_be_kept(store: ArtefactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"call_1/recording\.wav was not stored"):
        await store.keep(NAME, tmp_path / "none")


async def test_a_folder_on_another_disk_takes_files_whole(small_disk: Path, tmp_path: Path) -> None:
    store = ArtefactStore(str(small_disk))
    await store.keep(NAME, made(tmp_path, b"whole"))
    assert await whole(store.read(NAME, 0, 5)) == b"whole"
    file = made(tmp_path, bytes(2_000_000))
    with pytest.raises(ArtefactError, match="No space left"):
        await store.keep(OTHER, file)
    assert file.exists()
    assert await store.find(OTHER) is None
    assert [stored.name async for stored in store.all()] == [NAME]


@pytest.mark.parametrize("place", ["ftp://example.com/x", "http://example.com", "s3:///", "/proc/nowhere/x"])
def test_a_place_that_cannot_be_one_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError, match="artefacts cannot be kept at"):
        ArtefactStore(place)


def test_what_people_are_shown_of_a_url_holds_no_query() -> None:
    with pytest.raises(ConfigurationError) as refused:
        ArtefactStore("ftp://example.com/x?secret=1")
    assert "secret" not in str(refused.value)


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BucketServer]:
    async with BucketServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("cloud", ["s3", "gs"])
async def test_a_bucket_does_the_same(bucket: BucketServer, tmp_path: Path, cloud: str) -> None:
    store = ArtefactStore(f"{cloud}://calls/our/pbx")
    file = made(tmp_path, b"0123456789")
    await store.keep(NAME, file)
    assert not file.exists()
    assert bucket.objects == {"our/pbx/call_1/recording.wav": (b"0123456789", "audio/wav")}
    found = await store.find(NAME)
    assert found is not None
    assert found.size_bytes == 10
    assert await whole(store.read(NAME, 2, 5)) == b"234"
    assert await store.names("call_1") == [NAME]
    assert await store.names("call_") == []
    assert [stored.name async for stored in store.all()] == [NAME]
    await store.delete([OTHER, NAME, OTHER])
    assert await store.find(NAME) is None
    assert bucket.unsigned == 0


@pytest.mark.parametrize("cloud", ["s3", "gs"])
async def test_of_a_bucket_that_is_not_there_nothing_counts_as_removed(bucket: BucketServer, cloud: str) -> None:
    with pytest.raises(ArtefactError, match=r"not removed: there is no such bucket or container \(404 NoSuchBucket"):
        await ArtefactStore(f"{cloud}://other").delete([NAME])


def test_what_people_are_shown_of_a_bucket_holds_no_user() -> None:
    assert ArtefactStore("s3://id:hidden-key@calls/our?x=hidden-key").shown == "s3://calls/our"


async def test_a_bucket_that_is_away_is_said_in_one_line(bucket: BucketServer, tmp_path: Path) -> None:
    bucket.is_away = True
    store = ArtefactStore("s3://calls")
    file = made(tmp_path, b"x")
    with pytest.raises(ArtefactError) as failed:
        await store.keep(NAME, file)
    assert "\n" not in str(failed.value)
    assert "hidden-key" not in str(failed.value)
    assert file.exists()
