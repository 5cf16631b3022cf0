"""How an agent speaks with ari-agent, in both protocols: what comes in as events, what goes out by method.

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
class CallStarted:
    """A call begins: its id and what is known about it, dynamic variables included."""

    call_id: str
    variables: dict[str, str]


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """A piece of the caller's voice at the wire's rate, usually 20 ms."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key on the phone."""

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


@dataclass(frozen=True, slots=True)
class TransferStep:
    """What a transfer that we asked for has come to. is_ours_to_speak: the step waits for our words."""

    status: str
    is_ours_to_speak: bool


AgentEvent = CallStarted | AudioHeard | KeyPressed | MarkReturned | TransferEnded | TransferStep


def control_event(message: dict[str, Any]) -> AgentEvent | None:
    """Return the event of a message that both protocols write alike; None for any other message."""
    match message:
        case {"event": "dtmf", "dtmf": {"digit": str(digit)}}:
            return KeyPressed(digit)
        case {"event": "mark", "mark": {"name": str(name)}}:
            return MarkReturned(name)
        case {"event": "transfer", "transfer": {"status": ("succeeded" | "failed") as status, **rest}}:
            sip_status = rest.get("sip_status")
            return TransferEnded(status, sip_status if isinstance(sip_status, int) else None)
        case {"event": "transfer", "transfer": {"status": str(status), **rest}}:
            return TransferStep(status, rest.get("spoken_by") == "agent")
    return None


def text_values(values: dict[str, Any]) -> dict[str, str]:
    """Return those values that are text: nested objects are left out."""
    return {name: value for name, value in values.items() if isinstance(value, str)}


class AgentWire(Protocol):
    """One of the two protocols on one websocket. rate_hz: of all samples, in and out."""

    rate_hz: int

    def events(self) -> AsyncIterator[AgentEvent]:
        """Yield what happens in the call, in order, until it ends."""

    async def play(self, samples: Samples) -> None:
        """Send audio to the caller, to be played after all that was sent before."""

    async def mark(self, name: str) -> None:
        """Send a mark, which comes back when the audio before it was heard."""

    async def clear(self) -> None:
        """Drop the audio that the caller has not heard yet."""

    async def control(self, event: str, request: dict[str, Any]) -> None:
        """Ask for call control: `transfer`, `hangup` or `dtmf`, with its fields."""


class TwilioWire:
    """Twilio Media Streams: JSON text frames, 8 kHz mu-law in base64."""

    rate_hz = 8000

    def __init__(self, websocket: ServerConnection) -> None:
        self._websocket, self._stream_sid = websocket, ""

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Yield what happens in the call, until Twilio's `stop`."""
        async for text in self._websocket:
            message = json.loads(text)
            match message:
                case {"event": "start", "streamSid": str(stream_sid), "start": {"customParameters": dict(parameters)}}:
                    self._stream_sid = stream_sid
                    yield CallStarted(str(parameters.get("call_id", stream_sid)), text_values(parameters))
                case {"event": "media", "media": {"payload": str(payload)}}:
                    yield AudioHeard(from_ulaw(base64.b64decode(payload)))
                case {"event": "stop"}:
                    return
                case dict() if event := control_event(message):
                    yield event

    async def play(self, samples: Samples) -> None:
        """Send the samples as a `media` message."""
        await self._send({"event": "media", "media": {"payload": base64.b64encode(to_ulaw(samples)).decode()}})

    async def mark(self, name: str) -> None:
        """Send a `mark` message."""
        await self._send({"event": "mark", "mark": {"name": name}})

    async def clear(self) -> None:
        """Send a `clear` message."""
        await self._send({"event": "clear"})

    async def control(self, event: str, request: dict[str, Any]) -> None:
        """Send a call control message with the stream's id."""
        await self._send({"event": event, event: request})

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send(json.dumps({**message, "streamSid": self._stream_sid}))


class WebWire:
    """Retell's web protocol: raw audio in binary frames, signed 16-bit little-endian or mu-law."""

    def __init__(self, websocket: ServerConnection, *, rate_hz: int = 16000, encoding: str = "s16le") -> None:
        self._websocket, self.rate_hz, self._encoding = websocket, rate_hz, encoding

    async def events(self) -> AsyncIterator[AgentEvent]:
        """Yield what happens in the call, until the websocket is closed."""
        async for frame in self._websocket:
            if isinstance(frame, bytes):
                yield AudioHeard(from_ulaw(frame) if self._encoding == "mulaw" else np.frombuffer(frame, "<i2"))
                continue
            message = json.loads(frame)
            match message:
                case {"event_type": "metadata", "metadata": dict(facts)}:
                    variables = facts.get("retell_llm_dynamic_variables")
                    known = {**facts, **variables} if isinstance(variables, dict) else facts
                    yield CallStarted(str(facts.get("call_id", "")), text_values(known))
                case dict() if event := control_event(message):
                    yield event

    async def play(self, samples: Samples) -> None:
        """Send the samples as a binary message."""
        await self._websocket.send(to_ulaw(samples) if self._encoding == "mulaw" else samples.astype("<i2").tobytes())

    async def mark(self, name: str) -> None:
        """Send a `mark` message."""
        await self._websocket.send(json.dumps({"event": "mark", "mark": {"name": name}}))

    async def clear(self) -> None:
        """Send the bare word `clear`."""
        await self._websocket.send("clear")

    async def control(self, event: str, request: dict[str, Any]) -> None:
        """Send a call control message."""
        await self._websocket.send(json.dumps({"event": event, event: request}))
