"""An audio agent's side of a call: its websocket, what it says and asks for, and how it ends.

| what happens                                             | event                                            |
|----------------------------------------------------------|--------------------------------------------------|
| no TCP, TLS or handshake in time, or an answer not 101   | AgentFailed(error_llm_websocket_open)            |
| `{"event":"hangup"}`                                     | AgentHungUp(its q850_cause)                      |
| the agent closes: 1000, or without a code                | AgentHungUp(16)                                  |
| any other close code, reset, no answer to pings          | AgentAway, and the agent is dialled again:       |
|     it is reached within the specification's redial_s    | AgentBack                                        |
|     it is not                                            | AgentFailed(error_llm_websocket_lost_connection) |
| the same where redial_s is 0                             | AgentFailed at once; for 1001, AgentHungUp(16)   |
| endless garbage, or fragments out of order               | AgentFailed(error_llm_websocket_corrupt_payload) |

redial.py has the states. While the agent is away, the caller's audio is dropped, and of the commands those that are
messages are kept, the latest KEPT_COMMANDS: they follow the opening messages of the next connection. Each connection
begins anew, with a protocol of its own, and is told that the agent is `reconnected`; a mark of the one before is not
reported to it.

A message that its protocol does not allow is ignored: see agents/bad_messages.py.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.agents.control import live_control, refusal, transfer_answer, transfer_progress, voicemail_notice
from ari_agent.agents.message import (
    AgentMessage,
    Asked,
    CallFacts,
    Clear,
    ControlRequest,
    Mark,
    Ping,
    Refused,
    ScreenMessage,
    TranscriptMessage,
)
from ari_agent.agents.noted_protocol import NotedProtocol
from ari_agent.agents.protocol import AgentProtocol
from ari_agent.agents.twilio import TwilioClient
from ari_agent.agents.web import WebClient
from ari_agent.calls.media.agent_leg import CallerOutput, message_teller
from ari_agent.calls.media.call_media import (
    AgentAway,
    AgentBack,
    AgentReady,
    DtmfAsked,
    KeyForwarded,
    MediaEvent,
    MediaSpec,
    TranscriptTold,
    TransferAsked,
    TransferDecided,
)
from ari_agent.calls.media.commands import (
    ApiControl,
    CallDetails,
    CallerAway,
    CallerBack,
    Command,
    ControlFailed,
    KeyPressed,
    TargetListens,
    TransferGoesOn,
    TransferResult,
    Voicemail,
)
from ari_agent.calls.media.owed_marks import OwedMarks
from ari_agent.calls.media.redial import Redial
from ari_agent.calls.media.socket_leg import SocketLeg
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferRequest
from ari_agent.contract.recording import NOTHING_TO_PAUSE, PAUSE, RecordingRequest
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AgentCorruptPayload, AgentError, AgentLost

log = logging.getLogger(__name__)

NORMAL_CLEARING: Final = 16  # Q.850
GOING_AWAY: Final = 1001  # RFC 6455 section 7.4.1
KEPT_COMMANDS: Final = 64
"""So many keys, and other news for the agent, are kept for it while it is away; of more, the oldest are dropped."""
_DICE: Final = random.SystemRandom().random


class AudioAgentLeg(SocketLeg):
    """An audio agent's side of one call: the caller's audio goes to its websocket as it is. See AgentLeg."""

    def __init__(
        self,
        spec: MediaSpec,
        output: CallerOutput,
        on_event: Callable[[MediaEvent], None],
        *,
        watch: Callable[[AgentProtocol], AgentProtocol] = lambda protocol: protocol,
        headers: Mapping[str, str] | None = None,
        voice_ends: VoiceEnds | None = None,
    ) -> None:
        """spec: with an AudioWebsocketEngine, otherwise TypeError is raised.

        watch: is given the protocol and returns what stands in its place, such as one that notes every message.
        headers: of the handshake, beside those of the engine, which count where both have one.
        voice_ends: see AgentLeg.
        """
        if not isinstance(spec.engine, AudioWebsocketEngine):
            raise TypeError(f"an audio agent's engine is no {spec.engine.type}")
        engine = self._engine = spec.engine
        super().__init__(spec, on_event, voice_ends=voice_ends)
        self._output = output
        self.encoding: str = engine.audio_encoding
        self.rate_hz = engine.sample_rate
        self._watch, self._tell = watch, message_teller(spec, on_event)
        self._protocol = self._new_protocol(reconnected=spec.reconnected)
        self._log = logging.LoggerAdapter(log, {"call_id": spec.call_id})
        self._socket = AudioSocket(
            self._protocol,
            self,
            on_round_trip=lambda took_s: self._latency.took("llm_websocket_network_rtt", took_s * 1000),
            log=self._log,
        )
        self.hear: Callable[[bytes], None] = self._socket.send_audio
        self._headers = headers or {}
        self._loop = asyncio.get_running_loop()
        self._redial = Redial(spec.redial_s, dice=_DICE)
        self._loss: AgentLost | None = None  # the latest
        self._is_to_be_dialled = asyncio.Event()
        self._kept: deque[Command] = deque(maxlen=KEPT_COMMANDS)
        self._marks = OwedMarks()

    def _new_protocol(self, *, reconnected: bool) -> AgentProtocol:
        """Return the protocol of one connection. reconnected: the agent has had this call before."""
        spec, engine = self._spec, self._engine
        facts = CallFacts(
            call_id=spec.call_id,
            from_number=spec.from_number,
            to_number=spec.to_number,
            direction=spec.direction,
            dynamic_variables=spec.dynamic_variables,
            metadata=spec.metadata,
            reconnected=reconnected,
        )
        if engine.audio_websocket_protocol == "twilio":
            protocol: AgentProtocol = TwilioClient(
                facts,
                stream_sid=f"MZ{secrets.token_hex(16)}",
                encoding=engine.audio_encoding,
                rate_hz=engine.sample_rate,
            )
        else:
            protocol = WebClient(facts, encoding=engine.audio_encoding, rate_hz=engine.sample_rate)
        return self._watch(NotedProtocol(protocol, self._tell) if self._tell else protocol)

    def start(self) -> None:
        """Do nothing, because an audio agent begins when it is dialled; what it says then is kept. See AgentLeg."""

    def command(self, command: Command) -> None:
        """Pass a command on as a message of the agent's protocol; an audio agent is not told of hold and details."""
        if isinstance(command, CallerAway | CallerBack | TargetListens | CallDetails):
            return
        if self._redial.is_lost:
            self._kept.append(command)
            return
        match command:
            case KeyPressed(digit, duration_ms):
                if self._spec.allow_user_dtmf:
                    self._socket.send(self._protocol.dtmf(digit, duration_ms))
                    self._on_event(KeyForwarded(digit))
            case ApiControl(control):
                self._send_control(live_control(control))
            case TransferResult(outcome):
                self._send_control(transfer_answer(outcome))
            case TransferGoesOn(progress):
                self._send_control(transfer_progress(progress))
            case Voicemail(notice):
                self._send_control(voicemail_notice(notice))
            case ControlFailed(event, message):
                self._send_control(refusal(event, message))
            case _:
                assert_never(command)

    def marks_played(self, names: Sequence[str]) -> None:
        """Tell the agent that the audio before these marks was heard, or cleared."""
        for name in self._marks.due(names):
            self._socket.send(self._protocol.mark(name))

    # what the agent's websocket tells

    def on_agent_ready(self) -> None:
        """Report that the agent is connected, and tell it what was kept for it. See AgentEvents."""
        back = self._redial.opened(self._loop.time())
        if back is None:
            self._on_event(AgentReady())
            return
        self._log.info("audio agent: reached again after %.1f s, attempt %d", back.away_s, back.attempts)
        while self._kept:
            self.command(self._kept.popleft())
        self._output.agent_is_away(False)
        self._on_event(AgentBack(round(back.away_s * 1000), back.attempts, str(self._loss)))

    def on_agent_audio(self, payload: bytes) -> None:
        """Play the agent's audio to the caller. See AgentEvents."""
        self._output.play(payload)

    def on_agent_message(self, message: AgentMessage) -> None:
        """Do what a message of the agent asks for, and count it if its kind is unknown. See AgentEvents."""
        match message:
            case Mark(name):
                if self._output.mark(name):
                    self._marks.set()
                else:
                    too_many = "more marks are waiting than any audio could need"
                    self._socket.bad(AgentCorruptPayload(too_many, event="mark"))
            case Clear():
                self.marks_played(self._output.clear())
            case Ping():
                self._socket.send(self._protocol.pong())
            case ScreenMessage(event, text):
                self._output.tell(event, text)
            case TranscriptMessage(update, text):
                self._output.tell("update", text)
                self._on_event(TranscriptTold(update))
            case Refused(event, why):
                log.warning("the agent's %s is refused: %s", event, why, extra={"call_id": self._spec.call_id})
                self._send_control(refusal(event, why))
            case Asked(request):
                self._ask(request)
            case _:
                self._unknown += 1

    def on_agent_closed(self, error: AgentError | None) -> None:
        """Report that the agent hung up or failed, or have it dialled again where it is lost. See AgentEvents."""
        if error is None and self._redial.limit_s and self._socket.close_code == GOING_AWAY:
            error = AgentLost(GOING_AWAY, "it is going away")
        if error is None:
            self._hung_up(NORMAL_CLEARING)
        elif isinstance(error, AgentLost) and not self._gone and self._redial.lost(self._loop.time()):
            self._log.warning("audio agent: dialling again, for up to %g s: %s", self._redial.limit_s, error)
            self._loss = error
            self._marks.forget()
            self._output.agent_is_away(True)
            self._on_event(AgentAway(str(error)))
            self._is_to_be_dialled.set()
        else:
            self._failed(error)

    # inside

    def _ask(self, request: ControlRequest) -> None:
        match request:
            case HangupRequest(q850_cause=cause, notice=notice):
                if notice:
                    self._send_control(refusal("hangup", f"{notice.message}: {', '.join(notice.headers_not_sent)}"))
                self._hung_up(cause)
            case TransferRequest():
                self._on_event(TransferAsked(request))
            case TransferDecision():
                self._on_event(TransferDecided(request))
            case DtmfRequest():
                self._on_event(DtmfAsked(request))
            case RecordingRequest(action=action):
                if not self._output.pause_recording(action == PAUSE):
                    self._send_control(refusal("recording", NOTHING_TO_PAUSE))
            case _:
                assert_never(request)

    def _send_control(self, message: Mapping[str, object]) -> None:
        self._socket.send(self._protocol.control(message))

    async def _talk(self) -> None:
        try:
            await self._connect(self._spec.connect_timeout_s)
        except AgentError as error:
            self._failed(error)
            return
        while True:
            await self._is_to_be_dialled.wait()
            self._is_to_be_dialled.clear()
            await self._dial_again()

    async def _connect(self, timeout_s: float) -> None:
        await self._socket.connect(
            self._engine.audio_websocket_url,
            headers={**self._headers, **self._engine.handshake_headers()},
            auth_token=self._engine.audio_websocket_auth_token,
            timeout_s=timeout_s,
        )

    async def _dial_again(self) -> None:
        """Dial until the agent is connected, or the time for that is over."""
        redial, failure = self._redial, ""
        while redial.is_lost:
            pause_s = redial.next_attempt(self._loop.time())
            if pause_s is None:
                why = f"and not reached again within {redial.limit_s:g} s{failure}"
                self._failed(AgentLost(self._loss.code if self._loss else 1006, why))
                return
            await asyncio.sleep(pause_s)
            self._protocol = self._new_protocol(reconnected=True)
            self._socket.renew(self._protocol)
            try:
                await self._connect(min(self._spec.connect_timeout_s, redial.left_s(self._loop.time())))
            except AgentError as error:
                self._log.info("audio agent: not reached again yet: %s", error)
                failure = f": {error}"
