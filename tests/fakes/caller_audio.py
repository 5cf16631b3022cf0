"""The RTP half of a caller: a frame each 20 ms out, on an absolute schedule; what comes in is kept with its time."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tests.fakes.rtp_stream import (
    FRAME_S,
    FRAME_TICKS,
    TELEPHONE_EVENT,
    ULAW,
    ULAW_SILENCE,
    HeardPacket,
    digits_heard,
    packet,
    sound_heard,
    telephone_event,
)
from tests.fakes.sound import SILENCE_FLOOR_DBFS, ulaw_decode, ulaw_encode

ECHO_S = 0.16

Impairment = Callable[[int, bytes], Sequence[bytes]]
"""(index of the frame, datagram) -> the datagrams to send now instead."""


class CallerAudio(asyncio.DatagramProtocol):
    """Speaks silence until told otherwise. Times are of the monotonic clock."""

    def __init__(self) -> None:
        self.stamps_each_end = False
        """True: each of the packets that end a digit has a timestamp of its own, which RFC 4733 does not allow."""
        self.heard: list[HeardPacket] = []
        self.impair: Impairment | None = None
        self.muted = False
        """True: no packet is sent at all; the clock of the stream goes on."""
        self.echo_db: float | None = None
        """Set: what comes in goes out again ECHO_S later, so much louder: a loudspeaker without echo canceller."""
        self.said_s: list[float] = []
        """When the first frame of each `say` left."""
        self.frames_sent = 0
        self._frames: deque[bytes] = deque()
        self._starts: deque[int] = deque()
        self._digits: deque[tuple[str, int]] = deque()
        self._transport: asyncio.DatagramTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._queued = self._taken = 0

    async def open(self, sock: socket.socket) -> int:
        """Take over a bound UDP socket; returns its port."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)
        self._transport = transport
        port: int = sock.getsockname()[1]
        return port

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        with contextlib.suppress(ValueError):
            self.heard.append(HeardPacket.parse(data, time.monotonic()))

    def error_received(self, exc: Exception) -> None:
        """The other end closed its port a moment before we stopped: nothing to do."""

    def start(self, host: str, port: int) -> None:
        """Begin to send there; once."""
        if self._task is None:
            self._task = asyncio.create_task(self._send((host, port)))

    async def stop(self) -> None:
        """No more packets; idempotent."""
        self._frames.clear()
        self._digits.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._quiet.set()
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop

    def say(self, pcm: NDArray[np.int16]) -> None:
        """Queue samples at 8 kHz; the last frame is filled up with silence."""
        ulaw = ulaw_encode(pcm)
        self._starts.append(self._queued)
        for start in range(0, len(ulaw), FRAME_TICKS):
            self._frames.append(ulaw[start : start + FRAME_TICKS].ljust(FRAME_TICKS, b"\xff"))
            self._queued += 1
        self._quiet.clear()

    def press(self, digits: str, *, duration_ms: int = 100) -> None:
        """Queue digits as telephone-events, each followed by as much sound."""
        self._digits.extend((digit, duration_ms) for digit in digits)
        self._quiet.clear()

    async def said(self, timeout_s: float = 30.0) -> None:
        """Until everything queued has left."""
        async with asyncio.timeout(timeout_s):
            await self._quiet.wait()

    async def _send(self, address: tuple[str, int]) -> None:
        ssrc, sequence, timestamp = random.getrandbits(32), random.getrandbits(16), random.getrandbits(32)
        marker = True
        event: list[bytes] = []
        event_timestamp = pause = 0
        start_s = time.monotonic()
        for index in range(1 << 30):
            await asyncio.sleep(max(0.0, start_s + index * FRAME_S - time.monotonic()))
            if not event and not pause and self._digits:
                digit, duration_ms = self._digits.popleft()
                event, event_timestamp = _event_payloads(digit, duration_ms), timestamp
                pause = duration_ms // 20
                marker = True
            if event:
                payload, event = event[0], event[1:]
                # RFC 4733 section 2.5.1.4: the last packet goes out three times.
                for _ in range(1 if event else 3):
                    self._emit(
                        address, packet(TELEPHONE_EVENT, marker, sequence, event_timestamp, ssrc, payload), index
                    )
                    if self.stamps_each_end and not event:
                        event_timestamp += FRAME_TICKS
                    sequence, marker = sequence + 1, False
            else:
                pause = max(0, pause - 1)
                self._emit(address, packet(ULAW, marker, sequence, timestamp, ssrc, self._next_frame()), index)
                sequence, marker = sequence + 1, False
            timestamp += FRAME_TICKS
            if not (self._frames or self._digits or event):
                self._quiet.set()

    def _next_frame(self) -> bytes:
        if self.echo_db is not None:
            said = ulaw_decode(self._next_said()).astype(np.float64) + self._echo(10 ** (self.echo_db / 20))
            return ulaw_encode(np.clip(said, -32768, 32767).astype(np.int16))
        return self._next_said()

    def _echo(self, factor: float) -> NDArray[np.float64]:
        before_s = time.monotonic() - ECHO_S
        for heard in reversed(self.heard):
            if heard.time_s <= before_s:
                is_sound = heard.payload_type == ULAW and heard.time_s > before_s - 3 * FRAME_S
                return factor * ulaw_decode(heard.payload if is_sound else ULAW_SILENCE).astype(np.float64)
        return np.zeros(FRAME_TICKS)

    def _next_said(self) -> bytes:
        if not self._frames:
            return ULAW_SILENCE
        if self._starts and self._starts[0] == self._taken:
            self._starts.popleft()
            self.said_s.append(time.monotonic())
        self._taken += 1
        return self._frames.popleft()

    def _emit(self, address: tuple[str, int], datagram: bytes, index: int) -> None:
        self.frames_sent += 1
        if self.muted or self._transport is None:
            return
        for out in (datagram,) if self.impair is None else self.impair(index, datagram):
            self._transport.sendto(out, address)

    @property
    def digits(self) -> str:
        """Telephone-events heard."""
        return digits_heard(self.heard)

    def sound(self, *, since_s: float = 0.0, until_s: float = float("inf")) -> NDArray[np.int16]:
        """What was heard between two moments, gaps closed."""
        return sound_heard([heard for heard in self.heard if since_s <= heard.time_s <= until_s])

    def loud_packets(self, *, since_s: float = 0.0, above_dbfs: float = SILENCE_FLOOR_DBFS) -> list[HeardPacket]:
        """Packets since a moment that are no silence."""
        return [heard for heard in self.heard if heard.time_s >= since_s and heard.level_dbfs > above_dbfs]

    async def hears(self, *, packets: int = 5, since_s: float = 0.0, timeout_s: float = 10.0) -> HeardPacket:
        """Until that many loud packets came since a moment; returns the first of them."""
        end_s = time.monotonic() + timeout_s
        while len(loud := self.loud_packets(since_s=since_s)) < packets:
            if time.monotonic() > end_s:
                raise TimeoutError(f"{len(loud)} loud packets of {len(self.heard)} in {timeout_s} s, wanted {packets}")
            await asyncio.sleep(0.01)
        return loud[0]

    async def hears_silence(self, *, packets: int = 25, timeout_s: float = 10.0) -> None:
        """Until the last so many packets are all silence."""
        end_s = time.monotonic() + timeout_s
        while len(self.heard) < packets or any(
            heard.level_dbfs > SILENCE_FLOOR_DBFS for heard in self.heard[-packets:]
        ):
            if time.monotonic() > end_s:
                raise TimeoutError(f"still sound after {timeout_s} s")
            await asyncio.sleep(0.01)


def _event_payloads(digit: str, duration_ms: int) -> list[bytes]:
    steps = max(2, duration_ms // 20)
    return [telephone_event(digit, step * FRAME_TICKS, end=step == steps) for step in range(1, steps + 1)]
