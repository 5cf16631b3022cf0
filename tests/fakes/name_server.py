"""A name server (RFC 1035) with a few A and SRV records, on port 53 of an address of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

_A: Final = 1
_SRV: Final = 33
_NO_SUCH_NAME: Final = 3


@dataclass(slots=True)
class NameServer(asyncio.DatagramProtocol):
    """addresses: of each name. services: of each SRV name, such as _sip._udp.example.com: priority, target and port."""

    address: str
    addresses: dict[str, str] = field(default_factory=dict)
    services: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)
    _transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        labels, at = [], 12
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        question = data[12 : at + 5]
        kind = int.from_bytes(data[at + 1 : at + 3])
        records = self._records(".".join(labels).lower(), kind)
        flags = 0x8580 if records else 0x8580 | _NO_SUCH_NAME
        head = struct.pack("!2s5H", data[:2], flags, 1, len(records), 0, 0)
        answers = [struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(record)) + record for record in records]
        self._transport.sendto(head + question + b"".join(answers), addr)

    def _records(self, name: str, kind: int) -> list[bytes]:
        if kind == _A and name in self.addresses:
            return [ipaddress.IPv4Address(self.addresses[name]).packed]
        if kind == _SRV:
            found = self.services.get(name, [])
            return [struct.pack("!HHH", priority, 0, port) + _encoded(target) for priority, target, port in found]
        return []


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


@contextlib.asynccontextmanager
async def name_server(address: str = "127.0.0.9") -> AsyncIterator[NameServer]:
    """A name server that answers."""
    made = NameServer(address)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, local_addr=(address, 53))
    try:
        yield made
    finally:
        transport.close()
        await asyncio.sleep(0)
