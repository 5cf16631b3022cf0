"""The far end of a trunk over TLS: answers each INVITE with one status, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ari_agent.demo.pbx import Pbx
from tests.fakes.sip_message import SipMessage

ADDRESS: Final = "127.0.0.3"
_KEPT: Final = frozenset({"via", "from", "call-id", "cseq"})
_PLAIN_SDP: Final = (
    b"v=0\r\no=callee 1 1 IN IP4 127.0.0.3\r\ns=call\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@dataclass(slots=True)
class TlsCallee:
    """What was received. uri: what a number's termination_uri is to be."""

    uri: str
    received: asyncio.Queue[SipMessage] = field(default_factory=asyncio.Queue)

    async def heard(self, method: str, *, timeout_s: float = 10.0) -> SipMessage:
        """The next request of this method; others before it are dropped."""
        async with asyncio.timeout(timeout_s):
            while (request := await self.received.get()).method != method:
                continue
        return request


@contextlib.asynccontextmanager
async def tls_callee(pbx: Pbx, status: int, *, asks_for_certificate: bool = False) -> AsyncIterator[TlsCallee]:
    """A far end with this answer; 200 has an SDP without any encryption.

    asks_for_certificate: takes connections of the PBX's own certificate alone.
    """
    keys = Path(pbx.certificate_path).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "asterisk.crt", keys / "asterisk.key")
    if asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pbx.certificate_path)
    made = TlsCallee("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                request = await _read(reader)
                made.received.put_nowait(request)
                if request.method != "ACK":
                    writer.write(_answer(request, status if request.method == "INVITE" else 200, made.uri).encode())
        writer.close()

    async with await asyncio.start_server(serve, ADDRESS, 0, ssl=context) as server:
        made.uri = f"{ADDRESS}:{server.sockets[0].getsockname()[1]}"
        yield made


async def _read(reader: asyncio.StreamReader) -> SipMessage:
    head = SipMessage.parse(await reader.readuntil(b"\r\n\r\n"))
    body = await reader.readexactly(int(head.need("Content-Length")))
    return SipMessage(head.start_line, head.headers, body)


def _answer(request: SipMessage, status: int, uri: str) -> SipMessage:
    kept = [(name, value) for name, value in request.headers if name.lower() in _KEPT]
    to = request.need("To")
    kept += [("To", to if "tag=" in to else f"{to};tag=tls"), ("Contact", f"<sip:callee@{uri};transport=tls>")]
    body = _PLAIN_SDP if status == 200 and request.method == "INVITE" else b""
    if body:
        kept.append(("Content-Type", "application/sdp"))
    return SipMessage(f"SIP/2.0 {status} Whatever", tuple(kept), body)
