"""Whoever asks for much and does not read it is cut off, and holds no memory."""

from __future__ import annotations

import asyncio
import socket

import pytest

from ari_agent import slow_readers as sending
from ari_agent.console.login.access import COOKIE
from ari_agent.store.store import Store
from tests.console.conftest import Browser, a_call, text_of
from tests.fakes.llm_server import until

MORE_THAN_BUFFERS_HOLD = 8_000_000
SPOKEN = [{"role": "agent", "content": "long " * 90_000, "words": []}]


async def ask_and_read_nothing(browser: Browser, path: str) -> socket.socket:
    """A connection that has asked for a path and takes hardly anything of it."""
    cookie = browser.session.cookie_jar.filter_cookies(browser.make_url("/console"))[COOKIE].value
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (browser.host, browser.port))
    sock.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}={cookie}\r\n\r\n".encode())
    return sock


@pytest.mark.parametrize("path", ["/console/calls.csv", "/console/calls/call_1"])
async def test_who_does_not_read_a_long_answer_is_cut_off(browser: Browser, store: Store, path: str) -> None:
    await store.calls.save(a_call(from_number="n" * MORE_THAN_BUFFERS_HOLD))
    assert browser.server.runner
    server = browser.server.runner.server
    assert server
    (own,) = server.connections
    with await ask_and_read_nothing(browser, path):
        await until(lambda: len(server.connections) == 2)
        (other,) = set(server.connections) - {own}
        most = 0
        while other in server.connections:
            most = max(most, other.transport.get_write_buffer_size() if other.transport else 0)
            await asyncio.sleep(0.01)
    assert 0 < most < 300_000  # bytes that this memory holds, of megabytes
    assert "call_1" in await text_of(browser, "/console/calls/call_1")


async def test_a_long_page_comes_whole_to_whoever_reads_it(
    browser: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.calls.save(a_call(transcript_object=SPOKEN))
    in_pieces = await text_of(browser, "/console/calls/call_1")
    monkeypatch.setattr(sending, "_PIECE", 10_000_000)
    at_once = await browser.get("/console/calls/call_1")
    assert int(at_once.headers["Content-Length"]) == len(await at_once.read())
    assert len(in_pieces) == len(await at_once.text()) > 450_000  # token and nonce are others, and as long
    head = await browser.head("/console/calls/call_1")
    assert (head.status, await head.read()) == (200, b"")
