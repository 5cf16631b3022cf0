"""An audio agent's side of a call: its websocket, what it says and asks for, and how it ends.

| what happens                                             | event                                            |
|----------------------------------------------------------|--------------------------------------------------|
| no TCP, TLS or handshake in time, or an answer not 101   | AgentFailed(error_llm_websocket_open)            |
| `{"event":"hangup"}`                                     | AgentHungUp(its q850_cause)                      |
| the agent closes: 1000, 1001, or without a code          | AgentHungUp(16)                                  |
| any other close code, reset, no answer to pings          | AgentFailed(error_llm_websocket_lost_connection) |
| endless garbage, or fragments out of order               | AgentFailed(error_llm_websocket_corrupt_payload) |

A message that its protocol does not allow is ignored: see agents/bad_messages.py.
"""

from __future__ import annotations

import logging
import secrets
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
from ari_agent.calls.media.socket_leg import SocketLeg
from ari_agent.calls.media.voice_ends import VoiceEnds
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferRequest
from ari_agent.contract.recording import NOTHING_TO_PAUSE, PAUSE, RecordingRequest
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.contract.transfer_progress import TransferDecision
from ari_agent.errors import AgentCorruptPayload, AgentError

log = logging.getLogger(__name__)

NORMAL_CLEARING: Final = 16  # Q.850


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
        facts = CallFacts(
            call_id=spec.call_id,
            from_number=spec.from_number,
            to_number=spec.to_number,
            direction=spec.direction,
            dynamic_variables=spec.dynamic_variables,
            metadata=spec.metadata,
            reconnected=spec.reconnected,
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
        tell = message_teller(spec, on_event)
        self._protocol = watch(NotedProtocol(protocol, tell) if tell else protocol)
        self._socket = AudioSocket(
            self._protocol,
            self,
            on_round_trip=lambda took_s: self._latency.took("llm_websocket_network_rtt", took_s * 1000),
            log=logging.LoggerAdapter(log, {"call_id": spec.call_id}),
        )
        self.hear: Callable[[bytes], None] = self._socket.send_audio
        self._headers = headers or {}

    def start(self) -> None:
        """Do nothing, because an audio agent begins when it is dialled; what it says then is kept. See AgentLeg."""

    def command(self, command: Command) -> None:
        """Pass a command on as a message of the agent's protocol; an audio agent is not told of hold and details."""
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
            case CallerAway() | CallerBack() | TargetListens() | CallDetails():
                pass
            case _:
                assert_never(command)

    def marks_played(self, names: Sequence[str]) -> None:
        """Tell the agent that the audio before these marks was heard, or cleared."""
        for name in names:
            self._socket.send(self._protocol.mark(name))

    # what the agent's websocket tells

    def on_agent_ready(self) -> None:
        """Report that the agent is connected. See AgentEvents."""
        self._on_event(AgentReady())

    def on_agent_audio(self, payload: bytes) -> None:
        """Play the agent's audio to the caller. See AgentEvents."""
        self._output.play(payload)

    def on_agent_message(self, message: AgentMessage) -> None:
        """Do what a message of the agent asks for, and count it if its kind is unknown. See AgentEvents."""
        match message:
            case Mark(name):
                if not self._output.mark(name):
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
        """Report that the agent hung up, or that it failed where there is an error. See AgentEvents."""
        if error is None:
            self._hung_up(NORMAL_CLEARING)
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
            await self._socket.connect(
                self._engine.audio_websocket_url,
                headers={**self._headers, **self._engine.handshake_headers()},
                auth_token=self._engine.audio_websocket_auth_token,
                timeout_s=self._spec.connect_timeout_s,
            )
        except AgentError as error:
            self._failed(error)
            return
        await self._socket.wait_closed()
