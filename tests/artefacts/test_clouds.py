"""Artefacts in S3, Google Cloud Storage and Azure: the store's whole life, and a recorded call's, by `serve`.

Behind the programs of others where they are installed (`make test-clouds`), else in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.check.artefacts import try_store
from ari_agent.check.finding import Status
from ari_agent.errors import ArtefactError
from tests.artefacts.test_artefact_store import made, whole
from tests.calls.web.killed_calls import AUDIO, RATE_HZ, greet
from tests.fakes.clouds import Cloud, cloud, missing
from tests.fakes.controller import Controller
from tests.fakes.controller_alone import controller_alone
from tests.fakes.sound import tone
from tests.fakes.web_client import WebFrontEnd

pytestmark = pytest.mark.slow

OTHERS = [("s3", "moto_server"), ("gs", "moto_server"), ("az", "azurite-blob")]
LONG, SHORT, NEVER = (ArtefactName("call_1", file) for file in ("recording.wav", "public-log.jsonl", "never.wav"))


@pytest.fixture
async def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    kind, program = request.param
    if why := missing(program):
        pytest.skip(why)
    async with cloud(kind, program) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.mark.parametrize("bucket", OTHERS, indirect=True)
async def test_a_store_lives_in_the_servers_of_others(bucket: Cloud, tmp_path: Path) -> None:
    store = ArtefactStore(bucket.place)
    audio = bytes(range(256)) * 50_000  # more than one part of an upload
    await store.keep(LONG, made(tmp_path, audio))
    await store.keep(SHORT, made(tmp_path, b"{}\r\n\x00{}"))
    assert not (tmp_path / "made").exists()
    found = await store.find(LONG)
    assert found is not None
    assert found.size_bytes == len(audio)
    assert await store.find(NEVER) is None
    assert await whole(store.read(LONG, 1_000, 9_000_000)) == audio[1_000:9_000_000]
    assert await whole(store.read(SHORT, 2, 5)) == b"\r\n\x00"
    with pytest.raises(ArtefactError, match="there is no such object"):
        await whole(store.read(NEVER, 0, 5))
    await store.keep(SHORT, made(tmp_path, b"again"))
    assert await whole(store.read(SHORT, 0, 5)) == b"again"
    assert sorted(await store.names("call_1")) == sorted([LONG, SHORT])
    assert await store.names("call_") == []
    assert sorted([each.name async for each in store.all()]) == sorted([LONG, SHORT])
    await store.delete([NEVER, SHORT, NEVER, LONG])
    await store.delete([LONG])
    assert await store.names("call_1") == []
    (checked,) = await try_store(bucket.place)
    assert checked.status is Status.OK
    (checked,) = await try_store(bucket.place.replace("calls", "other"))
    assert "there is no such bucket or container (404" in checked.what
    with pytest.raises(ArtefactError, match="there is no such bucket"):
        await ArtefactStore(bucket.place.replace("calls", "other")).delete([LONG])
    await bucket.go()
    file = made(tmp_path, b"x")
    with pytest.raises(ArtefactError, match="the server is not reached"):
        await store.keep(LONG, file)
    assert file.exists()


async def test_a_wrong_key_is_told_without_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if why := missing("azurite-blob"):  # moto looks at no key
        pytest.skip(why)
    async with cloud("az", "azurite-blob") as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "aGlkZGVu")
        (checked,) = await try_store(bucket.place)
    assert checked.status is Status.FAILED
    assert "the credentials are refused" in checked.what
    assert "aGlkZGVu" not in str(checked)


@pytest.mark.parametrize("bucket", [("gs", ""), *OTHERS], indirect=True)
async def test_what_a_web_call_leaves_is_in_the_bucket_and_goes_with_the_call(bucket: Cloud, tmp_path: Path) -> None:
    store = ArtefactStore(bucket.place)
    settings = {"RECORDING": "on", "PUBLIC_URL": "", "ARTEFACTS_URL": bucket.place}
    async with controller_alone(tmp_path, greet, **settings) as (controller, agent_id):
        call_id = await _call(controller, agent_id)
        await _until_stored(controller)
        stored = {name.file for name in await store.names(call_id)}
        assert stored == {"recording.wav", "recording_multi_channel.wav", "public.log.jsonl"}
        assert list((tmp_path / "spool").glob("*/*")) == []
        await _is_served(await controller.ended_call(call_id))
        deleted = await controller.request("DELETE", f"/v2/delete-call/{call_id}")
        assert deleted.status == 204
        assert await store.names(call_id) == []

        await bucket.go()
        call_id = await _call(controller, agent_id)
        await controller.logged("was not stored")
        await _is_served(await controller.ended_call(call_id))  # of the spool
        await bucket.come_back()
        await _until_stored(controller)
        assert {name.file for name in await store.names(call_id)} == stored
        await _is_served(await controller.ended_call(call_id))
        await controller.stop()
    assert bucket.secret not in controller.log_text()


async def _call(controller: Controller, agent_id: str) -> str:
    """Make a call of two seconds, and return its id."""
    registered = await controller.post("/register-call", {"agent_id": agent_id, **AUDIO}, expect=201)
    call_id: str = registered.json["call_id"]
    async with WebFrontEnd(
        f"{controller.url.replace('http', 'ws')}/audio-websocket/{call_id}", rate_hz=RATE_HZ
    ) as front:
        await front.until(lambda: front.audio)
        for _ in range(15):
            await front.say(tone(440, seconds=0.1, rate_hz=RATE_HZ), samples=1600)
            await asyncio.sleep(0.1)
    await controller.ended_call(call_id)
    return call_id


async def _until_stored(controller: Controller) -> None:
    for _ in range(600):
        waiting = (await controller.metrics())["ari_agent_spool_files_waiting"]
        if not waiting and not list((controller.folder / "spool").glob("*/*")):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"the bucket has not got everything: {controller.log_tail()}")


async def _is_served(call: dict[str, str]) -> None:
    """Each link gives the whole file, and a part of it."""
    links = {
        "recording_url": "audio/wav",
        "recording_multi_channel_url": "audio/wav",
        "public_log_url": "application/x-ndjson",
    }
    async with aiohttp.ClientSession() as http:
        for link, content_type in links.items():
            async with http.get(call[link]) as response:
                assert (response.status, response.content_type) == (200, content_type)
                all_of_it = await response.read()
            async with http.get(call[link], headers={"Range": "bytes=10-99"}) as response:
                assert (response.status, await response.read()) == (206, all_of_it[10:100])
                assert response.headers["Content-Range"] == f"bytes 10-99/{len(all_of_it)}"
