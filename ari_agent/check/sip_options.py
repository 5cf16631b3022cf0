"""Asks a SIP server over UDP whether it is there, by an OPTIONS request (RFC 3261 section 11)."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from ari_agent.media.socket import host_and_port

_SEND_AGAIN_S: Final = 0.5
"""RFC 3261 section 17.1.2.2: timer E begins with T1."""


class _Answer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr  # the kernel lets no other through
        line = data.split(b"\r\n", 1)[0].decode(errors="replace")
        if line.startswith("SIP/2.0 ") and not self.first.done():
            self.first.set_result(line.removeprefix("SIP/2.0 ")[:80])

    def error_received(self, exc: Exception) -> None:
        if not self.first.done():
            self.first.set_exception(exc)


async def ask_options(address: str, port: int, *, name: str, patience_s: float) -> str | None:
    """Return the status that answers, such as `200 OK`; None where none comes in time.

    address: numeric. name: the host as it is configured, for the request URI. Raises: OSError, where nobody listens.
    """
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_datagram_endpoint(_Answer, remote_addr=(address, port))
    own = host_and_port(*transport.get_extra_info("sockname")[:2])
    request = options(own, host_and_port(name, port), key=secrets.token_hex(8))
    try:
        async with asyncio.timeout(patience_s):
            while not answer.first.done():
                transport.sendto(request)
                await asyncio.wait([answer.first], timeout=_SEND_AGAIN_S)
        return answer.first.result()
    except TimeoutError:
        return None
    finally:
        transport.close()
        answer.first.cancel()


def options(own: str, far: str, *, key: str) -> bytes:
    """Return an OPTIONS request. own, far: `host:port` of this end and of the far end. key: makes it the only one."""
    lines = (
        f"OPTIONS sip:{far} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{key};rport",
        "Max-Forwards: 70",
        f"From: <sip:check@{own}>;tag={key}",
        f"To: <sip:{far}>",
        f"Call-ID: {key}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:check@{own}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()
