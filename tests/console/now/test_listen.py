"""Listening to a call in progress: who may, what is heard, and when it ends; the tap is held up by nobody."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from ari_agent.calls.media.call_tap import Levels
from ari_agent.calls.session_events import ListeningChanged
from ari_agent.calls.state import CallState
from ari_agent.console.login.access import COOKIE
from ari_agent.console.login.login import SESSION_S
from tests.console.conftest import API_KEY, READ_ONLY_KEY, Browser, Clock, LiveCalls, csrf_token, log_in, text_of
from tests.console.heard_call import HeardCall
from tests.fakes.llm_server import until
from tests.fakes.sound import strongest_tone, tone

PATH = "/console/calls/call_live/listen"
PIECE = b"\x10\x90" * 480
LIMIT_S = 30.0


@pytest.fixture
def call(live_calls: LiveCalls) -> HeardCall:
    made = HeardCall()
    live_calls.calls.append(made.in_list)
    return made


def own_origin(browser: Browser) -> str:
    return f"http://{browser.host}:{browser.port}"


async def listen(browser: Browser, path: str = PATH) -> ClientWebSocketResponse:
    return await browser.ws_connect(path, origin=own_origin(browser))


async def format_of(socket: ClientWebSocketResponse) -> Any:
    return await socket.receive_json(timeout=LIMIT_S)


async def over(socket: ClientWebSocketResponse) -> str:
    """Why it is over, and the websocket closed."""
    async with asyncio.timeout(LIMIT_S):
        while (message := await socket.receive()).type is not WSMsgType.TEXT:
            assert message.type is WSMsgType.BINARY, message
        assert (await socket.receive()).type is WSMsgType.CLOSE
    told = json.loads(message.data)
    assert told["event"] == "over"
    return str(told["why"])


async def test_the_caller_is_heard_left_and_the_agent_right(browser: Browser, call: HeardCall) -> None:
    assert call.media.hear is None, "nobody listens yet"
    socket = await listen(browser)
    assert await format_of(socket) == {"event": "format", "encoding": "s16le", "rate_hz": 8000, "channels": 2}
    left, right = tone(700, 0.3), tone(1900, 0.3)
    call.say(left, right)
    pieces = [await socket.receive_bytes() for _ in range(3)]
    assert {len(piece) for piece in pieces} == {800 * 2 * 2}, "100 ms at most"
    heard = np.frombuffer(b"".join(pieces), "<i2")
    assert strongest_tone(heard[::2]).frequency_hz == pytest.approx(700, abs=5)
    assert strongest_tone(heard[1::2]).frequency_hz == pytest.approx(1900, abs=5)
    await socket.send_str("what a page says is ignored")
    call.end()
    assert await over(socket) == "the call has ended"
    assert call.told == [ListeningChanged("admin", True), ListeningChanged("admin", False)]


async def test_nothing_is_tapped_any_more_when_the_last_listener_has_left(browser: Browser, call: HeardCall) -> None:
    first, second = await listen(browser), await listen(browser)
    await format_of(first)
    await format_of(second)
    await first.close()
    await until(lambda: len(call.told) == 3)
    call.give(PIECE)
    assert len(await second.receive_bytes()) == 1920
    await second.close()
    await until(lambda: call.media.hear is None)
    assert [told.listens for told in call.told] == [True, True, False, False]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://",
        "http://127.0.0.1:1",
        "ftp://{host}",
        "http://{host}.evil.example",
        None,
    ],
)
async def test_a_page_of_another_site_cannot_listen(browser: Browser, call: HeardCall, origin: str | None) -> None:
    given = {"Origin": origin.format(host=f"{browser.host}:{browser.port}")} if origin else {}
    with pytest.raises(WSServerHandshakeError) as refused:
        await browser.ws_connect(PATH, headers=given)
    assert (refused.value.status, call.told) == (403, [])


async def test_behind_a_proxy_with_a_host_of_its_own_the_page_is_ours(browser: Browser, call: HeardCall) -> None:
    headers = {"Origin": "https://Console.example", "X-Forwarded-Host": "console.example"}
    socket = await browser.ws_connect(PATH, headers=headers)
    assert (await format_of(socket))["channels"] == 2
    await socket.close()


async def test_the_key_that_may_only_look_may_not_listen(stranger: Browser, call: HeardCall) -> None:
    await log_in(stranger, READ_ONLY_KEY)
    with pytest.raises(WSServerHandshakeError) as refused:
        await listen(stranger)
    assert (refused.value.status, call.told, call.media.hear) == (403, [], None)
    page = await text_of(stranger, "/console")
    assert 'data-call-id="call_live"' in page, "it sees who speaks"
    assert 'id="listening"' not in page


@pytest.mark.parametrize("path", ["/console", "/console/calls/call_live"])
async def test_pages_of_a_call_in_progress_have_a_place_for_the_button(
    browser: Browser, call: HeardCall, path: str
) -> None:
    page = await text_of(browser, path)
    assert 'class="voice" data-call-id="call_live"' in page
    assert 'id="listening"' in page and 'src="/console/static/listen.js?v=' in page


@pytest.mark.parametrize(
    ("facts", "state", "why"),
    [
        ({}, CallState.CONNECTING, "it is not answered yet"),
        ({}, CallState.BRIDGED, "caller and target were left alone with each other"),
        ({}, CallState.TALKING, "nothing of it is heard now"),
        ({"data_storage_setting": "everything_except_pii"}, None, "its data_storage_setting keeps"),
        ({"data_storage_setting": "basic_attributes_only"}, None, "its data_storage_setting keeps"),
    ],
)
async def test_it_is_told_why_a_call_cannot_be_heard(
    browser: Browser, live_calls: LiveCalls, facts: dict[str, Any], state: CallState | None, why: str
) -> None:
    call = HeardCall(**facts)
    live_calls.calls.append(call.in_list)
    if state:
        call.end(state)
    assert why in await over(await listen(browser))
    assert (call.told, call.media.hear) == ([], None)


async def test_a_call_that_is_not_there_is_none(browser: Browser, call: HeardCall) -> None:
    assert "not found" in await over(await listen(browser, "/console/calls/call_<b>/listen"))


async def test_it_ends_where_caller_and_target_are_left_alone(browser: Browser, call: HeardCall) -> None:
    socket = await listen(browser)
    await format_of(socket)
    call.end(CallState.BRIDGED)
    assert "caller and target were left alone with each other" in await over(socket)


async def test_it_ends_where_the_call_must_no_longer_be_heard(browser: Browser, call: HeardCall) -> None:
    socket = await listen(browser)
    await format_of(socket)
    call.record = call.record.model_copy(update={"data_storage_setting": "basic_attributes_only"})
    call.give(PIECE)
    assert "data_storage_setting" in await over(socket)
    assert call.media.hear is None


async def test_it_ends_with_the_login(stranger: Browser, call: HeardCall, clock: Clock) -> None:
    await log_in(stranger, API_KEY)
    clock.now_ms += SESSION_S * 1000 - 100
    socket = await listen(stranger)
    await format_of(socket)
    assert await over(socket) == "the login is over"
    await until(lambda: call.media.hear is None)


async def test_it_ends_when_somebody_logs_out(browser: Browser, call: HeardCall) -> None:
    socket = await listen(browser)
    await format_of(socket)
    token = await csrf_token(browser)
    await browser.post("/console/logout", data={"csrf_token": token}, allow_redirects=False)
    call.give(PIECE)
    assert await over(socket) == "the login is over"


async def test_four_may_listen_to_one_call(browser: Browser, call: HeardCall) -> None:
    sockets = [await listen(browser) for _ in range(4)]
    for socket in sockets:
        await format_of(socket)
    assert "4 listen to it already" in await over(await listen(browser))
    await sockets[0].close()
    await until(lambda: not call.told[-1].listens)
    assert (await format_of(await listen(browser)))["event"] == "format"


async def test_whoever_does_not_read_is_cut_off_and_holds_nobody_up(browser: Browser, call: HeardCall) -> None:
    cookie = browser.session.cookie_jar.filter_cookies(browser.make_url("/console"))[COOKIE].value
    reader, writer = await asyncio.open_connection(browser.host, browser.port, limit=1024)
    lines = (
        f"GET {PATH} HTTP/1.1",
        "Host: x",
        "Origin: http://x",
        f"Cookie: {COOKIE}={cookie}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    )
    writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    other = await listen(browser)
    await format_of(other)
    await until(lambda: len(call.told) == 2)
    heard = given = 0
    async with asyncio.timeout(LIMIT_S):
        while len(call.told) == 2:
            call.give(PIECE)
            given += 1
            heard += len(await other.receive_bytes()) > 0
    assert heard == given, "the other listener has lost nothing"
    await other.close()
    await until(lambda: call.media.hear is None)
    writer.close()
    del reader


async def test_the_levels_of_calls_come_with_the_stream_of_the_first_page(
    browser: Browser, live_calls: LiveCalls, call: HeardCall
) -> None:
    quiet = HeardCall("call_quiet")
    live_calls.calls.append(quiet.in_list)
    async with asyncio.timeout(LIMIT_S), browser.get("/console/now/events") as answer:
        assert await _levels(answer.content) == {}
        call.media.levels = Levels(-24.4, -96.0)
        assert await _levels(answer.content) == {"call_live": [-24, -60]}
        call.end()
        assert await _levels(answer.content) == {}


async def _levels(stream: Any) -> Any:
    while True:
        event = (await stream.readuntil(b"\n\n")).decode()
        if event.startswith("event: levels\n"):
            return json.loads(event.partition("data: ")[2])
