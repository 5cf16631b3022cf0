"""What `ari-agent check` says of the places of recordings and logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ari_agent.check.artefacts import try_folder, try_store
from ari_agent.check.finding import Status
from tests.fakes.s3_server import S3Server


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


async def test_a_bucket_is_tried_out_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    async with S3Server() as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        (found,) = await try_store("s3://calls/our")
        assert (found.status, found.what) == (Status.OK, "s3://calls/our takes recordings and logs")
        assert bucket.objects == {}
        bucket.is_away = True
        (found,) = await try_store("s3://calls/our")
        assert found.status is Status.FAILED
        assert found.what.startswith("ARI_AGENT_ARTEFACTS_URL: a probe was not stored")
        assert "hidden-key" not in str(found)


async def test_a_place_that_cannot_be_one_is_named() -> None:
    (found,) = await try_store("ftp://example.com")
    assert found.status is Status.FAILED
    assert "ARI_AGENT_ARTEFACTS_URL" in found.what
