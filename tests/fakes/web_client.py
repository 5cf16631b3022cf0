"""Front ends of a web call, on the independent `websockets` library: Retell's web client, and Twilio's stream."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.sound import ulaw_decode, ulaw_encode

WORKLET_SAMPLES = 128
"""retell-client-js-sdk 1.3.3 in Chrome: one quantum of its AudioWorklet a message, 256 bytes."""


class FrontEnd:
    """One connection. Use as `async with`; what comes is collected meanwhile."""

    usual_encoding = "s16le"

    def __init__(self, url: str, *, encoding: str | None = None, rate_hz: int = 8000, **options: Any) -> None:
        """encoding: `mulaw` or `s16le`; None is what the protocol is known for."""
        self._url, self._options = url, options
        self.encoding, self.rate_hz = encoding or self.usual_encoding, rate_hz
        self.audio: list[bytes] = []
        self.words: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.connection: ClientConnection = await connect(self._url, **self._options)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self._reading

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.connection:
                self.take(frame)
                self._news.set()
        self.closed.set()
        self._news.set()

    def take(self, frame: str | bytes) -> None:
        """One message of the server."""
        if isinstance(frame, bytes):
            self.audio.append(frame)
            return
        try:
            self.messages.append(json.loads(frame))
        except ValueError:
            self.words.append(frame)

    async def until(self, look: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Until something is true of what came."""
        async with asyncio.timeout(timeout_s):
            while not look():
                if self.closed.is_set():
                    raise ConnectionError(f"closed with {self.ending} before that; heard {self.words}, {self.messages}")
                self._news.clear()
                await self._news.wait()

    async def messages_come(self, count: int) -> None:
        """Until so many JSON messages are there."""
        await self.until(lambda: len(self.messages) >= count)

    async def gone(self, timeout_s: float = 10.0) -> tuple[int | None, str | None]:
        """Until the server has closed; code and reason."""
        await asyncio.wait_for(self.closed.wait(), timeout_s)
        return self.ending

    def octets(self, pcm: NDArray[np.int16]) -> bytes:
        """Samples as they travel."""
        return ulaw_encode(pcm) if self.encoding == "mulaw" else pcm.astype("<i2").tobytes()

    def samples(self, octets: bytes) -> NDArray[np.int16]:
        """What travelled, as samples."""
        return ulaw_decode(octets) if self.encoding == "mulaw" else np.frombuffer(octets, "<i2").astype(np.int16)

    @property
    def ending(self) -> tuple[int | None, str | None]:
        """Close code and reason."""
        return self.connection.close_code, self.connection.close_reason


class WebFrontEnd(FrontEnd):
    """As retell-client-js-sdk 1.3.3 behaves on the wire."""

    async def say(self, pcm: NDArray[np.int16], *, samples: int = WORKLET_SAMPLES) -> None:
        """In messages of so many samples, faster than real time."""
        for start in range(0, len(pcm), samples):
            await self.connection.send(self.octets(pcm[start : start + samples]))

    async def ping(self) -> None:
        """The text, not the frame; returns with its answer."""
        before = self.words.count("pong")
        await self.connection.send("ping")
        await self.until(lambda: self.words.count("pong") > before, timeout_s=3.0)

    def sound(self) -> NDArray[np.int16]:
        """All that was heard."""
        return self.samples(b"".join(self.audio))


class TwilioFrontEnd(FrontEnd):
    """As Twilio's <Stream> behaves on the wire: numbers are strings, marks come back once played or cleared."""

    stream_sid = "MZ" + "1" * 32
    usual_encoding = "mulaw"

    async def begin(self, **start: Any) -> None:
        """`connected` and `start`."""
        await self.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        body = {
            "streamSid": self.stream_sid,
            "accountSid": "AC" + "1" * 32,
            "callSid": "CA" + "1" * 32,
            "tracks": ["inbound"],
            "customParameters": {},
            "mediaFormat": {
                "encoding": "audio/x-mulaw" if self.encoding == "mulaw" else "audio/x-l16",
                "sampleRate": self.rate_hz,
                "channels": 1,
            },
            **start,
        }
        await self.send({"event": "start", "sequenceNumber": "1", "streamSid": self.stream_sid, "start": body})

    async def send(self, message: dict[str, Any]) -> None:
        """Any message."""
        await self.connection.send(json.dumps(message))

    async def say(self, pcm: NDArray[np.int16]) -> None:
        """20 ms a message."""
        size = self.rate_hz // 50
        for number, start in enumerate(range(0, len(pcm), size)):
            payload = base64.b64encode(self.octets(pcm[start : start + size])).decode()
            media = {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * 20), "payload": payload}
            await self.send(
                {"event": "media", "sequenceNumber": str(number + 2), "streamSid": self.stream_sid, "media": media}
            )

    async def press(self, digit: str) -> None:
        """A key."""
        body = {"track": "inbound_track", "digit": digit}
        await self.send({"event": "dtmf", "sequenceNumber": "5", "streamSid": self.stream_sid, "dtmf": body})

    async def stop(self) -> None:
        """Twilio's goodbye."""
        await self.send({"event": "stop", "sequenceNumber": "9", "streamSid": self.stream_sid, "stop": {}})

    async def return_mark(self, name: str) -> None:
        """The audio before it was played."""
        await self.send({"event": "mark", "sequenceNumber": "7", "streamSid": self.stream_sid, "mark": {"name": name}})

    def events(self, name: str) -> list[dict[str, Any]]:
        """Messages of one kind."""
        return [message for message in self.messages if message["event"] == name]

    def sound(self) -> NDArray[np.int16]:
        """All that was heard."""
        return self.samples(b"".join(base64.b64decode(message["media"]["payload"]) for message in self.events("media")))
