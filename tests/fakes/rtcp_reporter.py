"""A phone's RTCP (RFC 3550 section 6.4.2): receiver reports about what it hears, whether or not it sends any RTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

from tests.fakes.sip_caller import SipCaller, media_address

_INTERVAL_S = 0.2
_SSRC = 4711


@contextlib.asynccontextmanager
async def reporting(caller: SipCaller) -> AsyncIterator[None]:
    """Report until the end of the block. The caller is answered and hears somebody."""
    host, port = media_address(next(m for m in caller.received if m.status == 200 and m.body).body)
    heard = await _first_heard(caller)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((caller.address, 0))
        sock.setblocking(False)

        async def report() -> None:
            while True:
                last = caller.audio.heard[-1]
                block = struct.pack("!IIIIII", heard, 0, last.sequence, 3, 0, 0)
                sock.sendto(struct.pack("!BBHI", 0x81, 201, 7, _SSRC) + block, (host, port + 1))
                await asyncio.sleep(_INTERVAL_S)

        task = asyncio.create_task(report())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _first_heard(caller: SipCaller) -> int:
    """The SSRC of the far end, once there is one."""
    async with asyncio.timeout(10):
        while not caller.audio.heard:  # noqa: ASYNC110, its socket is another object's
            await asyncio.sleep(0.02)
    return caller.audio.heard[0].ssrc
