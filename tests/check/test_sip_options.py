from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from ari_agent.check.sip_options import ask_options, options
from tests.fakes.controller import free_udp_port


class Server(asyncio.DatagramProtocol):
    """A SIP server that answers the n-th request with this status, and earlier ones not at all."""

    def __init__(self, answer: bytes | None, *, at: int = 1) -> None:
        self.requests: list[bytes] = []
        self._answer, self._at = answer, at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests.append(data)
        if self._answer is not None and len(self.requests) >= self._at:
            self._transport.sendto(self._answer, addr)


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@pytest.mark.parametrize("at", [1, 2])
async def test_whoever_answers_is_there_whatever_the_status_and_also_the_second_time(at: int) -> None:
    server = Server(b"SIP/2.0 403 Forbidden\r\nCSeq: 1 OPTIONS\r\n\r\n", at=at)
    async with serving(server) as port:
        assert await ask_options("127.0.0.1", port, name="sip.example", patience_s=5) == "403 Forbidden"
    assert server.requests == [server.requests[0]] * at
    assert server.requests[0].startswith(f"OPTIONS sip:sip.example:{port} SIP/2.0\r\n".encode())


@pytest.mark.parametrize("answer", [None, b"what?"])
async def test_whoever_says_nothing_that_is_sip_is_not_known_to_be_there(answer: bytes | None) -> None:
    async with serving(Server(answer)) as port:
        assert await ask_options("127.0.0.1", port, name="sip.example", patience_s=0.1) is None


async def test_a_port_where_nobody_listens_is_told() -> None:
    with pytest.raises(ConnectionRefusedError):
        await ask_options("127.0.0.1", free_udp_port(), name="sip.example", patience_s=5)


def test_the_request_has_what_every_request_must_have() -> None:
    """RFC 3261 section 8.1.1."""
    text = options("192.0.2.1:5062", "[2001:db8::1]:5060", key="abc").decode()
    head, _, body = text.partition("\r\n\r\n")
    names = [line.partition(":")[0] for line in head.split("\r\n")[1:]]
    assert {"Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"} <= set(names)
    assert "branch=z9hG4bK" in head and ";rport" in head and body == ""
