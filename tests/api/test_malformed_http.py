"""What is no HTTP, over a bare socket: whatever comes, the answer is the JSON of every other error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.http_server import ApiRunner
from ari_agent.api.server import build_api

pytestmark = pytest.mark.slow

Address = tuple[str, int]


@pytest.fixture
async def address(dependencies: ApiDependencies) -> AsyncIterator[Address]:
    runner = ApiRunner(build_api(dependencies))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield str(host), int(port)
    finally:
        await runner.cleanup()


async def said(address: Address, request: bytes) -> bytes:
    """Everything that the server says before it closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "does not begin with an HTTP method"),
        (b"hello\r\n\r\n", "the request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the request"),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", "the request is no valid HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "the request"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "the request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "longer than 8190 bytes"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + b"k" * 9000 + b"\r\n\r\n", "longer than 8190 bytes"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % count for count in range(200)) + b"\r\n", "the request"),
    ],
    ids=lambda value: value[:24].decode("latin1") if isinstance(value, bytes) else "",
)
async def test_what_is_no_http_is_400_in_json(address: Address, request_: bytes, complaint: str) -> None:
    head, _, body = (await said(address, request_)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"\r\nContent-Type: application/json" in head
    assert b"\r\nServer: ari-agent\r\n" in head
    told = json.loads(body)
    assert told == {"status": "error", "message": told["message"], "error_message": told["message"]}
    assert complaint in told["message"]
    assert "kkk" not in told["message"]


async def test_an_expectation_that_no_server_knows_is_417_in_json(address: Address) -> None:
    head, _, body = (
        await said(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n")
    ).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 417 ")
    assert json.loads(body)["message"] == "Expect: must be 100-continue"
