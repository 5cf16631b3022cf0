"""An agent's server at the level of bytes: for everything that a proper websocket library refuses to do.

Written from RFC 6455 alone.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from types import TracebackType
from typing import Final, Self

TEXT: Final = 1
BINARY: Final = 2
CONTINUATION: Final = 0
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawConnection:
    """One accepted TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.request = b""

    async def read_request(self) -> bytes:
        """The handshake's request, headers and all."""
        self.request = await self.reader.readuntil(b"\r\n\r\n")
        return self.request

    async def accept(self, *, also: bytes = b"") -> None:
        """Answer the handshake with 101; `also` follows in the same write."""
        await self.read_request()
        key = next(
            line.split(b":")[1].strip()
            for line in self.request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        answer = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n" + also
        )

    def write(self, octets: bytes) -> None:
        """Anything at all."""
        self.writer.write(octets)

    def frame(self, opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0) -> None:
        """One unmasked frame."""
        self.write(frame(opcode, payload, final=final, reserved=reserved))

    async def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the client's next frame."""
        first, second = await self.reader.readexactly(2)
        assert second & 0x80, "a client masks"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        payload = await self.reader.readexactly(size)
        return first & 0x0F, bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))

    async def close_code(self) -> int:
        """The client's close code; frames before it are passed over."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")

    async def at_end(self) -> bool:
        """Wait until the client has closed TCP."""
        try:
            while await self.reader.read(65536):
                continue
        except ConnectionError:
            return True
        return True

    def reset(self) -> None:
        """End TCP with RST."""
        self.writer.transport.abort()


class RawAgent:
    """Listens on a port of its own. Use as `async with`."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[RawConnection] = asyncio.Queue()
        self._accepted: list[RawConnection] = []
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where to dial."""
        return f"ws://127.0.0.1:{self.port}/agent"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._accepted:
            connection.reset()
        await self._server.wait_closed()

    async def connection(self) -> RawConnection:
        """The next connection."""
        return await asyncio.wait_for(self._waiting.get(), 10)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = RawConnection(reader, writer)
        self._accepted.append(connection)
        self._waiting.put_nowait(connection)


def frame(opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0) -> bytes:
    """One unmasked frame (RFC 6455 section 5.2). reserved: the three RSV bits as a number."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
