from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_agent.reach import NotReached, certificate, connect, days_left, unverified
from tests.fakes.certificate import self_signed
from tests.fakes.controller import free_tcp_port


@asynccontextmanager
async def server(tls: ssl.SSLContext | None = None, *, greeting: bytes = b"") -> AsyncIterator[int]:
    """A port that takes connections, and says at most this."""

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    listening = await asyncio.start_server(take, "127.0.0.1", 0, ssl=tls)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def serving(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_a_server_without_tls_is_connected_to_and_has_no_certificate() -> None:
    async with server() as port:
        assert await connect("127.0.0.1", port, None) == {}


async def test_a_port_where_nobody_listens_is_named_with_the_address() -> None:
    port = free_tcp_port()
    with pytest.raises(NotReached, match=f"no TCP connection to 127.0.0.1 port {port}: Connection refused") as refused:
        await connect("localhost", port, None)
    assert "is the server running" in refused.value.remedy


@pytest.mark.parametrize(
    ("host", "named"),
    [("nobody.invalid", "the name nobody.invalid is not known to the DNS"), ("a" * 70, "a")],
)
async def test_a_name_that_is_none_is_told(host: str, named: str) -> None:
    with pytest.raises(NotReached, match=named):
        await connect(host, 80, None)


async def test_a_certificate_is_verified_and_its_days_are_told(tmp_path: Path) -> None:
    path = self_signed(tmp_path, days=20)
    async with server(serving(path)) as port:
        trusting = ssl.create_default_context(cafile=str(path))
        shown = await connect("localhost", port, trusting)
        assert 19.9 < days_left(shown, now_s=time.time()) <= 20
        with pytest.raises(NotReached, match=r"the certificate of localhost port .* is not accepted: self-signed"):
            await connect("localhost", port, ssl.create_default_context())
        with pytest.raises(NotReached, match=r"is not accepted: .*mismatch"):
            await connect("127.0.0.1", port, trusting)
        assert await connect("localhost", port, unverified()) == {}


async def test_the_dates_of_a_certificate_are_told_whoever_vouches_for_it(tmp_path: Path) -> None:
    async with server(serving(self_signed(tmp_path, days=20))) as port:
        assert 19.9 < days_left(await certificate("127.0.0.1", port), now_s=time.time()) <= 20


async def test_a_server_that_speaks_no_tls_is_told() -> None:
    async with server(greeting=b"220 mail.example ESMTP\r\n") as port:
        with pytest.raises(NotReached, match=f"TLS handshake with 127.0.0.1 port {port} failed"):
            await connect("127.0.0.1", port, unverified())
