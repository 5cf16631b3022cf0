"""Recordings and logs over HTTP: by signed links alone, whole and in parts, from the spool and from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.contract.call import Call
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.store.store import Store
from tests.api.conftest import NOW_MS, Api, StartApi, refused

NAME = ArtefactName("call_1", "recording.wav")
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
async def artefacts(tmp_path: Path) -> AsyncIterator[Artefacts]:
    store = ArtefactStore(str(tmp_path / "artefacts"))
    spool = Spool(tmp_path / "spool", store)
    await spool.start()
    yield Artefacts(spool, store, Links("", Links.key_of("key_1"), 3600))
    await spool.close()


@pytest.fixture
async def stored(artefacts: Artefacts) -> Artefacts:
    file = artefacts.spool.open(NAME.call_id, NAME.file)
    file.append(CONTENT)
    await file.finish()
    return artefacts


@pytest.fixture(params=["spool", "store"])
async def url(request: pytest.FixtureRequest, stored: Artefacts) -> str:
    if request.param == "store":
        await stored.store.keep(NAME, stored.spool.path_of(NAME))
    return stored.links.url(NAME, expires=True, now_ms=NOW_MS)


@pytest.fixture
async def keyless(start_api: StartApi, artefacts: Artefacts) -> Api:
    """Whoever has a link needs no key of the API."""
    api = await start_api(artefacts=artefacts)
    del api.session.headers["Authorization"]
    return api


async def test_a_link_answers_the_whole_file(keyless: Api, url: str) -> None:
    response = await keyless.get(url)
    assert response.status == 200
    assert await response.read() == CONTENT
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert 'filename="call_1-recording.wav"' in response.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=500000-", 500_000, 512_000), ("bytes=-12", 511_988, 512_000)],
)
async def test_a_player_may_jump(keyless: Api, url: str, asked: str, start: int, end: int) -> None:
    response = await keyless.get(url, headers={"Range": asked})
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/512000"
    assert await response.read() == CONTENT[start:end]


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "seconds=1-2", "bytes=x-y"])
async def test_a_range_that_is_not_understood_is_the_whole_file(keyless: Api, url: str, asked: str) -> None:
    response = await keyless.get(url, headers={"Range": asked})
    assert (response.status, await response.read()) == (200, CONTENT)


async def test_a_range_behind_the_end_is_416(keyless: Api, url: str) -> None:
    response = await keyless.get(url, headers={"Range": "bytes=512000-"})
    assert response.headers["Content-Range"] == "bytes */512000"
    assert "no such range" in await refused(response, 416)


async def test_a_range_of_another_state_of_the_file_is_all_of_it(keyless: Api, url: str) -> None:
    tag = (await keyless.head(url)).headers["ETag"]
    for condition, status in ((tag, 206), ('"another"', 200)):
        response = await keyless.get(url, headers={"Range": "bytes=0-9", "If-Range": condition})
        assert response.status == status
    assert (await keyless.get(url, headers={"If-None-Match": tag})).status == 304


async def test_head_answers_how_long_it_is(keyless: Api, url: str) -> None:
    response = await keyless.head(url)
    assert (response.status, response.headers["Content-Length"]) == (200, "512000")


@pytest.mark.parametrize("query", ["", "?signature=x", "?expires=99999999999&signature=x"])
async def test_a_link_that_was_guessed_is_403(keyless: Api, stored: Artefacts, query: str) -> None:
    assert "signature" in await refused(await keyless.get(f"/artefacts/call_1/recording.wav{query}"), 403)


async def test_a_link_that_is_too_old_is_403(keyless: Api, stored: Artefacts) -> None:
    old = stored.links.url(NAME, expires=True, now_ms=NOW_MS - 3_700_000)
    assert "expired" in await refused(await keyless.get(old), 403)


async def test_what_was_deleted_is_404(keyless: Api, stored: Artefacts, url: str) -> None:
    await stored.delete(NAME.call_id)
    assert "deleted" in await refused(await keyless.get(url), 404)


@pytest.mark.parametrize("path", ["/artefacts/call_1/..%2f.lock", "/artefacts/%2e%2e/a.wav", "/artefacts/a/b/c.wav"])
async def test_no_path_leads_elsewhere(keyless: Api, path: str) -> None:
    assert (await keyless.get(path)).status in {401, 404}


async def test_a_file_that_grows_is_answered_as_far_as_it_is(keyless: Api, artefacts: Artefacts) -> None:
    file = artefacts.spool.open(NAME.call_id, NAME.file)
    file.append(b"so far")
    await artefacts.spool.run_in_order(lambda: None)
    response = await keyless.get(artefacts.links.url(NAME, expires=False, now_ms=NOW_MS))
    assert await response.read() == b"so far"
    await file.finish()


def call(**fields: Any) -> Call:
    return Call(
        call_id="call_1",
        agent_id="agent_1",
        call_status=CallStatus.ENDED,
        disconnection_reason=DisconnectionReason.USER_HANGUP,
        direction="inbound",
        from_number="+14155550100",
        to_number="+14155550101",
        start_timestamp=NOW_MS - 10_000,
        end_timestamp=NOW_MS,
        **fields,
    )


@pytest.mark.parametrize(("expires", "lifetime_ms"), [(True, None), (True, 5000), (False, None)])
async def test_every_answer_of_a_call_has_links_that_are_good(
    start_api: StartApi, artefacts: Artefacts, store: Store, expires: bool, lifetime_ms: int | None
) -> None:
    old = artefacts.links.url(NAME, expires=expires, now_ms=NOW_MS - 10**9)
    fields = {"opt_in_signed_url": expires, "signed_url_expiration_ms": lifetime_ms, "recording_url": old}
    await store.calls.save(call(**fields), [])
    api = await start_api(artefacts=artefacts)
    answers = [
        await (await api.get("/v2/get-call/call_1")).json(),
        (await (await api.post("/v2/list-calls", json={})).json())[0],
        (await (await api.post("/v3/list-calls", json={})).json())["items"][0],
    ]
    for answer in answers:
        wanted = artefacts.links.url(NAME, expires=expires, lifetime_ms=lifetime_ms, now_ms=NOW_MS)
        assert answer["recording_url"] == wanted
        if lifetime_ms:
            assert f"expires={(NOW_MS + lifetime_ms) // 1000}&" in wanted


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("DELETE", "/v2/delete-call/call_1", None, 204),
        ("PATCH", "/v2/update-call/call_1", {"data_storage_setting": "everything_except_pii"}, 200),
        ("PATCH", "/v2/update-call/call_1", {"data_storage_setting": "basic_attributes_only"}, 200),
    ],
)
async def test_a_call_that_is_deleted_or_kept_more_strictly_has_no_files(
    start_api: StartApi, store: Store, url: str, artefacts: Artefacts, method: str, path: str, body: Any, status: int
) -> None:
    api = await start_api(artefacts=artefacts)
    call = Call(
        call_id="call_1",
        call_type="web_call",
        agent_id="a",
        call_status=CallStatus.ENDED,
        disconnection_reason=DisconnectionReason.USER_HANGUP,
    )
    await store.calls.save(call)
    assert (await api.get(url)).status == 200
    assert (await api.request(method, path, json=body)).status == status
    await refused(await api.get(url), 404)
    assert await artefacts.store.names("call_1") == []


async def test_a_setting_that_stays_as_it_is_leaves_the_files(
    start_api: StartApi, store: Store, url: str, artefacts: Artefacts
) -> None:
    api = await start_api(artefacts=artefacts)
    ended = {"call_type": "web_call", "call_status": "ended", "agent_id": "a"}
    strict = {"data_storage_setting": "everything_except_pii"}
    await store.calls.save(Call.model_validate({"call_id": "call_1", **ended, **strict}))
    for body in (strict, {"metadata": {"a": 1}}):
        assert (await api.patch("/v2/update-call/call_1", json=body)).status == 200
    assert (await api.get(url)).status == 200
