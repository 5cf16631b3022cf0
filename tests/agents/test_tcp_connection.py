"""The TCP connection under a websocket: opened to whatever address answers, cut at any time."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from ari_agent.agents.tcp_connection import TcpConnection, agent_url, tls_context, tls_of
from ari_agent.errors import AgentUnreachable


async def test_it_connects_and_can_be_cut_from_under_its_user() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"hello"
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        connection = TcpConnection()
        opened = await connection.open("127.0.0.1", server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().sock_sendall(opened, b"hello")
        connection.cut()
        async with asyncio.timeout(60):
            await ended.wait()
        connection.cut()  # what is gone is gone
        opened.close()
        connection.cut()


def test_what_was_never_open_can_be_cut() -> None:
    TcpConnection().cut()


async def test_nobody_there_is_an_os_error(unused_tcp_port: int) -> None:
    with pytest.raises(OSError, match="Connect"):
        await TcpConnection().open("127.0.0.1", unused_tcp_port)


async def test_a_name_is_tried_address_by_address() -> None:
    """`localhost` may have ::1 as well, where nobody listens."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with await TcpConnection().open("localhost", port) as opened:
            assert opened.getpeername() == ("127.0.0.1", port)


async def test_a_dial_that_is_cancelled_leaves_no_socket() -> None:
    connection = TcpConnection()
    dialling = asyncio.create_task(connection.open("192.0.2.1", 9))  # TEST-NET-1: nobody answers
    await asyncio.sleep(0)
    dialling.cancel()
    with pytest.raises((asyncio.CancelledError, OSError)):
        await dialling


@pytest.mark.parametrize("url", ["", "agent.example/x", "ws:///x", "ws://u:hunter2@[::1/", "ws://u:hunter2@h:99999/"])
def test_a_malformed_url_is_unreachable_and_is_not_shown(url: str) -> None:
    with pytest.raises(AgentUnreachable) as unreachable:
        agent_url(url)
    assert "hunter2" not in str(unreachable.value)


def test_certificates_are_checked_for_wss_alone() -> None:
    context = tls_of("wss://agent.example/")
    assert context is tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert tls_of("ws://agent.example/") is None
