"""A phone that writes: SIP MESSAGE over UDP (RFC 3428), both ways, on the tests' own SIP messages."""

from __future__ import annotations

import asyncio
import secrets
import socket
from types import TracebackType
from typing import Self

from tests.fakes.sip_message import SipMessage, uri_of


class TextPhone:
    """One number at one address. texts: what came in, in order, with every retransmission left out."""

    def __init__(self, *, pbx: tuple[str, int], address: str, number: str) -> None:
        self.number = number
        self.address = address
        self.texts: list[SipMessage] = []
        self.statuses: list[int] = []
        self._pbx = pbx
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._seen: set[str] = set()

    @property
    def port(self) -> int:
        """Of this phone."""
        port: int = self._socket.getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._socket.bind((self.address, 0))
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._socket.close()

    async def write(
        self,
        to_number: str,
        text: str,
        *,
        content_type: str | None = "text/plain",
        from_header: str | None = None,
        copies: int = 1,
    ) -> int:
        """Send a text; the status that it was answered with. copies: as retransmissions, each of which is answered."""
        host, port = self._pbx
        branch, count = secrets.token_hex(8), len(self.statuses)
        sender = from_header or f"<sip:{self.number}@{self.address}>"
        headers = (
            ("Via", f"SIP/2.0/UDP {self.address}:{self.port};branch=z9hG4bK{branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{sender};tag={branch}"),
            ("To", f"<sip:{to_number}@{host}>"),
            ("Call-ID", f"{branch}@{self.address}"),
            ("CSeq", "1 MESSAGE"),
            *([("Content-Type", content_type)] if content_type else []),
        )
        for _ in range(copies):
            self._emit(SipMessage(f"MESSAGE sip:{to_number}@{host}:{port} SIP/2.0", headers, text.encode()))
        async with asyncio.timeout(10):
            while len(self.statuses) < count + copies:
                self._news.clear()
                await self._news.wait()
        return self.statuses[-1]

    async def text(self, index: int, *, timeout_s: float = 15.0) -> str:
        """The n-th text that came in."""
        async with asyncio.timeout(timeout_s):
            while len(self.texts) <= index:
                self._news.clear()
                await self._news.wait()
        return self.texts[index].body.decode()

    def sender(self, index: int) -> str:
        """Whom the n-th text is from."""
        return uri_of(self.texts[index].need("From"))

    def _emit(self, message: SipMessage) -> None:
        self._socket.sendto(message.encode(), self._pbx)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = SipMessage.parse(await loop.sock_recv(self._socket, 65_536))
            if message.status is not None:
                self.statuses.append(message.status)
            elif message.method == "MESSAGE":
                kept = tuple(
                    (n, v) for n, v in message.headers if n.lower() in ("via", "from", "to", "call-id", "cseq")
                )
                self._emit(SipMessage("SIP/2.0 200 OK", kept))
                if message.need("Via") not in self._seen:
                    self._seen.add(message.need("Via"))
                    self.texts.append(message)
            self._news.set()
