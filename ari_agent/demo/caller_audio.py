"""The caller's audio: one RTP stream each way, mu-law and telephone-event (RFC 3550, RFC 4733)."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import deque
from typing import Final

import numpy as np

from ari_agent.demo.sounds import Samples, from_ulaw, to_ulaw

RATE_HZ: Final = 8000
FRAME_SAMPLES: Final = 160  # 20 ms
PCMU, TELEPHONE_EVENT = 0, 101
SILENT_FRAME = to_ulaw(np.zeros(FRAME_SAMPLES, np.int16))

# RFC 4733 section 3.2: event codes of the sixteen keys.
EVENT_CODES = {key: code for code, key in enumerate("0123456789*#ABCD")}
DIGIT_VOLUME_DBM0 = 10
# Beyond this jump of the timestamp, a stream has begun anew rather than paused.
NEW_STREAM_SAMPLES = 10 * RATE_HZ
MAX_RECORDING_SAMPLES = 600 * RATE_HZ


class CallerAudio(asyncio.DatagramProtocol):
    """One UDP socket that sends 20 ms frames without a break and records what comes back.

    Voice that was given to `say` goes first, silence otherwise; a key pressed puts voice on hold, as phones do. Once it
    is closed, nothing more is said and `say` and `press` return at once.
    """

    def __init__(self) -> None:
        self.packets_received = 0
        self._closed = False
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._frames: deque[bytes] = deque()
        self._keys: deque[tuple[str, int]] = deque()
        self._spoken, self._pressed = asyncio.Event(), asyncio.Event()
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._ssrc = random.getrandbits(32)
        self._recording = bytearray()
        self._heard_ssrc: int | None = None
        self._heard_base = 0
        self._source: tuple[str, int] | None = None

    async def open(self, host: str) -> int:
        """Bind the socket; return its UDP port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Close the socket; `run` ends with the task that its owner cancels."""
        self._closed = True
        self._spoken.set()
        self._pressed.set()
        if self._transport:
            self._transport.close()

    @property
    def heard(self) -> Samples:
        """Return all that was received so far, at 8 kHz, with silence where packets are missing."""
        return from_ulaw(bytes(self._recording))

    @property
    def heard_samples(self) -> int:
        """Return the length of `heard` in samples."""
        return len(self._recording)

    async def say(self, samples: Samples) -> int:
        """Speak until the last frame is sent; return the length of `heard` at the time of the first frame."""
        began_at = self.heard_samples
        ulaw = to_ulaw(samples)
        if self._closed:
            return began_at
        self._spoken.clear()
        for start in range(0, len(ulaw), FRAME_SAMPLES):
            self._frames.append(ulaw[start : start + FRAME_SAMPLES].ljust(FRAME_SAMPLES, SILENT_FRAME[:1]))
        await self._spoken.wait()
        return began_at

    async def press(self, key: str, *, duration_ms: int = 160) -> None:
        """Press a key, one of 0-9 * # A-D; returns when it is released."""
        if self._closed:
            return
        self._pressed.clear()
        self._keys.append((key, duration_ms))
        await self._pressed.wait()

    async def run(self, remote: tuple[str, int]) -> None:
        """Send to this address, a frame every 20 ms, until cancelled."""
        self._remote = remote
        loop = asyncio.get_running_loop()
        due_s, marker = loop.time(), True
        while True:
            if self._keys:
                due_s = await self._send_key(*self._keys.popleft(), due_s)
                self._pressed.set()
                marker = True
            self._send(PCMU, self._timestamp, self._frames.popleft() if self._frames else SILENT_FRAME, marker)
            if not self._frames:
                self._spoken.set()
            self._timestamp, marker = self._timestamp + FRAME_SAMPLES & 0xFFFFFFFF, False
            due_s = await self._next_frame(due_s)

    async def _next_frame(self, due_s: float) -> float:
        now_s = asyncio.get_running_loop().time()
        due_s = due_s + 0.02 if now_s - due_s < 0.2 else now_s + 0.02  # after a long stall the lost time stays lost
        await asyncio.sleep(max(0.0, due_s - now_s))
        return due_s

    async def _send_key(self, key: str, duration_ms: int, due_s: float) -> float:
        """Send the packets of one key (RFC 4733 section 2.5.1), and return when the next frame is due.

        All have one timestamp and a growing duration; the end is sent three times.
        """
        updates = max(1, duration_ms // 20)
        for number in range(updates + 2):
            duration = min(number + 1, updates) * FRAME_SAMPLES
            end = 0x80 if number >= updates - 1 else 0
            payload = struct.pack(">BBH", EVENT_CODES[key], end | DIGIT_VOLUME_DBM0, duration)
            self._send(TELEPHONE_EVENT, self._timestamp, payload, number == 0)
            due_s = await self._next_frame(due_s)
        self._timestamp = self._timestamp + (updates + 2) * FRAME_SAMPLES & 0xFFFFFFFF
        return due_s

    def _send(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        header = struct.pack(
            ">BBHII", 0x80, payload_type | (0x80 if marker else 0), self._sequence, timestamp, self._ssrc
        )
        self._sequence = self._sequence + 1 & 0xFFFF
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(header + payload, self._remote)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Write a packet's audio to its place on the timeline; anything else, and any second sender, is ignored."""
        self._source = self._source or addr
        if addr != self._source or len(data) < 12 or data[0] != 0x80 or data[1] & 0x7F != PCMU:
            return
        _, _, _, timestamp, ssrc = struct.unpack_from(">BBHII", data)
        place = timestamp - self._heard_base & 0xFFFFFFFF
        if place >= 1 << 31:
            place -= 1 << 32
        if ssrc != self._heard_ssrc or not -NEW_STREAM_SAMPLES < place - len(self._recording) < NEW_STREAM_SAMPLES:
            self._heard_ssrc, self._heard_base = ssrc, timestamp - len(self._recording) & 0xFFFFFFFF
            place = len(self._recording)
        audio = data[12:]
        if place < 0 or place + len(audio) > MAX_RECORDING_SAMPLES:
            return
        self.packets_received += 1
        if place > len(self._recording):
            self._recording.extend(SILENT_FRAME[:1] * (place - len(self._recording)))
        self._recording[place : place + len(audio)] = audio
