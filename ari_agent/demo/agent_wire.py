"""How an agent speaks with ari-agent: what comes in as events, what goes out by method, in both protocols.

TwilioWire   Twilio Media Streams: JSON text frames, 8 kHz mu-law in base64
WebWire      Retell's web protocol: raw audio in binary frames, JSON text for everything else
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from websockets.asyncio.server import ServerConnection

from ari_agent.demo.sounds import Samples, from_ulaw, to_ulaw


@dataclass(frozen=True, slots=True)
class Started:
    """The call: its id and what is known about it, dynamic variables included."""

    call_id: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of the caller's voice at the wire's rate, usually 20 ms."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key on the caller's phone."""

    digit: str


@dataclass(frozen=True, slots=True)
class MarkReturned:
    """The caller has heard everything before this mark, or it was cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The answer to a transfer that we asked for. Only a failure gives us the caller back."""

    status: str
    sip_status: int | None


AgentEvent = Started | Heard | Pressed | MarkReturned | TransferEnded


def control_event(message: dict[str, Any]) -> AgentEvent | None:
    """The messages that both protocols write alike."""
    match message:
        case {"event": "dtmf", "dtmf": {"digit": str(digit)}}:
            return Pressed(digit)
        case {"event": "mark", "mark": {"name": str(name)}}:
            return MarkReturned(name)
        case {"event": "transfer", "transfer": {"status": str(status), **rest}}:
            sip_status = rest.get("sip_status")
            return TransferEnded(status, sip_status if isinstance(sip_status, int) else None)
    return None


def text_values(values: dict[str, Any]) -> dict[str, str]:
    """Only what is text: nested objects are left out."""
    return {name: value for name, value in values.items() if isinstance(value, str)}


class Wire(Protocol):
    """One of the two protocols: what comes in as events, what goes out by method."""

    rate_hz: int

    def events(self) -> AsyncIterator[AgentEvent]: ...
    async def play(self, samples: Samples) -> None: ...
    async def mark(self, name: str) -> None: ...
    async def clear(self) -> None: ...
    async def control(self, event: str, request: dict[str, Any]) -> None: ...


class TwilioWire:
    """Twilio Media Streams: JSON text frames, 8 kHz mu-law in base64."""

    rate_hz = 8000

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket, self._stream_sid = websocket, ""

    async def events(self) -> AsyncIterator[AgentEvent]:
        async for text in self._websocket:
            message = json.loads(text)
            match message:
                case {"event": "start", "streamSid": str(stream_sid), "start": {"customParameters": dict(parameters)}}:
                    self._stream_sid = stream_sid
                    yield Started(str(parameters.get("call_id", stream_sid)), text_values(parameters))
                case {"event": "media", "media": {"payload": str(payload)}}:
                    yield Heard(from_ulaw(base64.b64decode(payload)))
                case {"event": "stop"}:
                    return
                case dict() if event := control_event(message):
                    yield event

    async def play(self, samples: Samples) -> None:
        await self._send({"event": "media", "media": {"payload": base64.b64encode(to_ulaw(samples)).decode()}})

    async def mark(self, name: str) -> None:
        await self._send({"event": "mark", "mark": {"name": name}})

    async def clear(self) -> None:
        await self._send({"event": "clear"})

    async def control(self, event: str, request: dict[str, Any]) -> None:
        await self._send({"event": event, event: request})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send(json.dumps({**message, "streamSid": self._stream_sid}))


class WebWire:
    """Retell's web protocol: raw audio in binary frames, signed 16-bit little-endian or mu-law."""

    def __init__(self, websocket: ServerConnection, *, rate_hz: int = 16000, encoding: str = "s16le") -> None:
        self._websocket, self.rate_hz, self._encoding = websocket, rate_hz, encoding

    async def events(self) -> AsyncIterator[AgentEvent]:
        async for frame in self._websocket:
            if isinstance(frame, bytes):
                yield Heard(from_ulaw(frame) if self._encoding == "mulaw" else np.frombuffer(frame, "<i2"))
                continue
            message = json.loads(frame)
            match message:
                case {"event_type": "metadata", "metadata": dict(facts)}:
                    variables = facts.get("retell_llm_dynamic_variables")
                    known = {**facts, **variables} if isinstance(variables, dict) else facts
                    yield Started(str(facts.get("call_id", "")), text_values(known))
                case dict() if event := control_event(message):
                    yield event

    async def play(self, samples: Samples) -> None:
        await self._websocket.send(to_ulaw(samples) if self._encoding == "mulaw" else samples.astype("<i2").tobytes())

    async def mark(self, name: str) -> None:
        await self._websocket.send(json.dumps({"event": "mark", "mark": {"name": name}}))

    async def clear(self) -> None:
        await self._websocket.send("clear")

    async def control(self, event: str, request: dict[str, Any]) -> None:
        await self._websocket.send(json.dumps({"event": event, event: request}))
