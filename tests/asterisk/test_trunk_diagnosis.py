"""Why a trunk's far end cannot be reached, told in words: real sockets on loopback, nobody, and names that are none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from ari_agent.asterisk.trunk_diagnosis import why_unreachable
from ari_agent.contract.phone_number import TrunkConfig


def config(uri: str, transport: str) -> TrunkConfig:
    return TrunkConfig.model_validate({"termination_uri": uri, "transport": transport, "auth_password": "sesame open"})


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Taken, so that nobody else listens there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        yield port


@pytest.fixture
async def listening_port() -> AsyncIterator[int]:
    """Speaks no TLS: it hangs up on whoever says something."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port: int = server.sockets[0].getsockname()[1]
        yield port


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
async def test_nobody_listens(closed_port: int, transport: str) -> None:
    said = await why_unreachable(config(f"127.0.0.1:{closed_port}", transport))
    assert said == f"no TCP connection to 127.0.0.1 port {closed_port}: Connection refused"


async def test_no_such_name() -> None:
    said = await why_unreachable(config("no-such-host.invalid", "TCP"))
    assert "no-such-host.invalid" in said
    assert "DNS" in said


async def test_no_tls(listening_port: int) -> None:
    said = await why_unreachable(config(f"127.0.0.1:{listening_port}", "TLS"))
    assert said.startswith(f"TLS handshake with 127.0.0.1 port {listening_port} failed")


async def test_what_can_be_reached_must_have_said_so_itself(listening_port: int) -> None:
    said = await why_unreachable(config(f"127.0.0.1:{listening_port}", "TCP"))
    assert f"127.0.0.1 port {listening_port} takes TCP connections from here" in said


async def test_udp_tells_nothing(closed_port: int) -> None:
    said = await why_unreachable(config(f"127.0.0.1:{closed_port}", "UDP"))
    assert said.startswith(f"127.0.0.1 port {closed_port} over UDP")


@pytest.mark.parametrize("uri", [None, "sip.example.com;transport=tls", "[::1]:99999", "a..b", "[:]", "127.0.0.1"])
async def test_no_configuration_crashes_it(uri: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ari_agent.reach.PATIENCE_S", 0.05)
    made = TrunkConfig.model_construct(termination_uri=uri, transport="UDP", auth_password="sesame open")
    assert "sesame" not in await why_unreachable(made)
