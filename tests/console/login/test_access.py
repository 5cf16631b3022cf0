"""Who gets in, who may change something, and what a page of somebody else can do: nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from ari_agent.console.console import build_console
from ari_agent.console.dependencies import DEPENDENCIES
from ari_agent.console.login.access import COOKIE
from ari_agent.console.login.login import login_link
from ari_agent.console.login.login_session import LoginSession, LoginSigner, Role
from ari_agent.console.now.now import NOW_FEEDS
from tests.console.conftest import (
    API_KEY,
    NOW_MS,
    READ_ONLY_KEY,
    Browser,
    LiveCalls,
    OneCall,
    a_call,
    console_of,
    csrf_token,
    log_in,
    text_of,
)

Client = TestClient[Any, Any]


def cookie_of(browser: Browser) -> str:
    return browser.session.cookie_jar.filter_cookies(browser.make_url("/console"))[COOKIE].value


async def test_a_part_of_a_page_sends_the_whole_page_to_the_login(stranger: Browser) -> None:
    answer = await stranger.get("/console/calls", headers={"HX-Request": "true"}, allow_redirects=False)
    assert (answer.status, answer.headers["HX-Redirect"]) == (401, "/console/login")
    here = {"HX-Request": "true", "HX-Current-URL": "https://pbx.example/console/calls/call_1?log=turns"}
    answer = await stranger.get("/console/calls/call_1/control", headers=here, allow_redirects=False)
    assert answer.headers["HX-Redirect"] == "/console/login?next=/console/calls/call_1%3Flog%3Dturns"


async def test_the_login_leads_to_the_page_that_was_wanted(stranger: Browser) -> None:
    answer = await stranger.get("/console/calls?number=55", allow_redirects=False)
    page = await text_of(stranger, answer.headers["Location"])
    assert 'name="next" value="/console/calls?number=55"' in page
    form = {"key": API_KEY, "next": "/console/calls?number=55"}
    answer = await stranger.post("/console/login", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/console/calls?number=55")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/console/\\evil",
        "/console\t//evil",
        "javascript:alert(1)",
        "/consolevil",
        "/console@evil.example",
        "https:evil.example",
        "%2F%2Fevil.example",
        "/%2Fevil.example",
        "/console?\r\nLocation: http://evil.example",
        "",
    ],
)
async def test_the_login_leads_to_no_other_host(stranger: Browser, elsewhere: str) -> None:
    answer = await stranger.post("/console/login", data={"key": API_KEY, "next": elsewhere}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/console")


@pytest.mark.parametrize(
    "key", ["", "wrong", API_KEY + "x", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
async def test_a_wrong_key_is_refused_in_words(stranger: Browser, key: str) -> None:
    answer = await stranger.post("/console/login", data={"key": key}, allow_redirects=False)
    assert answer.status == 403
    assert "no key of this controller" in await answer.text()
    assert COOKIE not in answer.cookies


async def test_the_cookie_is_for_this_server_alone_and_for_no_script(stranger: Browser) -> None:
    answer = await stranger.post("/console/login", data={"key": API_KEY}, allow_redirects=False)
    cookie = answer.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/console")
    assert API_KEY not in cookie.value


async def test_behind_https_the_cookie_is_never_sent_without_it(stranger: Browser) -> None:
    root = web.Application()
    dependencies = replace(console_of(stranger)[DEPENDENCIES], is_https=True)
    root.add_subapp("/console", build_console(dependencies))
    async with TestClient(TestServer(root)) as browser:
        answer = await browser.post("/console/login", data={"key": API_KEY}, allow_redirects=False)
        assert answer.cookies[COOKIE]["secure"]
    answer = await stranger.post("/console/login", data={"key": API_KEY}, allow_redirects=False)
    assert not answer.cookies[COOKIE]["secure"]


@pytest.mark.parametrize("planted", ["admin.9999999999.planted.AAAA", "of a login that may only look"])
async def test_a_cookie_that_was_planted_before_the_login_is_worth_no_more_after_it(
    stranger: Browser, planted: str
) -> None:
    if "." not in planted:
        await log_in(stranger, READ_ONLY_KEY)
        planted = cookie_of(stranger)
    stranger.session.cookie_jar.update_cookies({COOKIE: planted}, stranger.make_url("/console"))
    await log_in(stranger, API_KEY)
    assert cookie_of(stranger).split(".")[2] != planted.split(".")[2]
    other: Client
    async with TestClient(stranger.server, cookie_jar=DummyCookieJar()) as other:
        answer = await other.get("/console", headers={"Cookie": f"{COOKIE}={planted}"}, allow_redirects=False)
        assert answer.status == 303 or "may only look" in await answer.text()


async def test_whoever_logs_out_ends_the_login_for_copies_of_its_cookie_and_for_streams(
    browser: Browser, live_calls: LiveCalls
) -> None:
    copy = {"Cookie": f"{COOKIE}={cookie_of(browser)}"}
    await log_in(browser, API_KEY)  # the same person elsewhere
    elsewhere = cookie_of(browser)
    thief: Client = TestClient(browser.server, cookie_jar=DummyCookieJar())
    async with thief.get("/console/now/events", headers=copy) as stream:
        await stream.content.readuntil(b"\n\n")
        token = re.search(r'value="([^"]+)"', await (await thief.get("/console", headers=copy)).text())
        assert token
        answer = await thief.post("/console/logout", data={"csrf_token": token[1]}, headers=copy, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/console/login")
        live_calls.calls.append(OneCall(a_call()))
        await console_of(browser)[NOW_FEEDS].calls.renew()
        assert b"call_1" not in await stream.content.read()
    assert (await thief.get("/console", headers=copy, allow_redirects=False)).status == 303
    assert cookie_of(browser) == elsewhere
    await text_of(browser, "/console")
    await thief.session.close()


async def test_a_login_form_of_another_site_is_refused(stranger: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await stranger.post("/console/login", data={"key": API_KEY}, headers=headers, allow_redirects=False)
    assert answer.status == 403
    assert COOKIE not in answer.cookies


async def test_a_link_logs_in_once(stranger: Browser) -> None:
    link = login_link(API_KEY, READ_ONLY_KEY, now_s=NOW_MS / 1000)
    answer = await stranger.get(link, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/console")
    assert "may change things" in await text_of(stranger, "/console")
    stranger.session.cookie_jar.clear()
    assert "used already" in await text_of(stranger, link, 403)
    old = login_link(API_KEY, READ_ONLY_KEY, now_s=NOW_MS / 1000 - 601)
    assert "its time is over" in await text_of(stranger, old, 403)


async def test_whoever_may_change_things_hangs_up(browser: Browser, live_calls: LiveCalls) -> None:
    live_calls.calls.append(OneCall(a_call(call_status="ongoing", disconnection_reason=None)))
    token = await csrf_token(browser)
    answer = await browser.post("/console/calls/call_1/hang-up", data={"csrf_token": token}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/console/calls/call_1")
    answer = await browser.post("/console/calls/call_1/hang-up", headers={"X-CSRF-Token": token}, allow_redirects=False)
    assert (answer.status, live_calls.hung_up) == (303, ["call_1", "call_1"])


@pytest.mark.parametrize("token", ["", "wrong", "A" * 43])
async def test_a_change_without_the_pages_token_is_refused(browser: Browser, live_calls: LiveCalls, token: str) -> None:
    live_calls.calls.append(OneCall(a_call()))
    answer = await browser.post("/console/calls/call_1/hang-up", data={"csrf_token": token}, allow_redirects=False)
    assert (answer.status, live_calls.hung_up) == (403, [])
    assert "did not come from a page of this console" in await answer.text()


async def test_whoever_may_only_look_changes_nothing(stranger: Browser, live_calls: LiveCalls) -> None:
    live_calls.calls.append(OneCall(a_call(call_status="ongoing", disconnection_reason=None)))
    await log_in(stranger, READ_ONLY_KEY)
    token = await csrf_token(stranger)
    assert "Hang up" not in await text_of(stranger, "/console/calls/call_1")
    answer = await stranger.post("/console/calls/call_1/hang-up", data={"csrf_token": token}, allow_redirects=False)
    assert (answer.status, live_calls.hung_up) == (403, [])
    answer = await stranger.post("/console/logout", data={"csrf_token": token}, allow_redirects=False)
    assert answer.headers["Location"] == "/console/login"
    assert await text_of(stranger, "/console", 303) == ""


async def test_no_page_can_be_framed_or_run_what_is_not_ours(browser: Browser) -> None:
    answer = await browser.get("/console")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["script-src"] == "'self'"
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert answer.headers["X-Frame-Options"] == "DENY"
    page = await answer.text()
    nonce = re.search(r"'nonce-([^']+)'", policy["style-src"])
    assert nonce and nonce[1] in page
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|javascript:", page)
    assert not re.findall(r'(?:src|href)="(?!/|#)', page)


async def test_what_is_not_there_is_said_in_a_page(browser: Browser) -> None:
    assert "There is no such page" in await text_of(browser, "/console/nothing", 404)
    answer = await browser.get("/console/", allow_redirects=False)  # as people type it
    assert (answer.status, answer.headers["Location"]) == (303, "/console")
    assert "call_none" in await text_of(browser, "/console/calls/call_none", 422)
    assert await text_of(browser, "/console/static/..%2fconsole.py", 404)


@pytest.mark.parametrize("path", ["/console/login", "/console/logout", "/console/calls/call_1/hang-up"])
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\n1\r\n--x--',
            415,
        ),
        ("application/json", b'{"key": "key_of_the_api"}', 415),
        ("text/plain", b"key=key_of_the_api", 415),
        ("application/x-www-form-urlencoded; charset=klingon", b"key=wrong", 403),
        ("application/x-www-form-urlencoded", b"key=\xff\xfe%ff%00", 403),
        ("application/x-www-form-urlencoded", b"a&" * 100, 400),
        ("application/x-www-form-urlencoded", b"a=1&" * 100, 400),
        ("application/x-www-form-urlencoded", b"a" * 20_000, 413),
    ],
)
async def test_a_form_is_small_and_of_one_kind(
    browser: Browser, path: str, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type}
    answer = await browser.post(path, data=body, headers=headers, allow_redirects=False)
    assert answer.status == status, await answer.text()


async def test_a_large_form_without_a_length_is_refused(stranger: Browser) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 4096

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await stranger.post("/console/login", data=pieces(), headers=headers, allow_redirects=False)
    assert answer.status == 413


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "FOO"])
async def test_other_methods_change_nothing(browser: Browser, live_calls: LiveCalls, method: str) -> None:
    live_calls.calls.append(OneCall(a_call()))
    for path in ("/console", "/console/login", "/console/calls/call_1/hang-up", "/console/nothing"):
        answer = await browser.request(method, path, allow_redirects=False)
        assert answer.status in {400, 403, 404, 405}, path
    assert live_calls.hung_up == []


async def test_head_uses_no_login_link_up_and_opens_no_stream(stranger: Browser) -> None:
    link = login_link(API_KEY, READ_ONLY_KEY, now_s=NOW_MS / 1000)
    assert (await stranger.head(link, allow_redirects=False)).status == 303
    await text_of(stranger, link, 303)
    await log_in(stranger, READ_ONLY_KEY)
    assert [(await stranger.head(path)).status for path in ("/console/now/events", "/console/calls.csv")] == [405] * 2


async def test_a_new_read_only_key_ends_every_login(browser: Browser) -> None:
    assert LoginSigner.of_keys(API_KEY, "other").key != LoginSigner.of_keys(API_KEY, READ_ONLY_KEY).key
    cookie = LoginSigner.of_keys(API_KEY, "other").cookie(LoginSession(Role.READER, NOW_MS, "x"))
    browser.session.cookie_jar.clear()
    answer = await browser.get("/console", headers={"Cookie": f"{COOKIE}={cookie}"}, allow_redirects=False)
    assert answer.status == 303
