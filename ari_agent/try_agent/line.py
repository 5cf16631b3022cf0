"""A phone line to an agent without Asterisk: the product's media session, and a caller on loopback who sends it RTP.

caller (demo/caller_audio.py) <- RTP -> MediaSession <-> the product's leg for the agent <-> websocket
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from ari_agent.agents.llm_connection import CALL_POLICY
from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.calls.media.agent_leg import AgentLeg, CallerOutput, NewAgentLeg
from ari_agent.calls.media.audio_agent_leg import AudioAgentLeg
from ari_agent.calls.media.call_media import (
    AgentFailed,
    AgentHungUp,
    AgentReady,
    DtmfAsked,
    MediaEvent,
    MediaSpec,
    MediaStats,
    TranscriptTold,
    TransferAsked,
)
from ari_agent.calls.media.commands import CallerAway, CallerBack, KeyPressed, TransferResult
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.clock import now_ms
from ari_agent.contract.call_control import TransferOutcome
from ari_agent.contract.response_engine import CustomLlmEngine
from ari_agent.contract.transcript import Utterance
from ari_agent.demo.caller_audio import CallerAudio
from ari_agent.demo.sounds import Samples
from ari_agent.errors import SpeechUnavailable
from ari_agent.http_client import http_client
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wheel import Wheel
from ari_agent.speech.flite_synthesizer import FliteSynthesizer
from ari_agent.speech.synthesizer import Synthesizer
from ari_agent.try_agent.spoken_stand_ins import HummedWords, KnownWords, LoudIsVoice
from ari_agent.try_agent.watched_protocol import WatchedProtocol
from ari_agent.try_agent.watched_websocket import watched_websocket
from ari_agent.try_agent.wire_log import WireLog

_HOST = "127.0.0.1"
_KEY_MS = 160
_NOBODY_MOVES = "this is a trial call: nobody is transferred"


class Line:
    """One trial call. wire: is told of every message. Everything happens in the event loop's thread.

    ready, ended: results are the time at which the agent was ready, and why there is no agent any more.
    asked: the transfers and keys that the agent asked for. transcript: what was said, as a text agent's call has it.
    """

    def __init__(self, spec: MediaSpec, new_agent: NewAgentLeg, recognizer: KnownWords) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[float] = self._loop.create_future()
        self.ended: asyncio.Future[AgentFailed | AgentHungUp] = self._loop.create_future()
        self.asked: list[str] = []
        self.transcript: Sequence[Utterance] = ()
        self._recognizer = recognizer
        self._caller = CallerAudio()
        self._session = MediaSession(
            spec, rtp=RtpPorts(_HOST, 0, 0), wheel=Wheel(), on_event=self._told, new_agent=new_agent
        )
        self._address = (_HOST, 0)
        self._sending: asyncio.Task[None] | None = None

    @property
    def heard(self) -> Samples:
        """Return what the caller has heard since the answer, at 8 kHz: its length is the time that has passed."""
        return self._caller.heard

    @property
    def stats(self) -> MediaStats:
        """Return the counters of audio and messages so far."""
        return self._session.stats

    async def dial(self) -> None:
        """Open the sockets and dial the agent; `ready` or `ended` follows."""
        self._address = await self._session.open()
        self._session.accept_from(_HOST, await self._caller.open(_HOST))
        self._session.dial_agent()

    def answer(self) -> None:
        """Let audio flow both ways, as after the 200 OK."""
        self._session.start()
        self._sending = self._loop.create_task(self._caller.run(self._address), name="trial caller")

    async def say(self, samples: Samples, words: str) -> None:
        """Have the caller say something, whose words are these; returns when it is said."""
        self._recognizer.words = words
        await self._caller.say(samples)

    def press(self, key: str) -> None:
        """Have the caller press a key, as Asterisk reports it when it is released."""
        self._session.command(KeyPressed(key, _KEY_MS))

    def hold(self) -> None:
        """Have the caller put the call on hold."""
        self._session.command(CallerAway())

    def resume(self) -> None:
        """Have the caller take the call back."""
        self._session.command(CallerBack())

    async def hang_up(self) -> None:
        """Have the caller hang up: the agent is told, and its websocket closed. Idempotent."""
        await self._session.close()

    async def close(self) -> None:
        """Release everything. Idempotent."""
        await self.hang_up()
        if self._sending:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        self._caller.close()
        for future in (self.ready, self.ended):
            future.cancel()

    def _told(self, event: MediaEvent) -> None:
        match event:
            case AgentReady() if not self.ready.done():
                self.ready.set_result(self._loop.time())
            case AgentFailed() | AgentHungUp() if not self.ended.done():
                self.ended.set_result(event)
            case TransferAsked(request):
                self.asked.append(f"asked for a transfer to {request.to} by {request.mode}")
                outcome = TransferOutcome(status="failed", message=_NOBODY_MOVES)
                self._session.command(TransferResult(outcome))
            case DtmfAsked(request):
                self.asked.append(f"asked for the keys {request.digits} to be sent to the caller")
            case TranscriptTold(update):
                self.transcript = [one for one in update.transcript if isinstance(one, Utterance)]


class _NotedOutput:
    """A CallerOutput that notes audio of the agent on its way."""

    def __init__(self, output: CallerOutput, wire: WireLog) -> None:
        self._output, self._wire = output, wire
        self.mark, self.clear, self.tell = output.mark, output.clear, output.tell
        self.pause_recording, self.agent_is_away = output.pause_recording, output.agent_is_away

    @property
    def shows_updates(self) -> bool:
        """Return whether the user has a screen. See CallerOutput."""
        return self._output.shows_updates

    def play(self, payload: bytes) -> None:
        """Note and play agent audio. See CallerOutput."""
        self._wire.came("audio")
        self._output.play(payload)


@asynccontextmanager
async def open_line(spec: MediaSpec, wire: WireLog) -> AsyncIterator[Line]:
    """Have a line to the agent of this specification, not dialled yet, for as long as the context is open."""
    recognizer = KnownWords()
    async with _legs(spec, wire, recognizer) as new_agent:
        line = Line(spec, new_agent, recognizer)
        try:
            yield line
        finally:
            await line.close()


@asynccontextmanager
async def _legs(spec: MediaSpec, wire: WireLog, recognizer: KnownWords) -> AsyncIterator[NewAgentLeg]:
    if not isinstance(spec.engine, CustomLlmEngine):

        def audio_leg(spec: MediaSpec, output: CallerOutput, on_event: Callable[[MediaEvent], None]) -> AgentLeg:
            noted = _NotedOutput(output, wire)
            return AudioAgentLeg(spec, noted, on_event, watch=lambda protocol: WatchedProtocol(protocol, wire))

        yield audio_leg
        return
    synthesizer = await _voice()
    habits = replace(CALL_POLICY, attempts=1, connect_timeout_s=spec.connect_timeout_s)
    try:
        async with http_client(websocket=watched_websocket(wire)) as http:
            yield Speech(recognizer, synthesizer, LoudIsVoice(), http, now_ms, habits).new_leg
    finally:
        await synthesizer.close()


async def _voice() -> Synthesizer:
    flite = FliteSynthesizer()
    try:
        await flite.start()
    except SpeechUnavailable:
        return HummedWords()
    return flite
