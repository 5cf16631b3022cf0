"""A phone's RTCP (RFC 3550 section 6.4.2): receiver reports about what it hears, whether or not it sends any RTP."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator

from tests.fakes.sip_caller import OpenSocket, SipCaller, media_address, open_udp

_INTERVAL_S = 0.2
_SSRC = 4711
_JITTER_TICKS = 24
_SENDER_REPORT = 200


@contextlib.asynccontextmanager
async def reporting(caller: SipCaller, open_socket: OpenSocket = open_udp) -> AsyncIterator[None]:
    """Report until the end of the block. The caller is answered and hears somebody.

    The jitter that is reported is 3 ms, whatever it is; loss is what was lost. open_socket: sender reports are answered
    where it is bound to the port behind that of the caller's RTP.
    """
    host, port = media_address(next(m for m in caller.received if m.status == 200 and m.body).body)
    await _first_heard(caller)
    with open_socket(caller.address) as sock:
        sock.setblocking(False)
        answers = _Answers()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: answers, sock=sock)

        async def report() -> None:
            while True:
                transport.sendto(
                    struct.pack("!BBHI", 0x81, 201, 7, _SSRC) + _block(caller, answers.last()), (host, port + 1)
                )
                await asyncio.sleep(_INTERVAL_S)

        task = asyncio.create_task(report())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            transport.close()


class _Answers(asyncio.DatagramProtocol):
    """Keeps the last sender report, whose time a receiver report returns (RFC 3550 section 6.4.1, LSR and DLSR)."""

    def __init__(self) -> None:
        self._lsr = 0
        self._came_s = 0.0

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        if data[1] == _SENDER_REPORT:
            self._lsr = int.from_bytes(data[10:14])
            self._came_s = time.monotonic()

    def last(self) -> tuple[int, int]:
        return self._lsr, int((time.monotonic() - self._came_s) * 65536) if self._lsr else 0


def _block(caller: SipCaller, last_report: tuple[int, int]) -> bytes:
    ssrc = caller.audio.heard[-1].ssrc
    numbers = [packet.sequence for packet in caller.audio.heard if packet.ssrc == ssrc]
    since = [(number - numbers[0]) & 0xFFFF for number in numbers]
    lost = max(since) + 1 - len(set(since))
    return struct.pack("!IIIIII", ssrc, lost, numbers[-1], _JITTER_TICKS, *last_report)


async def _first_heard(caller: SipCaller) -> None:
    async with asyncio.timeout(10):
        while not caller.audio.heard:  # noqa: ASYNC110, its socket is another object's
            await asyncio.sleep(0.02)
