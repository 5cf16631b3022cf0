"""A small voice agent on a websocket: the demo's own, and an example to start from.

    python -m ari_agent.demo.agent --port 8765

ari-agent dials it at `ws://HOST:8765/twilio` (Twilio Media Streams: mu-law in JSON) or
`ws://HOST:8765/web?sample_rate=16000` (raw 16-bit samples in binary frames). It greets, says back what it hears one
second later, and answers keys:

    1  a rising tone, followed by a mark that comes back when the caller has heard it
    2  a long tone that is cut short by `clear` after one second
    8  tells whoever is at --warm-transfer-to about the caller, then connects the two (a warm transfer)
    9  transfers the caller to --transfer-to by SIP REFER
    0  hangs up

With `role=operator` in the URL's query it only says that it is the operator. A real agent would put speech recognition
where `hear` is and speech synthesis where `say` is. Time is counted in the audio that arrives, never by a clock:
what comes in runs at the caller's pace, so both ends agree about "one second later".
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ari_agent.demo.agent_wire import (
    AgentEvent,
    AgentWire,
    AudioHeard,
    CallStarted,
    KeyPressed,
    TransferEnded,
    TransferStep,
    TwilioWire,
    WebWire,
)
from ari_agent.demo.sounds import Samples, chirp, melody, silence, speech, tone

GREETING_NOTES_HZ = (523.25, 659.25, 783.99)
RISING_TONE_HZ = (400.0, 1600.0)
LONG_TONE_HZ = 620.0


@dataclass(slots=True)
class AudioConversation:
    """The agent's side of one call, from greeting to goodbye.

    wire: the call's websocket. transfer_to: number or SIP URI for key 9. warm_transfer_to: for key 8; None: the key
    does nothing.
    """

    wire: AgentWire
    transfer_to: str
    warm_transfer_to: str | None = None
    is_operator: bool = False
    _memory: Samples = field(default_factory=lambda: silence(0, 8000))
    _samples_to_play: int = 0
    _samples_to_cut: int | None = None
    _is_handing_over: bool = False

    async def answer(self, event: AgentEvent) -> None:
        """Do what the agent does about one event."""
        match event:
            case CallStarted():
                await self.say(self._greeting())
            case AudioHeard(samples):
                await self.hear(samples)
            case KeyPressed(digit):
                await self.press(digit)
            case TransferStep("private_handoff", is_ours_to_speak=True):
                await self.say(speech("handoff", self.wire.rate_hz))
                await self.wire.control("transfer", {"action": "bridge"})  # as soon as that was heard
            case TransferEnded("failed"):
                self._is_handing_over = False
                await self.say(chirp(RISING_TONE_HZ[1], RISING_TONE_HZ[0], 600, self.wire.rate_hz))

    def _greeting(self) -> Samples:
        rate_hz = self.wire.rate_hz
        words = speech("operator" if self.is_operator else "greeting", rate_hz)
        return np.concatenate([melody(GREETING_NOTES_HZ, 120, rate_hz), silence(100, rate_hz), words])

    async def say(self, samples: Samples) -> None:
        """Send a whole sound at once: it is played at the caller's pace, until `clear`."""
        self._samples_to_play += len(samples)
        await self.wire.play(samples)

    async def hear(self, samples: Samples) -> None:
        """Say back what was heard a second ago, unless something else is being said."""
        count = len(samples)
        self._samples_to_play = max(0, self._samples_to_play - count)
        if self._samples_to_cut is not None:
            self._samples_to_cut -= count
            if self._samples_to_cut <= 0:
                self._samples_to_cut, self._samples_to_play = None, 0
                await self.wire.clear()
        self._memory = np.concatenate([self._memory, samples])
        surplus = len(self._memory) - self.wire.rate_hz
        if surplus > 0:
            echo, self._memory = self._memory[:surplus], self._memory[surplus:]
            if not self._samples_to_play and not self.is_operator and not self._is_handing_over:
                await self.wire.play(echo)

    async def press(self, digit: str) -> None:
        """Do what a key asks for; keys without a meaning are ignored."""
        match digit:
            case "1":
                await self.say(chirp(RISING_TONE_HZ[0], RISING_TONE_HZ[1], 600, self.wire.rate_hz))
                await self.wire.mark("rising tone")
            case "2":
                await self.say(tone(LONG_TONE_HZ, 5000, self.wire.rate_hz))
                await self.wire.mark("long tone")
                self._samples_to_cut = self.wire.rate_hz
            case "8" if self.warm_transfer_to:
                self._is_handing_over, self._samples_to_play = True, 0
                await self.wire.clear()
                prompt = {"type": "prompt", "prompt": "Say that a caller of the demo is on the line."}
                request = {"to": self.warm_transfer_to, "mode": "warm", "on_hold_music": "relaxing_sound"}
                await self.wire.control("transfer", {**request, "private_handoff_option": prompt})
            case "9":
                headers = {"X-Transferred-By": "demo agent"}
                await self.wire.control("transfer", {"to": self.transfer_to, "mode": "sip_refer", "headers": headers})
            case "0":
                await self.wire.control("hangup", {"q850_cause": 16})


def _wire(websocket: ServerConnection, path: str, query: dict[str, str]) -> AgentWire | None:
    if path == "/twilio":
        return TwilioWire(websocket)
    rate = query.get("sample_rate", "16000")
    if path == "/web" and rate.isdecimal() and 8000 <= int(rate) <= 48000:
        return WebWire(websocket, rate_hz=int(rate), encoding=query.get("audio_encoding", "s16le"))
    return None


@asynccontextmanager
async def serve_agent(
    host: str,
    port: int,
    *,
    transfer_to: str,
    warm_transfer_to: str | None = None,
    on_event: Callable[[str, AgentEvent], None] | None = None,
) -> AsyncIterator[Server]:
    """Serve the agent as a websocket server, for as long as the context is open.

    transfer_to, warm_transfer_to: numbers or SIP URIs for the keys 9 and 8. on_event: gets all that happens, with the
    call's id, in order.
    """

    async def converse(websocket: ServerConnection) -> None:
        url = urlsplit(websocket.request.path if websocket.request else "")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        wire = _wire(websocket, url.path, query)
        if wire is None:
            await websocket.close(1008, "dial /twilio or /web?sample_rate=8000..48000")
            return
        is_operator = query.get("role") == "operator"
        conversation = AudioConversation(wire, transfer_to, warm_transfer_to, is_operator=is_operator)
        call_id = ""
        try:
            async for event in wire.events():
                call_id = event.call_id if isinstance(event, CallStarted) else call_id
                if on_event:
                    on_event(call_id, event)
                await conversation.answer(event)
        except ValueError as error:  # bad JSON or base64
            await websocket.close(1007, f"not a message of this protocol: {error}"[:120])
        except ConnectionClosed:
            return  # the caller hung up while we were speaking

    async with serve(converse, host, port, max_size=2**20, compression=None) as server:
        yield server


def _show(call_id: str, event: AgentEvent) -> None:
    if not isinstance(event, AudioHeard):
        print(call_id, event, flush=True)


async def _main(options: argparse.Namespace) -> None:
    host, port = options.host, options.port
    targets = {"transfer_to": options.transfer_to, "warm_transfer_to": options.warm_transfer_to}
    async with serve_agent(host, port, **targets, on_event=_show) as server:
        print(f"demo agent: ws://{host}:{port}/twilio and ws://{host}:{port}/web?sample_rate=16000", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m ari_agent.demo.agent", description="demo voice agent")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--transfer-to", default="+15550100002", help="number or SIP URI for key 9")
    parser.add_argument("--warm-transfer-to", help="number or SIP URI for key 8, which does nothing without it")
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args()))
