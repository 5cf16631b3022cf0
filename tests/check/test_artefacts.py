"""What `ari-agent check` says of the places of recordings and logs."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ari_agent.check.artefacts import try_folder, try_store
from ari_agent.check.finding import Status
from tests.fakes.bucket_server import BucketServer


def folder(path: Path) -> tuple[Status, str]:
    (found,) = try_folder("ARI_AGENT_SPOOL_DIR", path, holds="logs grow")
    return found.status, str(found)


def test_a_folder_that_is_to_be_made_is_not_made(tmp_path: Path) -> None:
    status, text = folder(tmp_path / "a" / "b")
    assert status in {Status.OK, Status.WARNING}  # how full the disk is, is its own matter
    assert f"logs grow in {tmp_path / 'a' / 'b'}; " in text
    assert not (tmp_path / "a").exists()


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, text = folder(tmp_path / "file" / "spool")
    assert status is Status.FAILED
    assert text.startswith(f"ARI_AGENT_SPOOL_DIR: {tmp_path / 'file'} is no folder")


async def test_a_folder_may_be_the_store(tmp_path: Path) -> None:
    (found,) = await try_store(str(tmp_path / "kept"))
    assert "recordings and logs are kept" in found.what
    assert not (tmp_path / "kept").exists()


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BucketServer]:
    async with BucketServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize("place", ["s3://calls/our", "gs://calls/our"])
async def test_a_bucket_is_tried_out_and_left_as_it_was(bucket: BucketServer, place: str) -> None:
    (found,) = await try_store(place)
    assert (found.status, found.what) == (Status.OK, f"{place} takes recordings and logs")
    assert bucket.objects == {}
    bucket.is_away = True
    (found,) = await try_store(place)
    assert found.status is Status.FAILED
    assert found.what.startswith("ARI_AGENT_ARTEFACTS_URL: a probe was not stored")
    assert "does not serve now" in found.what
    assert place in found.what
    assert "hidden-key" not in str(found)


@pytest.mark.parametrize("cloud", ["s3", "gs"])
async def test_a_bucket_that_is_not_there_is_told(bucket: BucketServer, cloud: str) -> None:
    (found,) = await try_store(f"{cloud}://other")
    assert found.status is Status.FAILED
    assert "there is no such bucket or container (404 NoSuchBucket" in found.what
    assert "make it" in found.remedy


RIGHTS = {
    "PUT": "a probe was not stored",
    "HEAD": "cannot be looked up",
    "GET": "cannot be read",
    "LIST": "artefacts cannot be listed",
    "DELETE": "artefacts were not removed",
}


@pytest.mark.parametrize(("right", "told"), RIGHTS.items())
async def test_a_right_that_is_missing_is_named(bucket: BucketServer, right: str, told: str) -> None:
    bucket.forbids = {right}
    (found,) = await try_store("gs://calls")
    assert found.status is Status.FAILED
    assert told in found.what
    assert "lack the right to that" in found.what


@pytest.mark.parametrize(
    ("place", "variable", "told"),
    [
        ("s3://calls", "AWS_ACCESS_KEY_ID", "the credentials are refused"),
        ("gs://calls", "GOOGLE_BEARER_TOKEN", "the credentials are refused"),
        ("s3://calls", "AWS_ENDPOINT_URL", "no request can be made of the settings"),
        ("gs://calls", "GOOGLE_SERVICE_ACCOUNT_KEY", "service account"),
    ],
)
async def test_a_wrong_setting_is_told_without_its_value(
    bucket: BucketServer, monkeypatch: pytest.MonkeyPatch, place: str, variable: str, told: str
) -> None:
    monkeypatch.setenv(variable, '"wrong secret"')
    (found,) = await try_store(place)
    assert found.status is Status.FAILED
    assert told in found.what
    assert "secret" not in str(found)


async def test_a_bucket_whose_server_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "x")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("GOOGLE_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        (found,) = await try_store("gs://calls", patience_s=0.2)
    assert found.status is Status.FAILED
    assert found.what == "ARI_AGENT_ARTEFACTS_URL: gs://calls has not taken a probe within 0.2 s"


async def test_a_place_that_cannot_be_one_is_named() -> None:
    (found,) = await try_store("ftp://example.com")
    assert found.status is Status.FAILED
    assert "ARI_AGENT_ARTEFACTS_URL" in found.what
