"""What holds for each path of the console. The application is asked for its routes, so that a new one is tried too."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from yarl import URL

from ari_agent.console.login.access import CSRF_FIELD, CSRF_HEADER
from ari_agent.console.static_files import read_static_files
from tests.console.conftest import (
    API_KEY,
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

SHARED = ("/console/shared/{token}", "/console/shared/{token}/recording", "/console/shared/{token}/peaks.json")
OPEN = ("/console/login", "/console/static/{file}", *SHARED)
OF_READERS = ("/console/logout",)
"""Changes that whoever may only look makes."""
GUARDED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def routes(browser: Browser, *methods: str) -> Sequence[tuple[str, str]]:
    """Method and path of each route that has one of these methods; of all where none is given."""
    known = {
        (route.method, resource.canonical)
        for resource in console_of(browser).router.resources()
        for route in resource
        if route.method in methods or not methods
    }
    assert len(known) >= 3
    return sorted(known)


def filled(path: str) -> str:
    """A path of the application with `call_1` for whatever it has a place for, a script for a file."""
    return re.sub(r"\{[^}]+\}", "call_1", path.replace("{file}", "console.js"))


@pytest.fixture
def live_call(live_calls: LiveCalls) -> None:
    live_calls.calls.append(OneCall(a_call(call_status="ongoing", disconnection_reason=None)))


async def test_no_page_no_stream_and_no_change_is_for_a_stranger(stranger: Browser, live_call: None) -> None:
    tried = [(method, path) for method, path in routes(stranger) if path not in OPEN]
    assert {("GET", "/console"), ("POST", "/console/calls/{call_id}/hang-up")} <= set(tried)
    for method, path in tried:
        answer = await stranger.request(method, filled(path), allow_redirects=False)
        told = (answer.status, answer.headers.get("Location", "").partition("?")[0], await answer.text())
        assert told == (303, "/console/login", ""), (method, path)
        part = await stranger.request(method, filled(path), headers={"HX-Request": "true"}, allow_redirects=False)
        assert (part.status, await part.text()) == (401, ""), (method, path)


async def test_no_change_is_for_whoever_may_only_look(
    stranger: Browser, live_call: None, live_calls: LiveCalls
) -> None:
    await log_in(stranger, READ_ONLY_KEY)
    token = await csrf_token(stranger)
    for method, path in routes(stranger, "POST", "PUT", "PATCH", "DELETE"):
        if path not in (*OPEN, *OF_READERS):
            answer = await stranger.request(method, filled(path), headers={CSRF_HEADER: token})
            assert answer.status == 403, path
            assert "may only look" in await answer.text(), path
    assert live_calls.hung_up == []


async def test_no_change_is_made_without_the_token_of_this_login(
    browser: Browser, live_call: None, live_calls: LiveCalls
) -> None:
    of_another_login = await csrf_token(browser)
    await log_in(browser, READ_ONLY_KEY)
    of_the_reader = await csrf_token(browser)
    await log_in(browser, API_KEY)
    right = await csrf_token(browser)
    wrong = ["", "wrong", right[:-1], right + "A", right.swapcase(), of_another_login, of_the_reader]
    for method, path in routes(browser, "POST", "PUT", "PATCH", "DELETE"):
        if path not in OPEN:
            for token in wrong:
                for given in ({"data": {CSRF_FIELD: token}}, {"headers": {CSRF_HEADER: token}}):
                    answer = await browser.request(method, filled(path), allow_redirects=False, **given)  # type: ignore[arg-type]
                    assert answer.status == 403, (path, token)
                    assert "did not come from a page of this console" in await answer.text(), path
            # where it belongs alone: an address is written down by proxies, and told to other sites
            answer = await browser.request(method, f"{filled(path)}?{CSRF_FIELD}={right}", allow_redirects=False)
            assert answer.status == 403, path
    assert live_calls.hung_up == []
    await text_of(browser, "/console")  # still logged in


async def test_nobody_frames_or_guesses_at_any_answer(browser: Browser, live_call: None) -> None:
    tried = [(method, filled(path)) for method, path in routes(browser)]
    wrong = [
        ("GET", "/console/nothing"),
        ("DELETE", "/console"),
        ("GET", "/console/calls/call_none"),
        ("PATCH", "/console"),
    ]
    for method, path in [*tried, *wrong]:
        async with browser.request(method, path, allow_redirects=False) as answer:
            assert {name: answer.headers.get(name) for name in GUARDED} == GUARDED, (method, path)
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], (method, path)
            if "/static/" not in path and not path.endswith("/events"):
                assert answer.headers["Cache-Control"] == "no-store", (method, path)
            if answer.content_type == "text/html" and method != "HEAD":
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"], (method, path)


async def test_every_static_file_is_there_for_the_login(stranger: Browser) -> None:
    for name in read_static_files():
        answer = await stranger.get(URL(f"/console/static/{name}"))
        assert answer.status == 200, name
