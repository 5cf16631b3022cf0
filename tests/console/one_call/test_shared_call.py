"""A link that shows one call for a day to whoever has it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.console.login.login_session import LoginSession, LoginSigner, Role
from ari_agent.console.one_call.call_log import log_lines
from ari_agent.console.one_call.recording_choice import recording_of
from ari_agent.console.one_call.shown_to_others import for_others
from ari_agent.store.store import Store
from tests.console.conftest import (
    NOW_MS,
    READ_ONLY_KEY,
    Browser,
    Clock,
    a_call,
    csrf_token,
    keep_file,
    log_in,
    text_of,
)
from tests.console.one_call.test_call_page import lines
from tests.console.one_call.test_call_sound import AUDIO, recorded

DAY_MS = 86_400_000


@pytest.fixture
async def other(browser: Browser) -> AsyncIterator[Browser]:
    """Somebody else's browser, without a login."""
    server = browser.server
    assert isinstance(server, TestServer)
    client: Browser = TestClient(server, cookie_jar=CookieJar(unsafe=True))
    yield client
    await client.session.close()


async def shared(browser: Browser) -> str:
    """Have the link to call_1 made, and return its path."""
    form = {"csrf_token": await csrf_token(browser)}
    answer = await browser.post("/console/calls/call_1/share", data=form)
    page = await answer.text()
    assert answer.status == 200, page
    found = re.search(r'value="http://127\.0\.0\.1:\d+(/console/shared/[^"]+)"', page)
    assert found and "2025-10-10 08:53:20 UTC" in page, page
    return found[1]


async def test_whoever_has_the_link_sees_that_one_call_and_hears_it(
    browser: Browser, other: Browser, store: Store, artefacts: Artefacts
) -> None:
    log_url = await keep_file(artefacts, "call_1", "log.jsonl", lines({"event": "fault", "content": "it stalled"}))
    await recorded(store, artefacts, public_log_url=log_url, access_token="secret_token")
    path = await shared(browser)
    answer = await other.get(path)
    page = await answer.text()
    assert answer.status == 200 and "The caller hung up." in page and "it stalled" in page
    assert "It can be seen until" in page and "2025-10-10 08:53:20 UTC" in page
    assert answer.headers["X-Robots-Tag"].startswith("noindex") and '<meta name="robots" content="noindex' in page
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    # no way to anything else: no other page, no action, no link that lasts longer
    assert {*re.findall(r'(?:href|action|src)="([^"]+)"', page)} - {f"{path}/recording"} == {
        *re.findall(r'"(/console/static/[^"]+)"', page),
        *re.findall(r'"(#[^"]+)"', page),
        *re.findall(r'"(\?[^"]*#log)"', page),
    }
    for hidden in ('<nav aria-label="Pages"', "<form", "signature=", "secret_token", "get-call"):
        assert hidden not in page, hidden
    part = await other.get(f"{path}/recording", headers={"Range": "bytes=58-61"})
    assert (part.status, await part.read()) == (206, AUDIO[:4])
    assert (await (await other.get(f"{path}/peaks.json")).json())["duration_s"] == 1.0
    for elsewhere in ("/console", "/console/calls/call_1", "/console/calls", "/console/calls/call_1/recording"):
        assert (await other.get(elsewhere, allow_redirects=False)).status == 303, elsewhere


async def test_an_old_link_a_changed_one_and_one_of_another_kind_are_refused(
    browser: Browser, other: Browser, store: Store, clock: Clock
) -> None:
    await store.calls.save(a_call())
    await store.calls.save(a_call("call_2"))
    path = await shared(browser)
    call_id, until, signature = path.rpartition("/")[2].split(".")
    signer = LoginSigner.of_keys("key_of_the_api", READ_ONLY_KEY)
    for token in (
        f"call_2.{until}.{signature}",
        f"{call_id}.{int(until) + 1}.{signature}",
        f"{call_id}.{until}.{signature[:-1]}",
        f"{call_id}.{until}",
        "x" * 500,
        "%00.%ff",
        LoginSigner.of_keys("another key").share_token("call_1", expires_s=int(until)),
        signer.login_code("call_1", expires_s=int(until)),
        signer.cookie(LoginSession(Role.ADMIN, int(until), "x")),
    ):
        for part in ("", "/recording", "/peaks.json"):
            assert "This link is not good" in await text_of(other, f"/console/shared/{token}{part}", 403), token
    clock.now_ms = NOW_MS + DAY_MS - 1000
    await text_of(other, path)
    clock.now_ms = NOW_MS + DAY_MS
    assert "This link is not good" in await text_of(other, path, 403)


async def test_a_link_is_made_by_who_may_change_things_alone(stranger: Browser, store: Store) -> None:
    await store.calls.save(a_call())
    await log_in(stranger, READ_ONLY_KEY)
    form = {"csrf_token": await csrf_token(stranger)}
    assert (await stranger.post("/console/calls/call_1/share", data=form)).status == 403
    assert "Share for a day" not in await text_of(stranger, "/console/calls/call_1")
    await log_in(stranger, "key_of_the_api")
    assert (await stranger.post("/console/calls/call_1/share", data={})).status == 403
    form = {"csrf_token": await csrf_token(stranger)}
    assert (await stranger.post("/console/calls/call_none/share", data=form)).status == 422
    assert "Share for a day" in await text_of(stranger, "/console/calls/call_1")


async def test_the_token_is_in_no_log(
    browser: Browser, other: Browser, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await store.calls.save(a_call())
    path = await shared(browser)
    await text_of(other, path)
    monkeypatch.setattr("ari_agent.console.one_call.shared_call.read_call", None)
    assert "This page failed" in await text_of(other, path, 500)
    logged = [record for record in caplog.records if record.name.startswith("ari_agent.console")]
    assert any(record.msg == "a page of the console failed" for record in logged)
    token = path.rpartition("/")[2]
    assert not any(token in str(record.__dict__) for record in logged)


def test_what_was_scrubbed_is_shared_without_personal_data() -> None:
    said = [{"role": "user", "content": "I am Ann", "words": []}]
    scrubbed = [{"role": "user", "content": "I am [person_name]", "words": []}]
    log = log_lines(
        lines({"event": "turn", "what": "user_heard", "content": "I am Ann"}, {"event": "state"})
        + b'{"event": "turn", "content": "I am An\n'  # the disk was full
    )
    plain = a_call(transcript="User: I am Ann", transcript_with_tool_calls=said)
    assert for_others(plain, log) == (plain, log)
    recording = {"recording_url": "https://x/artefacts/call_1/recording.wav?s=1"}
    told = {
        "collected_dynamic_variables": {"name": "Ann"},
        "call_analysis": {"call_summary": "Ann called."},
        **recording,
    }
    call, shown = for_others(
        plain.model_validate({**plain.as_json(), **told, "scrubbed_transcript_with_tool_calls": scrubbed}),
        log,
    )
    assert "Ann" not in str(call.as_json()) and "[person_name]" in str(call.as_json())
    assert recording_of(call) is not None
    assert recording_of(call, for_others=True) is None  # nobody could take the words out of it
    assert recording_of(plain.model_copy(update=recording), for_others=True) is not None
    assert [line.event for line in shown] == ["turn", "state", "unreadable"]
    assert not any("An" in str(line.facts) for line in shown)
