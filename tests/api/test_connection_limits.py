"""Who may have how many connections, and how long a connection may stay without a request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web

from ari_agent.api.connection_limits import (
    FILES_PER_CALL,
    OWN_FILES,
    ConnectionLimits,
    OpenConnections,
    connections_beside_calls,
)
from ari_agent.api.dependencies import ApiDependencies
from ari_agent.api.http_server import ApiRunner
from ari_agent.api.openapi import document
from ari_agent.api.server import build_api

pytestmark = pytest.mark.slow

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]
Serve = Callable[[ConnectionLimits], Awaitable[Connect]]


@pytest.fixture
async def serve(dependencies: ApiDependencies) -> AsyncIterator[Serve]:
    """The API within limits; returns what opens a connection to it."""
    runners: list[ApiRunner] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(limits: ConnectionLimits) -> Connect:
        runner = ApiRunner(build_api(dependencies), limits)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]

        async def connect() -> Streams:
            reader, writer = await asyncio.open_connection(str(host), int(port))
            writers.append(writer)
            return reader, writer

        return connect

    yield start
    for writer in writers:
        writer.close()
    for runner in runners:
        await runner.cleanup()


async def health(streams: Streams) -> bytes:
    """The first line of the answer, over a connection that stays open."""
    reader, writer = streams
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(b'{"status": "ok"}'))
    return head.splitlines()[0]


async def refusal(streams: Streams) -> tuple[bytes, str]:
    """The first line and the message of an answer that nobody asked for, after which the server closes."""
    head, _, body = (await streams[0].read()).partition(b"\r\n\r\n")
    assert b"\r\nConnection: close\r\n" in head
    assert b"\r\nContent-Type: application/json" in head
    return head.splitlines()[0], json.loads(body)["message"]


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "], ids=["nothing", "half a head"])
async def test_a_head_that_does_not_come_is_408(serve: Serve, sent: bytes) -> None:
    connect = await serve(ConnectionLimits(head_timeout_s=0.05))
    reader, writer = await connect()
    writer.write(sent)
    assert await refusal((reader, writer)) == (
        b"HTTP/1.1 408 Request Timeout",
        "no request came within 0.05 s",
    )


async def test_a_connection_that_has_sent_a_request_has_the_time_of_the_keep_alive(serve: Serve) -> None:
    connect = await serve(ConnectionLimits(head_timeout_s=0.05, keep_alive_s=60))
    streams = await connect()
    assert await health(streams) == b"HTTP/1.1 200 OK"
    await asyncio.sleep(0.2)
    assert await health(streams) == b"HTTP/1.1 200 OK"


async def test_an_idle_connection_is_closed_also_with_half_a_head(serve: Serve) -> None:
    connect = await serve(ConnectionLimits(keep_alive_s=0.05))
    reader, writer = await connect()
    await health((reader, writer))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert await reader.read() == b""


@pytest.mark.parametrize(
    ("limits", "line"),
    [
        (ConnectionLimits(in_all=2), b"HTTP/1.1 503 Service Unavailable"),
        (ConnectionLimits(per_address=2), b"HTTP/1.1 429 Too Many Requests"),
    ],
    ids=["in all", "of an address"],
)
async def test_one_too_many_is_refused_until_another_closes(
    serve: Serve, limits: ConnectionLimits, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    connect = await serve(limits)
    first, second = await connect(), await connect()
    assert [await health(streams) for streams in (first, second)] == [b"HTTP/1.1 200 OK"] * 2
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            seen, message = await refusal(await connect())
            assert seen == line
            assert message.startswith(("all 2 connections are taken", "2 connections of this address are open"))
    assert sum("HTTP connections are refused" in record.message for record in caplog.records) == 1
    first[1].close()
    async with asyncio.timeout(30):
        while True:
            streams = await connect()
            streams[1].write(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            if b"200 OK" in await streams[0].read():
                return


async def test_a_client_that_does_not_read_its_answers_is_cut_off(serve: Serve) -> None:
    connect = await serve(ConnectionLimits(answer_timeout_s=0.05))
    reader, writer = await connect()
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 500)  # 100 MB of answers
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(0.5)
    writer.transport.resume_reading()  # type: ignore[attr-defined]
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(500 * len(document()))


async def test_without_limits_there_is_none(serve: Serve) -> None:
    connect = await serve(ConnectionLimits())
    streams = [await connect() for _ in range(300)]
    assert await health(streams[-1]) == b"HTTP/1.1 200 OK"


async def test_a_body_reaches_the_application_as_it_was_sent() -> None:
    async def size(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = web.Application()
    app.router.add_post("/", size)
    runner = ApiRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with ClientSession() as session, session.post(f"http://{host}:{port}/", data=b"x" * 64, compress=True) as got:
        assert int(await got.text()) < 64
    await runner.cleanup()


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_who_counts_as_one(first: str, second: str, together: bool) -> None:
    connections = OpenConnections(ConnectionLimits(per_address=1))
    assert connections.opened(first) is None
    assert (connections.opened(second) is not None) is together
    connections.closed(first)
    assert connections.opened(second if together else first) is None


@pytest.mark.parametrize(
    ("open_files", "calls", "connections"),
    [
        (1024, 20, 1024 - OWN_FILES - 20 * FILES_PER_CALL),
        (65536, 1000, 65536 - OWN_FILES - 1000 * FILES_PER_CALL),
        (1024, 1000, 256),
        (64, 1, 16),
    ],
)
def test_calls_have_their_files_before_connections_do(open_files: int, calls: int, connections: int) -> None:
    assert connections_beside_calls(open_files, calls) == connections
