"""A Wyoming server on loopback, which reads and writes with the protocol's own package; it hears by a grammar, and
speaks by flite.

What it was sent is kept. `faults` are used up one by one, a connection for each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from wyoming.asr import Transcript, TranscriptChunk
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event

from tests.fakes import flite
from tests.fakes.speech_server import recognise

VOICES: Final = {"slt": "slt", "rms": "rms"}
RATE_HZ: Final = 22050
BROKEN: Final = {
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "huge": b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
    "long line": b"x" * 1_000_000,
    "no object": b"[]\n",
}
"""What a server that is none answers with."""


@dataclass(slots=True)
class Asked:
    """One connection. audio: what was fed to it; ended: set when the connection is done with."""

    types: list[str] = field(default_factory=list)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    audio: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class WyomingFake:
    """Made by `wyoming_server`.

    Faults: one of BROKEN, "cut" (hangs up instead of an answer, or amid the audio), "stall" (the same, without
    hanging up), "silence" (no answer at all), "error", "empty", "early" (a transcript after half a second of audio);
    or the form (rate, width, channels) that it says its audio has.
    """

    def __init__(self, services: tuple[str, ...], *, streams: bool) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.faults: deque[str | tuple[int, int, int]] = deque()
        self.delays_s: deque[float] = deque()
        """How long transcripts take, one by one."""
        self._services = services
        self._streams = streams

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        asked = Asked()
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while event := await async_read_event(reader):
                    if event.type == "describe":
                        await async_write_event(Event("info", {name: [{}] for name in self._services}), writer)
                    elif not await self._take(event, asked, reader, writer):
                        break
        finally:
            asked.ended.set()
            writer.close()

    async def _take(
        self, event: Event, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Do what an event asks for, and return whether the connection goes on."""
        if not asked.types:
            self.asked.append(asked)
        asked.types.append(event.type)
        asked.data[event.type] = event.data
        asked.audio += event.payload or b""
        if event.type == "audio-chunk":
            early = len(asked.audio) > 16000 and self.faults and self.faults[0] == "early"
            if self._streams and len(asked.audio) > 16000 and len(asked.types) % 10 == 0:
                await async_write_event(TranscriptChunk("wait ").event(), writer)
            if not early:
                return True
            self.faults.popleft()
            return await self._transcript(asked, writer)
        if event.type not in {"audio-stop", "synthesize"}:
            return True
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, str) and fault in BROKEN:
            writer.write(BROKEN[fault])
        if fault == "silence" or fault in BROKEN:
            return bool(await reader.read())  # until the client hangs up
        if fault == "error":
            await async_write_event(Error("out of\nmemory", code="RuntimeError").event(), writer)
            return False
        if event.type == "audio-stop":
            return fault not in {"cut", "stall"} and await self._transcript(asked, writer)
        if not await self._speak(event.data, fault, writer):
            return False
        return fault != "stall" or bool(await reader.read())

    async def _transcript(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self.delays_s.popleft() if self.delays_s else 0)
        text = " ".join(word for word, _, _ in recognise(bytes(asked.audio)))
        await async_write_event(Transcript(text).event(), writer)
        return False

    async def _speak(
        self, data: dict[str, Any], fault: str | tuple[int, int, int] | None, writer: asyncio.StreamWriter
    ) -> bool:
        name = data.get("voice", {}).get("name", "slt")
        if name not in VOICES:
            await async_write_event(Error(name, code="VoiceNotFoundError").event(), writer)
            return False
        pcm = flite.resampled(flite.speech(data["text"], VOICES[name]), 16000, RATE_HZ).tobytes()
        rate, width, channels = fault if isinstance(fault, tuple) else (RATE_HZ, 2, 1)
        form = {"rate": rate, "width": width, "channels": channels}
        await async_write_event(Event("audio-start", form), writer)
        for start in range(0, 0 if fault == "empty" else len(pcm), 2047):
            await async_write_event(Event("audio-chunk", form, pcm[start : start + 2047]), writer)
            if start > RATE_HZ and fault == "stall":
                return True
            if start > RATE_HZ and fault == "cut":
                return False
            if start > RATE_HZ and fault == "changes":
                form = {**form, "rate": 48001}
        await async_write_event(Event("audio-stop"), writer)
        return True


@asynccontextmanager
async def wyoming_server(*services: str, streams: bool = False) -> AsyncIterator[WyomingFake]:
    """A server with these services, both without any; streams: it sends pieces of a transcript before its end."""
    fake = WyomingFake(services or ("asr", "tts"), streams=streams)
    connections: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(fake.serve(reader, writer)))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    fake.url = f"tcp://{host}:{port}"
    try:
        yield fake
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
